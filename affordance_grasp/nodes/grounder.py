"""A grounding method behind the service ``ground``, and live on the topic ``heatmap``."""

from threading import Lock
from time import monotonic, perf_counter

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from affordance_grasp.datatypes import Heatmap, Region, RgbdFrame
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.grounding.regions import object_region
from affordance_grasp.nodes.convert.conversions import to_region
from affordance_grasp.nodes.convert.images import from_color, from_map, to_color
from affordance_grasp.nodes.inputs.frames import FrameStream, StampedFrame
from affordance_grasp.nodes.parameters import GrounderParameters
from affordance_grasp.nodes.ros.calls import publish_to, serve
from affordance_grasp.nodes.ros.diagnostics import READY, Diagnostics, Health
from affordance_grasp.nodes.ros.parameters import LiveParameters
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.report.figures import heatmap_overlay
from affordance_grasp.srv import GroundAffordance

COMPLAINT_PERIOD_S = 5.0
SHOWN = QoSProfile(depth=2)  # reliable, which any subscriber can read


class GrounderNode(Node):
    """Holds one network; every request and every live frame takes its turn at it."""

    def __init__(self) -> None:
        """Load the network, offer the service, and show the parameter's query live."""
        super().__init__("grounder")
        self._live = LiveParameters(self, GrounderParameters, self._take)
        p = self._live.now
        self._grounder = p.load()
        self._network = Lock()
        self._next_live, self._live_fault, self._heatmaps = 0.0, "", 0
        self._heatmap = publish_to(self, Image, "heatmap", SHOWN)
        self._overlay = publish_to(self, Image, "heatmap/overlay", SHOWN)
        serve(self, GroundAffordance, "ground", self._ground, MutuallyExclusiveCallbackGroup())
        self._frames = FrameStream(self, self._show) if p.query else None
        Diagnostics(self, "heatmaps", self._health)
        precision = self._grounder.precision
        self.get_logger().info(
            f"method {self._grounder.method} is ready, its encoder in {precision}"
        )

    def _take(self, changed: GrounderParameters) -> None:
        """Refuse a query that the network does not know; subscribe for the first one."""
        if changed.query:
            self._grounder.resolve(changed.query)
            self._frames = self._frames or FrameStream(self, self._show)

    def _ground(
        self, request: GroundAffordance.Request, response: GroundAffordance.Response
    ) -> None:
        started = perf_counter()
        if not request.image.width:
            response.affordance = self._grounder.resolve(request.query)
            return
        color = to_color(request.image)
        region = to_region(request.region, color.shape[1], color.shape[0])
        heatmap = self._ground_one(color, request.query, region)
        response.heatmap = from_map(heatmap.values, request.image.header)
        response.raw = from_map(heatmap.raw, request.image.header)
        response.affordance = heatmap.affordance
        response.method = heatmap.method
        response.confidence = heatmap.confidence
        response.latency_s = perf_counter() - started

    def _show(self, stamped: StampedFrame) -> None:
        """Ground a live frame, if there are subscribers and it is time."""
        overlay_read = self._overlay.get_subscription_count() > 0
        heatmap_read = self._heatmap.get_subscription_count() > 0
        p = self._live.now
        if not (p.query and (overlay_read or heatmap_read)) or monotonic() < self._next_live:
            return
        self._next_live = monotonic() + 1 / p.rate_hz
        try:
            frame = stamped.frame()
            heatmap, self._live_fault = self._look(frame, p.query), ""
        except AffordanceGraspError as error:
            self._live_fault = str(error)
            self.get_logger().warning(str(error), throttle_duration_sec=COMPLAINT_PERIOD_S)
            return
        if overlay_read:
            self._overlay.publish(
                from_color(heatmap_overlay(frame.color, heatmap), stamped.header)
            )
        if heatmap_read:
            self._heatmap.publish(from_map(heatmap.values, stamped.header))

    def _look(self, frame: RgbdFrame, query: str) -> Heatmap:
        return self._ground_one(frame.color, query, object_region(frame))

    def _ground_one(self, color: NDArray[np.uint8], query: str, region: Region | None) -> Heatmap:
        with self._network:
            self._heatmaps += 1
            return self._grounder.ground(color, query, region)

    def _health(self) -> Health:
        level = DiagnosticStatus.WARN if self._live_fault else DiagnosticStatus.OK
        p = self._live.now
        figures = {
            "method": self._grounder.method,
            "precision": self._grounder.precision,
            "live query": p.query or "none",
            "heatmaps": self._heatmaps,
        }
        return Health(self._live_fault or READY, level, figures)


def main() -> None:
    """Run the node."""
    run(GrounderNode, threads=3)


if __name__ == "__main__":
    main()
