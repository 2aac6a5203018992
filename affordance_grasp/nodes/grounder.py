"""A grounding method behind the service ``ground``, and live on the topic ``heatmap``."""

from dataclasses import dataclass
from threading import Lock
from time import monotonic, perf_counter

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from affordance_grasp.datatypes import Heatmap, RgbdFrame
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.grounding.regions import object_region
from affordance_grasp.nodes.convert.conversions import from_color, from_map, to_color, to_region
from affordance_grasp.nodes.inputs.frames import FrameStream, StampedFrame
from affordance_grasp.nodes.ros.calls import answering
from affordance_grasp.nodes.ros.parameters import declare, describe
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.report.figures import heatmap_overlay
from affordance_grasp.srv import GroundAffordance

COMPLAINT_PERIOD_S = 5.0


@dataclass(frozen=True)
class GrounderParameters:
    """Parameters of the node."""

    method: str = describe("plsp", "name of the grounding method")
    checkpoint: str = describe("", "checkpoint file; empty: the one that comes with the package")
    device: str = describe("cpu", "torch device, such as cpu or cuda:0")
    precision: str = describe(
        "auto", "of the encoder: float32, bfloat16, or auto, the faster of them on this processor"
    )
    query: str = describe("", "what to show live on the topic heatmap; empty: nothing")
    rate_hz: float = describe(2.0, "most heatmaps per second on the topic")

    def __post_init__(self) -> None:
        """Refuse a rate that never comes."""
        if not self.rate_hz > 0:
            raise InvalidInput(f"grounder: rate_hz is {self.rate_hz:g}; it must be > 0")


class GrounderNode(Node):
    """Holds one network; every request and every live frame takes its turn at it."""

    def __init__(self) -> None:
        """Load the network, offer the service, and show the parameter's query live."""
        super().__init__("grounder")
        self._settings = p = declare(self, GrounderParameters)
        self._grounder = load_grounder(p.method, p.checkpoint or None, p.device, p.precision)
        self._network = Lock()
        self._next_live = 0.0
        self._heatmap = self.create_publisher(Image, "heatmap", qos_profile_sensor_data)
        self._overlay = self.create_publisher(Image, "heatmap/overlay", qos_profile_sensor_data)
        self.create_service(
            GroundAffordance,
            "ground",
            self._ground,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        if p.query:
            self._frames = FrameStream(self, self._show)
        precision = self._grounder.precision
        self.get_logger().info(f"method {p.method} is ready, its encoder in {precision}")

    def _ground(
        self, request: GroundAffordance.Request, response: GroundAffordance.Response
    ) -> GroundAffordance.Response:
        with answering(self, response):
            started = perf_counter()
            color = to_color(request.image)
            region = to_region(request.region, color.shape[1], color.shape[0])
            with self._network:
                heatmap = self._grounder.ground(color, request.query, region)
            response.heatmap = from_map(heatmap.values, request.image.header)
            response.raw = from_map(heatmap.raw, request.image.header)
            response.affordance = heatmap.affordance
            response.method = heatmap.method
            response.confidence = heatmap.confidence
            response.latency_s = perf_counter() - started
        return response

    def _show(self, stamped: StampedFrame) -> None:
        """Ground a live frame, when somebody looks and it is time."""
        overlay_read = self._overlay.get_subscription_count() > 0
        heatmap_read = self._heatmap.get_subscription_count() > 0
        if not (overlay_read or heatmap_read) or monotonic() < self._next_live:
            return
        self._next_live = monotonic() + 1 / self._settings.rate_hz
        try:
            frame = stamped.frame()
            heatmap = self._look(frame)
        except AffordanceGraspError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=COMPLAINT_PERIOD_S)
            return
        if overlay_read:
            self._overlay.publish(
                from_color(heatmap_overlay(frame.color, heatmap), stamped.header)
            )
        if heatmap_read:
            self._heatmap.publish(from_map(heatmap.values, stamped.header))

    def _look(self, frame: RgbdFrame) -> Heatmap:
        region = object_region(frame)
        with self._network:
            return self._grounder.ground(frame.color, self._settings.query, region)


def main() -> None:
    """Run the node."""
    run(GrounderNode, threads=3)


if __name__ == "__main__":
    main()
