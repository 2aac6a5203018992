"""Conversion and validation of image, joint and pose messages, whichever library read them.

Messages come from any driver, bag or node, so all fields in use are validated here; a fault is one
sentence (:class:`errors.InvalidInput`). Only fields are accessed, so generated ROS messages and
those of a bag reader serve alike. The classes below name the fields, as in ``sensor_msgs`` and
``geometry_msgs``.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import hypot, isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame, check_image_size
from affordance_grasp.distortion import undistort
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose_from_quaternion
from affordance_grasp.streams.camera_info import CameraInfoMessage, to_distortion, to_intrinsics
from affordance_grasp.streams.depth import metres

UNIT_NORM_TOLERANCE = 1e-3


class Stamp(Protocol):
    """``builtin_interfaces/Time``."""

    sec: int
    nanosec: int


class ImageMessage(Protocol):
    """``sensor_msgs/Image``."""

    header: Any
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


class JointStateMessage(Protocol):
    """``sensor_msgs/JointState``."""

    header: Any
    name: Sequence[str]
    position: Any


class PoseMessage(Protocol):
    """``geometry_msgs/Pose``."""

    position: Any
    orientation: Any


@dataclass(frozen=True)
class Header:
    """``std_msgs/Header``: when the data was taken [ns], and in which frame it is."""

    stamp_ns: int
    frame_id: str


@dataclass(frozen=True)
class PixelFormat:
    """Memory layout of one ``sensor_msgs/Image`` encoding."""

    dtype: str
    channels: int
    rgb: tuple[int, ...] = ()

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel."""
        return self.channels * np.dtype(self.dtype).itemsize


COLOR_ENCODINGS = {
    "rgb8": PixelFormat("u1", 3, (0, 1, 2)),
    "bgr8": PixelFormat("u1", 3, (2, 1, 0)),
    "rgba8": PixelFormat("u1", 4, (0, 1, 2)),
    "bgra8": PixelFormat("u1", 4, (2, 1, 0)),
}
DEPTH_ENCODINGS = {
    **dict.fromkeys(("16UC1", "mono16", "Z16"), PixelFormat("u2", 1)),
    "16SC1": PixelFormat("i2", 1),
    "32FC1": PixelFormat("f4", 1),
}
MAP_ENCODINGS = {"32FC1": PixelFormat("f4", 1)}
LABEL_ENCODINGS = {name: DEPTH_ENCODINGS[name] for name in ("16UC1", "mono16")}
GRAY_ENCODINGS = {"mono8": PixelFormat("u1", 1), "8UC1": PixelFormat("u1", 1), **MAP_ENCODINGS}


def unpacked(message: ImageMessage, encoding: PixelFormat) -> NDArray[np.generic]:
    """The pixels (H, W, C) of a validated message, of any padding and byte order."""
    width, height = int(message.width), int(message.height)
    dtype = np.dtype((">" if message.is_bigendian else "<") + encoding.dtype)
    row_bytes = width * encoding.pixel_bytes
    step = int(message.step) or row_bytes
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)[:, :row_bytes]
    return np.ascontiguousarray(rows).view(dtype).reshape(height, width, encoding.channels)


Unpack = Callable[[ImageMessage, PixelFormat], NDArray[np.generic]]
"""The type of :func:`unpacked`; the nodes pass cv_bridge's instead."""


def to_color(message: ImageMessage, unpack: Unpack = unpacked) -> NDArray[np.uint8]:
    """Colour image (H, W, 3) uint8 rgb."""
    encoding = _checked_encoding(message, COLOR_ENCODINGS, "colour image")
    pixels = unpack(message, encoding)
    if encoding.rgb == tuple(range(encoding.channels)):
        return np.array(pixels, np.uint8)  # twenty times as fast as picking the channels
    return np.ascontiguousarray(pixels[..., encoding.rgb])


def to_depth_m(message: ImageMessage, unpack: Unpack = unpacked) -> NDArray[np.float32]:
    """Depth image (H, W) float32 [m], 0 = no reading, from 16-bit millimetres or 32FC1 metres."""
    encoding = _checked_encoding(message, DEPTH_ENCODINGS, "depth image")
    stored = unpack(message, encoding)[..., 0]
    return metres(stored.astype(encoding.dtype, copy=False))


def to_map(
    message: ImageMessage, what: str = "heatmap", unpack: Unpack = unpacked
) -> NDArray[np.float32]:
    """A 32FC1 image (H, W) of finite values."""
    values = unpack(message, _checked_encoding(message, MAP_ENCODINGS, what))[..., 0]
    if not np.isfinite(values).all():
        raise InvalidInput(f"{what} holds NaN or infinity")
    return values.astype(np.float32)


def to_gray(message: ImageMessage) -> NDArray[np.uint8]:
    """A ground truth map (H, W) 0..255 from mono8, or from 32FC1 of values in 0..1."""
    encoding = _checked_encoding(message, GRAY_ENCODINGS, "ground truth")
    if message.encoding != "32FC1":
        return np.asarray(unpacked(message, encoding)[..., 0], np.uint8)
    values = to_map(message, "ground truth")
    if values.min() < 0 or values.max() > 1:
        raise InvalidInput("ground truth holds values outside 0..1")
    return np.rint(values * 255).astype(np.uint8)


def to_labels(message: ImageMessage) -> NDArray[np.int32]:
    """Labels (H, W) from 16 bits."""
    encoding = _checked_encoding(message, LABEL_ENCODINGS, "label image")
    return unpacked(message, encoding)[..., 0].astype(np.int32)


def to_rgbd(
    color: ImageMessage,
    depth: ImageMessage,
    camera_info: CameraInfoMessage,
    unpack: Unpack = unpacked,
    rectified: bool = False,
) -> RgbdFrame:
    """One frame from a colour image, the depth aligned to it, and the colour intrinsics.

    The images are undistorted here, unless they are ``rectified``.
    """
    depth_frame, color_frame = (plain_frame(image.header.frame_id) for image in (depth, color))
    if depth_frame != color_frame:
        raise InvalidInput(
            f"depth is in frame {depth_frame!r} and colour in {color_frame!r}; the camera driver "
            "must align depth to colour"
        )
    intrinsics = to_intrinsics(camera_info, (int(color.width), int(color.height)), rectified)
    frame = RgbdFrame(to_color(color, unpack), to_depth_m(depth, unpack), intrinsics)
    return undistort(frame, to_distortion(camera_info, rectified))


def to_pose(message: PoseMessage, what: str = "pose") -> Floats:
    """A 4x4 pose [m] from a message with a unit quaternion."""
    return pose_from_quaternion(
        *translation_and_quaternion(message.position, message.orientation, what)
    )


def to_poses(messages: Sequence[PoseMessage]) -> Floats:
    """Poses (N, 4, 4) [m]; NaN where a message holds none, so that it loses no other."""
    T = np.full((len(messages), 4, 4), np.nan)
    for row, message in zip(T, messages, strict=True):
        with suppress(InvalidInput):
            row[:] = to_pose(message)
    return T


def translation_and_quaternion(
    t: Any, q: Any, what: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A translation x, y, z [m] and a unit quaternion x, y, z, w from the fields of messages."""
    translation_m = (float(t.x), float(t.y), float(t.z))
    quaternion = (float(q.x), float(q.y), float(q.z), float(q.w))
    norm = hypot(*quaternion)
    if not (isfinite(norm) and all(map(isfinite, translation_m))):
        raise InvalidInput(f"{what} has NaN or infinity")
    if abs(norm - 1) > UNIT_NORM_TOLERANCE:
        raise InvalidInput(f"{what} has a quaternion of norm {norm:.4g}; it must be 1")
    return translation_m, tuple(number / norm for number in quaternion)


def to_joint_positions(message: JointStateMessage, joint_names: tuple[str, ...]) -> Floats:
    """Positions (J,) [rad] of the named joints, whatever their order in the message."""
    names, positions = list(message.name), message.position
    if len(names) != len(positions):
        raise InvalidInput(
            f"joint_states names {len(names)} joints and has {len(positions)} positions"
        )
    if missing := [name for name in joint_names if name not in names]:
        raise InvalidInput(f"joint_states has no position for {', '.join(missing)}")
    if doubled := [name for name in joint_names if names.count(name) > 1]:
        raise InvalidInput(f"joint_states has several positions for {', '.join(doubled)}")
    q = np.array([positions[names.index(name)] for name in joint_names], float)
    if not np.isfinite(q).all():
        bad = [name for name, ok in zip(joint_names, np.isfinite(q), strict=True) if not ok]
        raise InvalidInput(f"joint_states holds NaN or infinity for {', '.join(bad)}")
    return q


def to_header(header: Any) -> Header:
    """Stamp and frame of a message."""
    return Header(stamp_ns(header.stamp), plain_frame(header.frame_id))


def plain_frame(frame_id: str) -> str:
    """A frame's name without TF 1's leading slash."""
    return str(frame_id).lstrip("/")


def stamp_ns(stamp: Stamp) -> int:
    """A stamp as nanoseconds."""
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def seconds(stamp: Stamp) -> float:
    """A stamp as seconds."""
    return stamp_ns(stamp) * 1e-9


def _checked_encoding(
    message: ImageMessage, known: dict[str, PixelFormat], what: str
) -> PixelFormat:
    """The encoding of a message whose sizes are consistent."""
    if message.encoding not in known:
        raise InvalidInput(
            f"{what} has encoding {message.encoding!r}; expected {' or '.join(known)}"
        )
    encoding, width, height = known[message.encoding], int(message.width), int(message.height)
    check_image_size(width, height, what)
    row_bytes = width * encoding.pixel_bytes
    step = int(message.step) or row_bytes
    if step < row_bytes or len(message.data) != step * height:
        raise InvalidInput(
            f"{what} of {width}x{height} {message.encoding} has {len(message.data)} bytes in rows "
            f"of {step}; expected rows of at least {row_bytes} and {step * height} bytes"
        )
    return encoding
