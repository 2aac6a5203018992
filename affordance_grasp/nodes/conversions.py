"""ROS messages <-> the values of the core; the only place that knows encodings.

Messages come from anywhere, so whatever is used of them is checked here, and what is wrong is
said in one sentence (:class:`errors.InvalidInput`). Header and stamp travel beside the values.
"""

from array import array
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, JointState, RegionOfInterest
from std_msgs.msg import Header

from affordance_grasp.datatypes import (
    MAX_IMAGE_SIDE,
    CameraIntrinsics,
    Region,
    RgbdFrame,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose_from_quaternion, quaternion_xyzw

UNIT_NORM_TOLERANCE = 1e-3
PINHOLE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Encoding:
    """How the pixels of one ``sensor_msgs/Image`` encoding lie in memory."""

    dtype: str
    channels: int
    rgb: tuple[int, ...] = ()


COLOR_ENCODINGS = {
    "rgb8": Encoding("u1", 3, (0, 1, 2)),
    "bgr8": Encoding("u1", 3, (2, 1, 0)),
    "rgba8": Encoding("u1", 4, (0, 1, 2)),
    "bgra8": Encoding("u1", 4, (2, 1, 0)),
}
DEPTH_ENCODINGS = {"16UC1": Encoding("u2", 1), "32FC1": Encoding("f4", 1)}
MAP_ENCODINGS = {"32FC1": Encoding("f4", 1)}


def to_color(message: Image) -> NDArray[np.uint8]:
    """Colour image (H, W, 3) uint8 rgb."""
    encoding = _encoding(message, COLOR_ENCODINGS, "colour image")
    pixels = _pixels(message, encoding, "colour image")
    return np.ascontiguousarray(pixels[..., encoding.rgb])


def to_depth_m(message: Image) -> NDArray[np.float32]:
    """Depth image (H, W) float32 [m] from millimetres (16UC1) or metres (32FC1)."""
    encoding = _encoding(message, DEPTH_ENCODINGS, "depth image")
    values = _pixels(message, encoding, "depth image")[..., 0].astype(np.float32)
    return values / np.float32(1000) if message.encoding == "16UC1" else values


def to_map(message: Image, what: str = "heatmap") -> NDArray[np.float32]:
    """A 32FC1 image (H, W) of finite values."""
    values = _pixels(message, _encoding(message, MAP_ENCODINGS, what), what)[..., 0]
    if not np.isfinite(values).all():
        raise InvalidInput(f"{what} holds NaN or infinity")
    return values.astype(np.float32)


def to_intrinsics(message: CameraInfo) -> CameraIntrinsics:
    """Pinhole intrinsics from ``k``, ``width`` and ``height``."""
    K = np.asarray(message.k, float).reshape(3, 3)
    if not K.any():
        raise InvalidInput("camera_info is uncalibrated: its matrix k is all zero")
    rest = K - np.array([[K[0, 0], 0, K[0, 2]], [0, K[1, 1], K[1, 2]], [0, 0, 1]])
    if np.isfinite(K).all() and np.abs(rest).max() > PINHOLE_TOLERANCE:
        raise InvalidInput(
            f"camera_info has the matrix k = {np.round(K, 3).tolist()}; expected "
            "[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        )
    return CameraIntrinsics(
        fx=float(K[0, 0]),
        fy=float(K[1, 1]),
        cx=float(K[0, 2]),
        cy=float(K[1, 2]),
        width=int(message.width),
        height=int(message.height),
    )


def to_rgbd(color: Image, depth: Image, camera_info: CameraInfo) -> RgbdFrame:
    """One frame from a colour image, the depth aligned to it, and the colour intrinsics."""
    if depth.header.frame_id != color.header.frame_id:
        raise InvalidInput(
            f"depth is in frame {depth.header.frame_id!r} and colour in "
            f"{color.header.frame_id!r}; the camera driver must align depth to colour"
        )
    return RgbdFrame(to_color(color), to_depth_m(depth), to_intrinsics(camera_info))


def to_region(message: RegionOfInterest, width: int, height: int) -> Region | None:
    """A region inside an image of the given size [pixel]; None when it is empty: all of it."""
    if message.width == 0 and message.height == 0:
        return None
    left, top = int(message.x_offset), int(message.y_offset)
    region = Region(left, top, left + int(message.width), top + int(message.height))
    if region.right > width or region.bottom > height:
        raise InvalidInput(
            f"region {region.left},{region.top},{region.right},{region.bottom} "
            f"reaches beyond the {width}x{height} image"
        )
    return region


def to_pose(message: Pose, what: str = "pose") -> Floats:
    """A 4x4 pose [m] from a message with a unit quaternion."""
    p, q = message.position, message.orientation
    translation, quaternion = np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w])
    if not (np.isfinite(translation).all() and np.isfinite(quaternion).all()):
        raise InvalidInput(f"{what} holds NaN or infinity")
    if abs(np.linalg.norm(quaternion) - 1) > UNIT_NORM_TOLERANCE:
        raise InvalidInput(
            f"{what} has a quaternion of norm {np.linalg.norm(quaternion):.4g}; it must be 1"
        )
    return pose_from_quaternion(translation, quaternion)


def to_joint_positions(message: JointState, joint_names: tuple[str, ...]) -> Floats:
    """Positions (J,) [rad] of the named joints, whatever their order in the message."""
    positions = dict(zip(message.name, message.position, strict=False))
    missing = [name for name in joint_names if name not in positions]
    if missing:
        raise InvalidInput(f"joint_states has no position for {', '.join(missing)}")
    q = np.array([positions[name] for name in joint_names], float)
    if not np.isfinite(q).all():
        raise InvalidInput("joint_states holds NaN or infinity")
    return q


def from_color(color: NDArray[np.uint8], header: Header) -> Image:
    """An rgb8 image."""
    return _image(color, "rgb8", header)


def from_depth_m(depth_m: NDArray[np.float32], header: Header) -> Image:
    """A 16UC1 image in millimetres; beyond 65.535 m there is no reading."""
    millimetres = np.rint(depth_m.astype(np.float64) * 1000)
    millimetres = np.where(millimetres < 2**16, millimetres, 0)
    return _image(millimetres.astype(np.uint16), "16UC1", header)


def from_map(values: NDArray[np.float32], header: Header) -> Image:
    """A 32FC1 image."""
    return _image(values.astype(np.float32), "32FC1", header)


def from_intrinsics(intrinsics: CameraIntrinsics, header: Header) -> CameraInfo:
    """A camera_info without distortion."""
    K = intrinsics.K
    projection = np.hstack([K, np.zeros((3, 1))])
    return CameraInfo(
        header=header,
        width=intrinsics.width,
        height=intrinsics.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=K.ravel().tolist(),
        r=np.eye(3).ravel().tolist(),
        p=projection.ravel().tolist(),
    )


def from_region(region: Region | None) -> RegionOfInterest:
    """A region of interest; all zero (the whole image) for None."""
    if region is None:
        return RegionOfInterest()
    return RegionOfInterest(
        x_offset=region.left,
        y_offset=region.top,
        width=region.right - region.left,
        height=region.bottom - region.top,
    )


def from_point(point_m: Floats) -> Point:
    """A point [m]."""
    x, y, z = (float(value) for value in point_m)
    return Point(x=x, y=y, z=z)


def from_pose(T: Floats) -> Pose:
    """A pose message from a 4x4 pose [m]."""
    x, y, z, w = (float(value) for value in quaternion_xyzw(T))
    return Pose(position=from_point(T[:3, 3]), orientation=Quaternion(x=x, y=y, z=z, w=w))


def seconds(stamp: Time) -> float:
    """A stamp as seconds."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def _encoding(message: Image, known: dict[str, Encoding], what: str) -> Encoding:
    if message.encoding not in known:
        raise InvalidInput(
            f"{what} has encoding {message.encoding!r}; expected {' or '.join(known)}"
        )
    return known[message.encoding]


def _pixels(message: Image, encoding: Encoding, what: str) -> NDArray[np.generic]:
    """The pixels (H, W, C) of a message, whatever its row padding and byte order."""
    width, height = int(message.width), int(message.height)
    if not (0 < width <= MAX_IMAGE_SIDE and 0 < height <= MAX_IMAGE_SIDE):
        raise InvalidInput(f"{what} is {width}x{height}; sides must be 1..{MAX_IMAGE_SIDE}")
    dtype = np.dtype((">" if message.is_bigendian else "<") + encoding.dtype)
    row_bytes = width * encoding.channels * dtype.itemsize
    step = int(message.step) or row_bytes
    if step < row_bytes or len(message.data) != step * height:
        raise InvalidInput(
            f"{what} of {width}x{height} {message.encoding} has {len(message.data)} bytes in rows "
            f"of {step}; expected rows of at least {row_bytes} and {step * height} bytes"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)[:, :row_bytes]
    pixels = np.ascontiguousarray(rows).view(dtype)
    return pixels.reshape(height, width, encoding.channels)


def _image(pixels: NDArray[np.generic], encoding: str, header: Header) -> Image:
    pixels = np.ascontiguousarray(pixels)
    message = Image(header=header, height=pixels.shape[0], width=pixels.shape[1])
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = int(pixels.strides[0])
    # array.array is what the generated message stores; anything else is copied byte by byte.
    message.data = array("B", pixels.tobytes())
    return message
