"""A grasp generator behind the service ``generate_grasps``."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from rclpy.node import Node
from std_msgs.msg import Header

from affordance_grasp.candidates.external.settings import AS_CONVENTION, ExternalSettings
from affordance_grasp.candidates.generators import GENERATORS, GraspGenerator, make_generator
from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.nodes.convert.conversions import to_rgbd
from affordance_grasp.nodes.convert.grasp_messages import from_candidates
from affordance_grasp.nodes.inputs.published_grasps import NAME as TOPIC
from affordance_grasp.nodes.inputs.published_grasps import GraspInbox, PublishedGrasps
from affordance_grasp.nodes.ros.calls import answering
from affordance_grasp.nodes.ros.parameters import declare, describe
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.share import share_path
from affordance_grasp.srv import GenerateGrasps

NAMES = (*GENERATORS, TOPIC)


@dataclass(frozen=True)
class CandidatesParameters:
    """Parameters of the node."""

    generator: str = describe("antipodal", f"where grasps come from: {', '.join(NAMES)}")
    robot_file: str = describe("config/aubo_i5.yaml", "the robot, for its gripper")
    address: str = describe("tcp://127.0.0.1:5556", "of the server, for graspgen")
    command: str = describe("", "program to run on every frame, for command")
    convention: str = describe("", "of an external generator's poses; empty: its own, else tcp")
    hand: str = describe("", "which hand its model was trained with; empty: as it says itself")
    tip_offset_m: float = describe(
        AS_CONVENTION, "from the origin of its poses to the fingertips [m]; negative: as the hand"
    )
    timeout_s: float = describe(10.0, "how long to wait for an external generator [s]")
    max_grasps: int = describe(200, "how many grasps to ask an external generator for")
    max_age_s: float = describe(0.5, "how much older than the image topic's grasps may be [s]")
    best_first: bool = describe(True, "topic's poses are in order of quality; else it is measured")

    def __post_init__(self) -> None:
        """Refuse an unknown generator and grasps from the future."""
        if self.generator not in NAMES:
            raise UnknownName("generator", self.generator, NAMES)
        if not 0 <= self.max_age_s <= 60:
            raise InvalidInput(f"max_age_s is {self.max_age_s}; must be within 0..60 s")

    @property
    def external(self) -> ExternalSettings:
        """What the core needs to know about an external generator."""
        return ExternalSettings(
            address=self.address,
            command=self.command,
            convention=self.convention,
            hand=self.hand,
            tip_offset_m=self.tip_offset_m,
            timeout_s=self.timeout_s,
            max_grasps=self.max_grasps,
        )


class CandidatesNode(Node):
    """Answers an RGB-D frame with 6-DoF grasps."""

    def __init__(self) -> None:
        """Make the generator and offer the service."""
        super().__init__("candidates")
        self._settings = p = declare(self, CandidatesParameters)
        gripper = load_robot(share_path(p.robot_file)).gripper
        self._generator_for = self._make(gripper)
        self.create_service(GenerateGrasps, "generate_grasps", self._generate)
        self.get_logger().info(f"generator {p.generator} is ready")

    def _make(self, gripper: GripperProfile) -> Callable[[Header], GraspGenerator]:
        """The generator for the image with a header."""
        p = self._settings
        if p.generator != TOPIC:
            generator = make_generator(p.generator, gripper, p.external)
            return lambda header: generator
        inbox, conversion = GraspInbox(self), p.external.conversion("tcp")
        return lambda header: PublishedGrasps(
            inbox,
            header,
            gripper,
            conversion,
            max_age_s=p.max_age_s,
            timeout_s=p.timeout_s,
            best_first=p.best_first,
        )

    def _generate(
        self, request: GenerateGrasps.Request, response: GenerateGrasps.Response
    ) -> GenerateGrasps.Response:
        with answering(self, response):
            started = perf_counter()
            frame = to_rgbd(request.color, request.depth, request.camera_info)
            generator = self._generator_for(request.color.header)
            candidates = generator.generate(frame, seed=int(request.seed))
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
