"""Diagnosis of a depth camera's topics: one sentence for every fault, with its remedy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.streams.camera_info import is_rectified, shows_part
from affordance_grasp.streams.messages import seconds, to_rgbd
from affordance_grasp.streams.pairing import MUST_STAMP, SLOP_NS

IMAGE_TYPE = "sensor_msgs/msg/Image"
INFO_TYPE = "sensor_msgs/msg/CameraInfo"
MAX_SKEW_S = 1.0  # a busy machine is late by less than that, a wrong clock by more
ALIGN = "start realsense2_camera with align_depth.enable:=true"


@dataclass(frozen=True)
class TopicStatus:
    """One topic as seen by a node.

    ``mismatches``: a sentence for every pair of endpoints of incompatible QoS.
    ``message``: the latest one, or None; ``arrived_s``: when, by the node's clock.
    """

    name: str
    types: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    mismatches: tuple[str, ...] = ()
    message: Any = None
    arrived_s: float = 0.0


@dataclass(frozen=True)
class CameraTopics:
    """The three topics, and the optical frame of the hand-eye calibration."""

    color: TopicStatus
    depth: TopicStatus
    info: TopicStatus
    camera_frame: str


def camera_faults(topics: CameraTopics) -> list[str]:
    """One sentence for every fault; none when the frames are usable."""
    faults = [*_topic_faults(topics)]
    if all(t.message is not None for t in (topics.color, topics.depth, topics.info)):
        faults += _message_faults(topics)
        if not faults:
            faults += _frame_faults(topics)
    return faults


def _topic_faults(topics: CameraTopics) -> Iterator[str]:
    start = "start the camera, or tell where its topics are with camera_namespace"
    own = "images cannot be used without it; start the camera's own driver"
    for topic, expected, remedy in (
        (topics.color, IMAGE_TYPE, start),
        (topics.depth, IMAGE_TYPE, ALIGN),
        (topics.info, INFO_TYPE, own),
    ):
        wrong = [kind for kind in topic.types if kind != expected]
        if not topic.publishers:
            yield f"nobody publishes {topic.name}; {remedy}"
        elif wrong:
            yield f"{topic.name} is {wrong[0]}; remap a topic of {expected} to it"
        elif len(topic.publishers) > 1:
            yield f"{topic.name} comes from {' and '.join(topic.publishers)}; stop all but one"
        elif topic.message is None:
            yield (
                f"{topic.publishers[0]} offers {topic.name} but nothing arrives; if it is not "
                "just starting, set FASTRTPS_DEFAULT_PROFILES_FILE to config/fastdds.xml for it "
                "and us"
            )
        yield from topic.mismatches


def _message_faults(topics: CameraTopics) -> Iterator[str]:
    color, depth, info = topics.color.message, topics.depth.message, topics.info.message
    if (depth.width, depth.height) != (color.width, color.height):
        yield (
            f"depth is {depth.width}x{depth.height} and colour {color.width}x{color.height}; "
            f"it must be aligned to colour: {ALIGN}"
        )
    elif depth.header.frame_id != color.header.frame_id:
        yield (
            f"depth is in frame {depth.header.frame_id!r} and colour in "
            f"{color.header.frame_id!r}; it must be aligned to colour: {ALIGN}"
        )
    whole = not shows_part(info)
    if whole and (info.width, info.height) != (color.width, color.height):
        yield (
            f"{topics.info.name} is that of a {info.width}x{info.height} image and colour is "
            f"{color.width}x{color.height}; remap the camera_info of the colour stream to it"
        )
    if color.header.frame_id != topics.camera_frame:
        yield (
            f"images are in frame {color.header.frame_id!r} and the hand-eye calibration is that "
            f"of {topics.camera_frame!r}; use the camera's colour optical frame, or calibrate"
        )
    yield from _stamp_faults(topics)


def _stamp_faults(topics: CameraTopics) -> Iterator[str]:
    color, depth = topics.color, topics.depth
    color_s, depth_s = (seconds(t.message.header.stamp) for t in (color, depth))
    unstamped = [t.name for t, s in ((color, color_s), (depth, depth_s)) if s <= 0]
    if unstamped:
        yield f"images on {' and '.join(unstamped)} have no stamp; {MUST_STAMP}"
        return
    old_s, apart_s = color.arrived_s - color_s, abs(color_s - depth_s)
    if abs(old_s) > MAX_SKEW_S:
        late = "old" if old_s > 0 else "ahead"
        yield (
            f"images arrive {abs(old_s):.1f} s {late} by our clock; synchronise the clocks "
            "(chrony), and for a bag play it with --clock and set use_sim_time"
        )
    if apart_s > SLOP_NS * 1e-9:
        yield (
            f"colour and depth are taken {apart_s * 1e3:.0f} ms apart, {SLOP_NS * 1e-6:g} ms are "
            "allowed; start realsense2_camera with enable_sync:=true"
        )


def _frame_faults(topics: CameraTopics) -> Iterator[str]:
    """Faults that only show when the frame is converted as the pipeline does."""
    try:
        messages = topics.color.message, topics.depth.message, topics.info.message
        frame = to_rgbd(*messages, rectified=is_rectified(topics.color.name))
    except AffordanceGraspError as error:
        yield str(error)
        return
    if not frame.depth_m.any():
        yield (
            "depth holds no reading at all; see that the camera is 0.2 m or more from what it "
            "looks at and that its emitter is on"
        )
