"""RGB-D frames on the camera topics: colour and depth of one instant, and the intrinsics."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Condition
from time import monotonic_ns
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.distortion import PINHOLE, Distortion, matters
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.convert.conversions import from_intrinsics, undistorted_info
from affordance_grasp.nodes.convert.images import from_color, from_depth_m, from_map, to_rgbd
from affordance_grasp.nodes.ros.calls import NoAnswer, listen, publish_to
from affordance_grasp.streams import pairing
from affordance_grasp.streams.camera_info import is_rectified, to_distortion, to_intrinsics
from affordance_grasp.streams.messages import stamp_ns, to_header

COLOR, DEPTH, INFO = "color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info"
DEPTH_INFO = "aligned_depth_to_color/camera_info"
ROLES = {COLOR: pairing.COLOR, DEPTH: pairing.DEPTH, INFO: pairing.INFO}
COMPLAINT_PERIOD_S = 5.0
STALE_S = 5.0
"""A busy machine may take seconds to send an image; one this old has another clock, or waited."""


@dataclass(frozen=True)
class StampedFrame:
    """The three messages of one frame; :meth:`frame` converts and checks them.

    ``rectified``: the images are, by their topic's name, whatever the camera_info says of a lens.
    """

    color: Image
    depth: Image
    camera_info: CameraInfo
    rectified: bool = False

    @property
    def header(self) -> Header:
        """The colour image's header: optical frame and stamp."""
        return self.color.header

    def frame(self) -> RgbdFrame:
        """The frame as a value; raises its fault."""
        return to_rgbd(self.color, self.depth, self.camera_info, rectified=self.rectified)

    def undistorted(self) -> "StampedFrame":
        """The same messages undistorted, for nodes that receive only some of them.

        Grasps are projected on the undistorted image, so the grounder must get that too.
        """
        size = self.color.width, self.color.height
        intrinsics = to_intrinsics(self.camera_info, size, self.rectified)
        lens = to_distortion(self.camera_info, self.rectified)
        bent = matters(intrinsics, lens)
        if not (bent or self.rectified):
            return self
        info = undistorted_info(self.camera_info, self.rectified)
        if not bent:
            return StampedFrame(self.color, self.depth, info)
        frame, header = self.frame(), self.depth.header
        depth = from_map if self.depth.encoding == "32FC1" else from_depth_m
        return StampedFrame(
            from_color(frame.color, self.color.header), depth(frame.depth_m, header), info
        )


class FramePublisher:
    """Publishes frames on the topics of the vendor's driver."""

    def __init__(self, node: Node, qos: QoSProfile) -> None:
        """``qos``: of all four topics."""
        self._color = publish_to(node, Image, COLOR, qos)
        self._depth = publish_to(node, Image, DEPTH, qos)
        self._info = publish_to(node, CameraInfo, INFO, qos)
        self._depth_info = publish_to(node, CameraInfo, DEPTH_INFO, qos)

    def watched(self) -> bool:
        """Whether the colour images have a subscriber."""
        return bool(self._color.get_subscription_count() > 0)

    def publish(self, frame: RgbdFrame, header: Header, lens: Distortion = PINHOLE) -> None:
        """Colour and depth with one stamp: the camera takes them at the same time."""
        info = from_intrinsics(frame.intrinsics, header, lens)
        self._info.publish(info)
        self._depth_info.publish(info)
        self._depth.publish(from_depth_m(frame.depth_m, header))
        self._color.publish(from_color(frame.color, header))


class FrameStream:
    """Feeds a pairer as messages arrive; a slow reader gets only the newest frame."""

    def __init__(
        self,
        node: Node,
        on_frame: Callable[[StampedFrame], None] | None = None,
    ) -> None:
        """Subscribe best-effort, which suits reliable and best-effort publishers alike."""
        self._on_frame, self._logger = on_frame, node.get_logger()
        self._clock: Clock = node.get_clock()
        self._arrived = Condition()
        self._pairer: pairing.Pairer[Any] = pairing.Pairer(pairing.Losses())
        self._newest: StampedFrame | None = None
        self._latest: dict[str, pairing.Stamped[Any]] = {}
        self._fault, self._stale = "", ""
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic in ((Image, COLOR), (Image, DEPTH), (CameraInfo, INFO)):
            take = partial(self._take, topic)
            listen(node, kind, topic, take, group=group)
        self._rectified = is_rectified(node.resolve_topic_name(COLOR))

    def next(self, timeout_s: float) -> StampedFrame:
        """The first frame taken after this call, undistorted; raises what is missing.

        An earlier frame may show the arm and the scene before the last motion. One that is far
        older is a fault that no waiting mends.
        """
        asked_ns = self._clock.now().nanoseconds
        with self._arrived:
            self._pairer.clear()
            self._newest, self._fault, self._stale = None, "", ""
            self._arrived.wait_for(lambda: self._taken_since(asked_ns) or self._stale, timeout_s)
            if (frame := self._taken_since(asked_ns)) is None:
                limit = "" if self._stale else f" within {timeout_s:g} s"
                raise NoAnswer(f"no camera frame{limit}: {self._stale or self._missing(asked_ns)}")
        return frame.undistorted()

    def latest(self) -> dict[str, pairing.Stamped[Any]]:
        """Topic -> the newest message on it, paired or not, which came by the node's clock."""
        with self._arrived:
            return dict(self._latest)

    def _taken_since(self, asked_ns: int) -> StampedFrame | None:
        frame = self._newest
        return frame if frame and stamp_ns(frame.header.stamp) >= asked_ns else None

    def _missing(self, asked_ns: int) -> str:
        if self._fault:
            return self._fault
        if self._newest is not None:
            old_s = (asked_ns - stamp_ns(self._newest.header.stamp)) * 1e-9
            return _of_another_time(old_s)
        received = {topic for topic, one in self._latest.items() if one.arrived_ns >= asked_ns}
        if COLOR not in received:
            return f"nothing arrives on {COLOR}"
        if DEPTH not in received:
            return f"nothing arrives on {DEPTH}; the camera driver must align depth to colour"
        if INFO not in self._latest:
            return f"nothing arrives on {INFO}"
        return f"colour and depth stamps differ by more than {pairing.SLOP_NS * 1e-6:g} ms"

    def _take(self, topic: str, message: Image | CameraInfo) -> None:
        header = to_header(message.header)
        message.header.frame_id = header.frame_id  # the same for all subscribers
        with self._arrived:
            now_ns = self._clock.now().nanoseconds
            self._latest[topic] = pairing.Stamped(header, message, now_ns)
            stamped = pairing.Stamped(header, message, monotonic_ns())
            try:
                self._pairer.take(ROLES[topic], stamped)
            except InvalidInput as error:
                self._fault = str(error)
                self._logger.warning(self._fault, throttle_duration_sec=COMPLAINT_PERIOD_S)
            old_s = (now_ns - header.stamp_ns) * 1e-9
            if topic == COLOR and old_s > STALE_S and not self._fault:
                self._stale = _of_another_time(old_s)
                self._arrived.notify_all()
            complete = list(self._pairer.ready(stamped.arrived_ns))
            if not complete:
                return
            pair = complete[-1]
            frame = StampedFrame(pair.color, pair.depth, pair.camera_info, self._rectified)
            self._newest = frame
            self._arrived.notify_all()
        if self._on_frame is not None:
            self._on_frame(frame)


def _of_another_time(old_s: float) -> str:
    return (
        f"frames arrive with stamps {old_s:.1f} s old; the clocks must agree, and nothing may "
        "hold images back"
    )
