"""A grasp generator behind the service ``generate_grasps``."""

from dataclasses import dataclass
from time import perf_counter

from rclpy.node import Node

from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.calls import answering
from affordance_grasp.nodes.conversions import to_rgbd
from affordance_grasp.nodes.grasp_messages import from_candidates
from affordance_grasp.nodes.parameters import declare, describe
from affordance_grasp.nodes.running import run
from affordance_grasp.srv import GenerateGrasps


@dataclass(frozen=True)
class CandidatesParameters:
    """Parameters of the node."""

    generator: str = describe("antipodal", "name of the grasp generator")


class CandidatesNode(Node):
    """Answers an RGB-D frame with 6-DoF grasps."""

    def __init__(self) -> None:
        """Make the generator and offer the service."""
        super().__init__("candidates")
        parameters = declare(self, CandidatesParameters)
        self._generator = make_generator(parameters.generator)
        self.create_service(GenerateGrasps, "generate_grasps", self._generate)
        self.get_logger().info(f"generator {parameters.generator} is ready")

    def _generate(
        self, request: GenerateGrasps.Request, response: GenerateGrasps.Response
    ) -> GenerateGrasps.Response:
        with answering(self, response):
            started = perf_counter()
            frame = to_rgbd(request.color, request.depth, request.camera_info)
            candidates = self._generator.generate(frame, seed=int(request.seed))
            candidates = _no_wider(candidates, float(request.max_width_m))
            response.candidates = from_candidates(candidates, request.color.header)
            response.latency_s = perf_counter() - started
        return response


def _no_wider(candidates: GraspCandidates, max_width_m: float) -> GraspCandidates:
    """Those of at most this width [m]; all of them for 0."""
    if not max_width_m >= 0:
        raise InvalidInput(f"max_width_m is {max_width_m}; it must be >= 0")
    if max_width_m == 0:
        return candidates
    kept = candidates.width_m <= max_width_m
    return GraspCandidates(
        T_cam_tcp=candidates.T_cam_tcp[kept],
        width_m=candidates.width_m[kept],
        contact_cam=candidates.contact_cam[kept],
        quality=candidates.quality[kept],
        generator=candidates.generator,
        examined=candidates.examined,
    )


def main() -> None:
    """Run the node."""
    run(CandidatesNode, threads=2)


if __name__ == "__main__":
    main()
