"""Grounder and generator as the pipeline needs them, served by other nodes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from affordance_grasp.candidates.external.external_grasps import GeneratorFault
from affordance_grasp.datatypes import GraspCandidates, Heatmap, Region, RgbdFrame
from affordance_grasp.nodes.convert.conversions import from_region
from affordance_grasp.nodes.convert.grasp_messages import to_candidates
from affordance_grasp.nodes.convert.images import to_map
from affordance_grasp.nodes.inputs.frames import StampedFrame
from affordance_grasp.nodes.ros.calls import NoAnswer, call
from affordance_grasp.scene.cloud import TableScene
from affordance_grasp.srv import GenerateGrasps, GroundAffordance
from affordance_grasp.streams.messages import seconds


class RemoteServices:
    """Clients of ``ground`` and ``generate_grasps``."""

    def __init__(self, node: Node, timeout_s: float) -> None:
        """Create the clients; the services are waited for on the first call."""
        group = ReentrantCallbackGroup()
        self.timeout_s = timeout_s
        self.ground = node.create_client(GroundAffordance, "ground", callback_group=group)
        self.generate = node.create_client(GenerateGrasps, "generate_grasps", callback_group=group)

    def refuse_unknown(self, query: str) -> None:
        """Raise what the grounder says of a query that it does not know, with no image yet."""
        call(self.ground, GroundAffordance.Request(query=query), self.timeout_s)

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
    max_width_m: float
    name = "generate_grasps"

    def ground(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """The heatmap of the frame's colour image."""
        request = GroundAffordance.Request(
            image=self.stamped.color, region=from_region(region), query=query
        )
        response = call(self.services.ground, request, self.services.timeout_s)
        return Heatmap(
            values=to_map(response.heatmap),
            raw=to_map(response.raw, "raw heatmap"),
            query=query,
            affordance=response.affordance,
            method=response.method,
            confidence=float(response.confidence),
        )

    def generate(
        self, frame: RgbdFrame, seed: int = 0, scene: TableScene | None = None
    ) -> GraspCandidates:
        """Grasps of at most ``max_width_m``; the service segments the scene itself."""
        request = GenerateGrasps.Request(
            color=self.stamped.color,
            depth=self.stamped.depth,
            camera_info=self.stamped.camera_info,
            max_width_m=self.max_width_m,
            seed=seed,
        )
        try:
            response = call(self.services.generate, request, self.services.timeout_s)
        except NoAnswer as error:
            if not self.services.generate.service_is_ready():
                raise
            raise NoAnswer(
                f"{error}; a slow generator needs a longer service_timeout_s"
            ) from error
        self._check(response.candidates.header)
        return to_candidates(response.candidates)

    def _check(self, header: Header) -> None:
        """Refuse grasps in another frame or of another image."""
        asked = self.stamped.header
        if header.frame_id != asked.frame_id:
            raise GeneratorFault(
                f"service {self.name} answered in frame {header.frame_id!r}; grasps must be in "
                f"the image's frame {asked.frame_id!r}"
            )
        if header.stamp != asked.stamp:
            raise GeneratorFault(
                f"service {self.name} answered with stamp {seconds(header.stamp):.3f} s; it must "
                f"be that of the image, {seconds(asked.stamp):.3f} s"
            )
