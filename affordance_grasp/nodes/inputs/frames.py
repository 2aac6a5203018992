"""RGB-D frames from the camera topics: colour and depth of one instant, and the intrinsics."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from time import monotonic

from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.distortion import matters
from affordance_grasp.nodes.convert.conversions import (
    from_color,
    from_depth_m,
    from_intrinsics,
    from_map,
    to_rgbd,
)
from affordance_grasp.nodes.ros.calls import NoAnswer
from affordance_grasp.streams.messages import seconds, to_distortion, to_intrinsics

COLOR, DEPTH, INFO = "color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info"
DEPTH_INFO = "aligned_depth_to_color/camera_info"
SLOP_S = 0.05
KEPT = 8


@dataclass(frozen=True)
class StampedFrame:
    """The three messages of one frame; :meth:`frame` converts and checks them."""

    color: Image
    depth: Image
    camera_info: CameraInfo

    @property
    def header(self) -> Header:
        """The colour image's header: optical frame and stamp."""
        return self.color.header

    def frame(self) -> RgbdFrame:
        """The frame as the core knows it, or a sentence on what is wrong with it."""
        return to_rgbd(self.color, self.depth, self.camera_info)

    def rectified(self) -> "StampedFrame":
        """The same instant as a pinhole sees it, for nodes that get only some of the messages.

        Heat is read at the pixels of a pinhole, so the grounder must be shown the same ones.
        """
        if not matters(to_intrinsics(self.camera_info), to_distortion(self.camera_info)):
            return self
        frame, header = self.frame(), self.depth.header
        depth = from_map if self.depth.encoding == "32FC1" else from_depth_m
        return StampedFrame(
            from_color(frame.color, self.color.header),
            depth(frame.depth_m, header),
            from_intrinsics(frame.intrinsics, self.camera_info.header),
        )


@dataclass(frozen=True)
class Arrival:
    """A message and when it came, in seconds of the node's clock."""

    message: Image | CameraInfo
    at_s: float


class FrameStream:
    """Pairs colour and depth by stamp as they arrive; a slow reader only gets the newest."""

    def __init__(
        self,
        node: Node,
        on_frame: Callable[[StampedFrame], None] | None = None,
        group: CallbackGroup | None = None,
    ) -> None:
        """Subscribe best-effort, which suits reliable and best-effort publishers alike."""
        self._on_frame = on_frame
        self._clock: Clock = node.get_clock()
        self._arrived = Condition()
        self._color: deque[Image] = deque(maxlen=KEPT)
        self._depth: deque[Image] = deque(maxlen=KEPT)
        self._info: CameraInfo | None = None
        self._newest: StampedFrame | None = None
        self._latest: dict[str, Arrival] = {}
        group = group or MutuallyExclusiveCallbackGroup()
        for kind, topic, take in (
            (Image, COLOR, self._take_color),
            (Image, DEPTH, self._take_depth),
            (CameraInfo, INFO, self._take_info),
        ):
            node.create_subscription(
                kind, topic, take, qos_profile_sensor_data, callback_group=group
            )

    def next(self, timeout_s: float) -> StampedFrame:
        """The first frame that was taken after this call, or a sentence on what is missing.

        A frame that was under way shows the scene as it was before, and the arm where it was.
        It is rectified.
        """
        asked_s = self._clock.now().nanoseconds * 1e-9
        with self._arrived:
            deadline = monotonic() + timeout_s
            self._color.clear()
            self._depth.clear()
            self._newest = None
            while (frame := self._taken_since(asked_s)) is None:
                if not self._arrived.wait(deadline - monotonic()) and monotonic() >= deadline:
                    missing = self._missing(asked_s)
                    raise NoAnswer(f"no camera frame within {timeout_s:g} s: {missing}")
        return frame.rectified()

    def latest(self) -> dict[str, Arrival]:
        """Topic -> the newest message that arrived on it, paired or not."""
        with self._arrived:
            return dict(self._latest)

    def _taken_since(self, asked_s: float) -> StampedFrame | None:
        frame = self._newest
        return frame if frame and seconds(frame.header.stamp) >= asked_s else None

    def _missing(self, asked_s: float) -> str:
        if self._newest is not None:
            old_s = asked_s - seconds(self._newest.header.stamp)
            return f"frames arrive with stamps {old_s:.1f} s old; the clocks must agree"
        if not self._color:
            return f"nothing arrives on {COLOR}"
        if not self._depth:
            return f"nothing arrives on {DEPTH}; the camera driver must align depth to colour"
        if self._info is None:
            return f"nothing arrives on {INFO}"
        return f"colour and depth stamps differ by more than {SLOP_S * 1e3:g} ms"

    def _take_color(self, message: Image) -> None:
        with self._arrived:
            self._color.append(message)
            self._latest[COLOR] = self._arrival(message)
        self._pair()

    def _take_depth(self, message: Image) -> None:
        with self._arrived:
            self._depth.append(message)
            self._latest[DEPTH] = self._arrival(message)
        self._pair()

    def _take_info(self, message: CameraInfo) -> None:
        with self._arrived:
            self._info = message
            self._latest[INFO] = self._arrival(message)
        self._pair()

    def _arrival(self, message: Image | CameraInfo) -> Arrival:
        return Arrival(message, self._clock.now().nanoseconds * 1e-9)

    def _pair(self) -> None:
        """Complete a frame from the newest colour image that has a depth image in time."""
        with self._arrived:
            stamped = self._match()
            if stamped is None:
                return
            self._newest = stamped
            self._arrived.notify_all()
        if self._on_frame is not None:
            self._on_frame(stamped)

    def _match(self) -> StampedFrame | None:
        if self._info is None:
            return None
        for color in reversed(self._color):
            stamp = seconds(color.header.stamp)
            for depth in reversed(self._depth):
                if abs(seconds(depth.header.stamp) - stamp) <= SLOP_S:
                    self._color.clear()
                    self._depth.clear()
                    return StampedFrame(color, depth, self._info)
        return None
