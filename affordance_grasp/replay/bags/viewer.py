"""What a recording of the camera vendor's SDK and Viewer says of its cameras.

Colour and depth are two cameras there: depth is not aligned, in units of its own, and has its own
pose. Up to version 2.57 the recording is one of ROS 1, whose messages hold all that. Later it is
one of ROS 2: there it stands in texts such as ``fx=420;ppx=424``, and headers have the time of
writing instead of the image's.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affordance_grasp.camera.intrinsics import lens_named
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.distortion import Distortion
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, invert, pose, pose_from_quaternion
from affordance_grasp.replay.bags.bag import Bag, RawMessage, decode, read_header
from affordance_grasp.replay.bags.topics import Topics
from affordance_grasp.streams.alignment import DepthCamera
from affordance_grasp.streams.camera_info import to_intrinsics
from affordance_grasp.streams.messages import Header, translation_and_quaternion

STREAM = re.compile(r"((/device_\d+)/sensor_\d+)/(?:Color|Depth)_\d+(?=/image/data)")
TEXT = "std_msgs/msg/String"


@dataclass(frozen=True)
class Rig:
    """Two cameras in one housing: where depth was measured, and the colour camera's lens."""

    depth: DepthCamera
    lens: Distortion


@dataclass(frozen=True)
class ViewerStreams:
    """The two streams of such a recording."""

    rig: Rig
    stamps_ns: dict[tuple[str, int], int] = field(default_factory=dict)

    def header(self, message: RawMessage) -> Header:
        """The header of an image, with the time at which it was taken."""
        header = read_header(message)
        taken_ns = self.stamps_ns.get((message.topic, message.bag_ns), header.stamp_ns)
        return Header(taken_ns, header.frame_id)


def viewer_streams(bag: Bag, topics: Topics) -> ViewerStreams | None:
    """The streams, where depth is one of such a recording; None where it is not.

    Raises:
        InvalidInput: the recording does not say where its depth camera was, or in which units.
    """
    depth, color = STREAM.match(topics.depth), STREAM.match(topics.color)
    if depth is None:
        return None
    if color is None or color[2] != depth[2]:
        raise InvalidInput(
            f"colour on {topics.color} and depth on {topics.depth} are of two cameras; choose "
            "topics of one device"
        )
    parts = {topic.name: topic.type for topic in bag.topics}
    reader = _Reader(bag, parts)
    T_color_depth = reader.pose(color[0]) @ invert(reader.pose(depth[0]))
    camera = DepthCamera(reader.intrinsics(depth[0]), T_color_depth, reader.units_m(depth[1]))
    rig = Rig(camera, reader.lens(color[0]))
    names = {stream[0]: topic for stream, topic in ((depth, topics.depth), (color, topics.color))}
    return ViewerStreams(rig, reader.stamps_ns(names))


@dataclass(frozen=True)
class _Reader:
    """Reads what is said once in a recording, in the spelling of either version."""

    bag: Bag
    types: dict[str, str]

    def intrinsics(self, stream: str) -> CameraIntrinsics:
        """The pinhole of a stream; lens distortion of depth is refused: none has any."""
        camera = to_intrinsics(self._first("intrinsics", *_camera_infos(stream)))
        if self.lens(stream).coefficients:
            raise InvalidInput(f"the depth of {stream} has lens distortion; align it first")
        return camera

    def lens(self, stream: str) -> Distortion:
        """The lens of a stream."""
        info = self._first("intrinsics", *_camera_infos(stream))
        return lens_named(str(info.distortion_model), tuple(float(value) for value in info.d))

    def pose(self, stream: str) -> Floats:
        """``T_stream_reference`` (4, 4) [m]."""
        named = [name for name in self.types if re.fullmatch(rf"{stream}/tf/(ref_)?\d+", name)]
        message = self._first("pose of the cameras", *named)
        if self.types[named[0]] != TEXT:
            q = translation_and_quaternion(
                message.translation, message.rotation, f"tf of {stream}"
            )
            return pose_from_quaternion(*q)
        said = _fields(message.data)
        try:
            R = _numbers(said["rotation"], 9).reshape(3, 3).T  # column by column
            t = _numbers(said["translation"], 3)
        except (KeyError, ValueError) as error:
            raise InvalidInput(f"{named[0]} lacks or garbles {error}") from error
        if not np.abs(R @ R.T - np.eye(3)).max() < 1e-3 or np.linalg.det(R) < 0:
            raise InvalidInput(f"{named[0]} has a rotation that is not orthonormal")
        return pose(R, t)

    def units_m(self, sensor: str) -> float:
        """Metres per unit of depth."""
        names = (f"{sensor}/option/{name}/value" for name in ("Depth_Units", "Depth Units"))
        data = self._first("depth units", *names).data
        try:
            return float(data)
        except ValueError as error:
            raise InvalidInput(f"depth units of {sensor} are {data!r}; expected metres") from error

    def stamps_ns(self, topics: dict[str, str]) -> dict[tuple[str, int], int]:
        """When each image was taken [ns], where its own header does not say it."""
        named = {f"{stream}/image/metadata": topic for stream, topic in topics.items()}
        texts = [name for name in named if self.types.get(name) == TEXT]
        stamps: dict[tuple[str, int], int] = {}
        for message in self.bag.messages(texts) if texts else ():
            try:
                ms = float(_fields(decode(message).data)["timestamp"])
                stamps[named[message.topic], message.bag_ns] = round(ms * 1e6)
            except (KeyError, ValueError, OverflowError, InvalidInput):
                continue  # that image keeps the time of its writing
        return stamps

    def _first(self, what: str, *names: str) -> Any:
        message = next(self.bag.messages([name for name in names if name in self.types]), None)
        if message is None:
            raise InvalidInput(
                f"bag {self.bag.path} does not tell the {what} ({' or '.join(names) or 'tf'}); "
                "depth that is not aligned to colour cannot be used without"
            )
        return decode(message)


def _camera_infos(stream: str) -> tuple[str, ...]:
    return f"{stream}/info/camera_info", f"{stream}/image/camera_info"


def _fields(text: str) -> dict[str, str]:
    """``a=1;b=2`` as a mapping."""
    return dict(part.split("=", 1) for part in text.split(";") if "=" in part)


def _numbers(text: str, count: int) -> Floats:
    values = np.array([float(word) for word in text.split(",")])
    if values.size != count or not np.isfinite(values).all():
        raise ValueError(f"{text!r}, expected {count} numbers")
    return values
