"""Grounder and generator as the pipeline needs them, served by other nodes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import GraspCandidates, Heatmap, Region, RgbdFrame
from affordance_grasp.errors import ExternalFault
from affordance_grasp.grounding.external import checked_map
from affordance_grasp.grounding.maps import paste
from affordance_grasp.nodes.convert.conversions import from_region
from affordance_grasp.nodes.convert.grasp_messages import to_candidates
from affordance_grasp.nodes.convert.images import to_map
from affordance_grasp.nodes.convert.targets import from_target, with_gripper
from affordance_grasp.nodes.inputs.frames import StampedFrame
from affordance_grasp.nodes.ros.calls import LATCHED, NoAnswer, Refused, call, publish_to
from affordance_grasp.scene.cloud import TableScene
from affordance_grasp.srv import GenerateGrasps, GroundAffordance
from affordance_grasp.streams.messages import seconds

LONGEST_S = 600.0
SCENE = "segmented_scene"


class RemoteServices:
    """Clients of ``ground`` and ``generate_grasps``."""

    def __init__(
        self, node: Node, timeout_s: float, wanted: Callable[[], None] = lambda: None
    ) -> None:
        """Create the clients; the services are waited for on the first call.

        ``timeout_s`` is the longest wait for anything but the generator's own computing;
        ``wanted`` raises when nobody waits for the grasps any more.
        """
        group = ReentrantCallbackGroup()
        self.timeout_s, self.wanted = timeout_s, wanted
        self.scene = publish_to(node, PointCloud2, SCENE, LATCHED)
        self.ground = node.create_client(GroundAffordance, "ground", callback_group=group)
        self.generate = node.create_client(GenerateGrasps, "generate_grasps", callback_group=group)

    def refuse_unknown(self, query: str) -> None:
        """Raise what the grounder says of a query that it does not know, with no image yet."""
        call(self.ground, GroundAffordance.Request(query=query), self.timeout_s)

    def generate_grasps(self, request: GenerateGrasps.Request) -> GenerateGrasps.Response:
        """Grasps, waited for as long as their generator itself says that they may take.

        It is asked for that first; where it does not know the question, ``timeout_s`` counts.
        """
        try:
            told = call(self.generate, GenerateGrasps.Request(), self.timeout_s)
            generator_s = max(0.0, min(float(told.timeout_s), LONGEST_S))
        except Refused:
            generator_s = 0.0
        return call(
            self.generate, request, generator_s + self.timeout_s, attempts=1, check=self._still
        )

    def _still(self) -> None:
        """Raise where the service has gone or its answer is not wanted."""
        self.wanted()
        if not self.generate.service_is_ready():
            raise NoAnswer(f"service {self.generate.srv_name} is gone: its node ended meanwhile")

    def check(self) -> None:
        """Raise :class:`NoAnswer` where a service is not offered now."""
        for client in (self.ground, self.generate):
            if not client.service_is_ready():
                raise NoAnswer(f"service {client.srv_name} is not offered by any node")


@dataclass(frozen=True)
class ServedFrame:
    """Grounder and generator of one frame: they call the services with its messages."""

    services: RemoteServices
    stamped: StampedFrame
    robot: RobotConfig
    name = "generate_grasps"
    wants_target = True

    def ground(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """The heatmap of the frame's colour image."""
        request = GroundAffordance.Request(
            image=self.stamped.color, region=from_region(region), query=query
        )
        response = call(self.services.ground, request, self.services.timeout_s)
        part = checked_map(to_map(response.heatmap), color, region, "service ground")
        return Heatmap(
            values=paste(part / part.max(), color, region),
            raw=to_map(response.raw, "raw heatmap"),
            query=query,
            affordance=response.affordance,
            method=response.method,
            confidence=float(response.confidence),
        )

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: TableScene | None = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """Grasps of at most the gripper's stroke, for what is known of the target."""
        stamped, robot = self.stamped, self.robot
        request = GenerateGrasps.Request(
            color=stamped.color,
            depth=stamped.depth,
            camera_info=stamped.camera_info,
            max_width_m=robot.gripper.max_width_m,
            seed=seed,
        )
        if scene is not None:
            base_frame = robot.settings.base_frame
            told = from_target(target, frame, scene, stamped.header, base_frame)
            request.target = with_gripper(told, robot.gripper)
            self.services.scene.publish(told.points)
        response = self.services.generate_grasps(request)
        self._check(response.candidates.header)
        return to_candidates(response.candidates)

    def _check(self, header: Header) -> None:
        """Refuse grasps in another frame or of another image."""
        asked = self.stamped.header
        if header.frame_id != asked.frame_id:
            raise ExternalFault(
                f"service {self.name} answered in frame {header.frame_id!r}; grasps must be in "
                f"the image's frame {asked.frame_id!r}"
            )
        if header.stamp != asked.stamp:
            raise ExternalFault(
                f"service {self.name} answered with stamp {seconds(header.stamp):.3f} s; it must "
                f"be that of the image, {seconds(asked.stamp):.3f} s"
            )
