"""The topics of a bag by role (camera, robot, ground truth), found by type and name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Topic
from affordance_grasp.replay.options import TopicNames

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
JOINT_STATE = "sensor_msgs/msg/JointState"
TRANSFORMS = "tf2_msgs/msg/TFMessage"


@dataclass(frozen=True)
class Role:
    """Something that is needed: its usual names, best first, its types, and its option."""

    what: str
    names: tuple[str, ...]
    option: str
    types: tuple[str, ...] = (IMAGE, COMPRESSED)


COLOR = Role(
    "colour",
    (
        "color/image_raw",
        "color/image_raw/compressed",
        "rgb/image_raw",
        "Color_0/image/data",
        "Color_0/image/data/compressed",
    ),
    "--color-topic",
)
DEPTH = Role(
    "aligned depth",
    (
        "aligned_depth_to_color/image_raw",
        "aligned_depth_to_color/image_raw/compressedDepth",
        "aligned_depth_to_color/image_raw/compressed",
        "depth_to_rgb/image_raw",
        "Depth_0/image/data",
        "Depth_0/image/data/compressedDepth",
    ),
    "--depth-topic",
)
INFO = Role(
    "camera_info",
    (
        "color/camera_info",
        "rgb/camera_info",
        "Color_0/info/camera_info",
        "Color_0/image/camera_info",
    ),
    "--info-topic",
    (CAMERA_INFO,),
)
MOST_LISTED = 12
UNALIGNED = "depth/image_rect_raw"
ANNOTATION = "annotation"
"""Ground truth for an affordance is on ``annotation/<affordance>``."""


@dataclass(frozen=True)
class Topics:
    """The topics that are read; the last four are None where the bag has none."""

    color: str
    depth: str
    camera_info: str
    joint_states: str | None = None
    tf: str | None = None
    tf_static: str | None = None
    truth: str | None = None


def find_topics(topics: Sequence[Topic], given: TopicNames, affordance: str) -> Topics:
    """Find what a replay needs, with the names of realsense2_camera under any prefix.

    Raises:
        InvalidInput: something needed is missing, of another type, or there are several.
    """
    images, infos = fitting(topics, COLOR), fitting(topics, INFO)
    color = _one(topics, images, given.color, COLOR)
    beside = _prefix(color, COLOR.names)
    depth = _one(topics, _near(images, beside), given.depth, DEPTH)
    info = _one(topics, _near(infos, beside), given.camera_info, INFO)
    transforms = [t for t in topics if t.type == TRANSFORMS and t.count]
    joints = [t for t in topics if t.type == JOINT_STATE and t.count]
    return Topics(
        color=color,
        depth=depth,
        camera_info=info,
        joint_states=_perhaps(joints, given.joint_states, "joint_states", JOINT_STATE),
        tf=_perhaps(transforms, None, "tf", TRANSFORMS),
        tf_static=_perhaps(transforms, None, "tf_static", TRANSFORMS),
        truth=_perhaps(images, given.truth, f"{ANNOTATION}/{affordance}", IMAGE),
    )


def fitting(topics: Sequence[Topic], role: Role) -> list[Topic]:
    """The topics that have messages of a type that a role takes."""
    return [topic for topic in topics if topic.type in role.types and topic.count]


def _one(topics: Sequence[Topic], usable: Sequence[Topic], given: str | None, role: Role) -> str:
    if given is not None:
        return _given(topics, usable, given, role)
    for name in role.names:
        found = [t.name for t in usable if _ends(t.name, name)]
        if len(found) > 1:
            raise InvalidInput(
                f"the bag has several {role.what} topics: {', '.join(found)}; choose one with "
                f"{role.option}"
            )
        if found:
            return found[0]
    raise InvalidInput(_missing(topics, role))


def _given(topics: Sequence[Topic], usable: Sequence[Topic], given: str, role: Role) -> str:
    if any(t.name == given for t in usable):
        return given
    same = next((t for t in topics if t.name == given), None)
    if same is None:
        raise InvalidInput(f"the bag has no topic {given}; {_listed(topics, role)}")
    if same.count == 0:
        raise InvalidInput(f"topic {given} of the bag has no messages")
    raise InvalidInput(
        f"topic {given} is of type {same.type}, which cannot be {role.what}; "
        f"{_listed(topics, role)}"
    )


def _missing(topics: Sequence[Topic], role: Role) -> str:
    sentence = f"the bag has no {role.what} topic such as {role.names[0]}"
    if role is DEPTH and any(_ends(t.name, UNALIGNED) for t in topics):
        return f"{sentence}; depth must be aligned: record with align_depth.enable:=true"
    return f"{sentence}; name one with {role.option}; {_listed(topics, role)}"


def _perhaps(usable: Sequence[Topic], given: str | None, name: str, expected: str) -> str | None:
    if given is not None:
        if any(t.name == given for t in usable):
            return given
        others = ", ".join(t.name for t in usable[:MOST_LISTED]) or "no topic"
        raise InvalidInput(f"the bag has no messages of {expected} on {given}, but on {others}")
    found = sorted((t.name for t in usable if _ends(t.name, name)), key=len)
    return found[0] if found else None


def _near(usable: Sequence[Topic], prefix: str | None) -> list[Topic]:
    """Those of the same camera as the colour topic, where it has a prefix."""
    same = [t for t in usable if prefix is not None and t.name.startswith(prefix)]
    return same or list(usable)


def _prefix(name: str, suffixes: Sequence[str]) -> str | None:
    """What stands before a usual name; of the sensors of one device, the device."""
    found = next((name[: -len(s)] for s in suffixes if _ends(name, s)), None)
    return found and re.sub(r"(?<=/)sensor_\d+/$", "", found)


def _ends(topic: str, name: str) -> bool:
    return topic == name or topic.endswith(f"/{name}")


def _listed(topics: Sequence[Topic], role: Role) -> str:
    """The topics that could be it; others would hide them."""
    names = [topic.name for topic in fitting(topics, role)]
    kinds = " or ".join(kind.rsplit("/", 1)[-1] for kind in role.types)
    if not names:
        return f"it has no topic of type {kinds} with messages"
    more = len(names) - MOST_LISTED
    return f"of type {kinds} it has {', '.join(names[:MOST_LISTED])}" + (
        f" and {more} more" if more > 0 else ""
    )
