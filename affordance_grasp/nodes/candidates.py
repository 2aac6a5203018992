"""A grasp generator behind the service ``generate_grasps``."""

from collections.abc import Callable
from threading import Lock
from time import perf_counter

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from affordance_grasp.candidates.generators import GraspGenerator, make_generator
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.convert.grasp_messages import from_candidates
from affordance_grasp.nodes.convert.images import to_rgbd
from affordance_grasp.nodes.convert.targets import to_target
from affordance_grasp.nodes.inputs.published_grasps import NAME as TOPIC
from affordance_grasp.nodes.inputs.published_grasps import GraspInbox, PublishedGrasps
from affordance_grasp.nodes.parameters import CandidatesParameters
from affordance_grasp.nodes.ros.calls import serve
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.srv import GenerateGrasps


class CandidatesNode(Node):
    """Answers an RGB-D frame with 6-DoF grasps."""

    def __init__(self) -> None:
        """Make the generator and offer the service."""
        super().__init__("candidates")
        self._settings = p = declare(self, CandidatesParameters)
        gripper = load_robot(p.robot_file).gripper
        self._generator_for = self._make(gripper)
        self._turn = Lock()
        group = ReentrantCallbackGroup()  # or nobody hears how long the present one may take
        serve(self, GenerateGrasps, "generate_grasps", self._generate, group)
        self.get_logger().info(f"generator {p.generator} is ready")

    def _make(self, gripper: Gripper) -> Callable[[Header], GraspGenerator]:
        """The generator for the image with a header."""
        p = self._settings
        if p.generator != TOPIC:
            generator = make_generator(p.generator, gripper, p)
            return lambda header: generator
        inbox = GraspInbox(self)
        return lambda header: PublishedGrasps(
            inbox,
            header,
            gripper,
            p,
            max_age_s=p.max_age_s,
            best_first=p.best_first,
        )

    def _generate(
        self, request: GenerateGrasps.Request, response: GenerateGrasps.Response
    ) -> None:
        response.timeout_s = self._settings.timeout_s
        if request.color.width == 0:
            return
        with self._turn:
            self._answer(request, response)

    def _answer(self, request: GenerateGrasps.Request, response: GenerateGrasps.Response) -> None:
        started = perf_counter()
        frame = to_rgbd(request.color, request.depth, request.camera_info)
        target, scene = to_target(request.target, frame)
        generator = self._generator_for(request.color.header)
        candidates = generator.generate(frame, int(request.seed), scene, target)
        candidates = _no_wider(candidates, float(request.max_width_m))
        response.candidates = from_candidates(candidates, request.color.header)
        response.latency_s = perf_counter() - started


def _no_wider(candidates: GraspCandidates, max_width_m: float) -> GraspCandidates:
    """Those of at most this width [m]; all of them for 0."""
    if not max_width_m >= 0:
        raise InvalidInput(f"max_width_m is {max_width_m}; it must be >= 0")
    if max_width_m == 0:
        return candidates
    return candidates.where(candidates.width_m <= max_width_m)


def main() -> None:
    """Run the node."""
    run(CandidatesNode, threads=4)


if __name__ == "__main__":
    main()
