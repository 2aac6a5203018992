"""``sensor_msgs/CameraInfo`` -> the pinhole of the images that come with it, and their distortion.

``k`` and ``p`` are those of the whole sensor; ``roi``, in its pixels, and ``binning`` say which
part of it the image shows, as ``image_geometry`` reads them. Some drivers state the sensor's
``width`` and ``height``, others the image's. Both are read as long as the principal point tells
which it is.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.distortion import PINHOLE, Distortion
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

PINHOLE_TOLERANCE = 1e-6
LOPSIDED = 1.25
"""A sensor is at most this much larger than twice its principal point."""
TRANSPORTS = ("compressed", "compressedDepth", "theora", "zstd", "ffmpeg")

Size = tuple[int, int]


class CameraInfoMessage(Protocol):
    """``sensor_msgs/CameraInfo``."""

    header: Any
    height: int
    width: int
    distortion_model: str
    d: Any
    k: Any
    p: Any
    binning_x: int
    binning_y: int
    roi: Any


class Part(NamedTuple):
    """The part of a sensor that an image shows, in pixels of the sensor."""

    left: int
    top: int
    width: int
    height: int


def is_rectified(topic: str) -> bool:
    """Whether a topic's images are free of distortion by their name, such as ``image_rect_color``.

    The distortion in their camera_info is then that of the lens, and ``p`` the images' matrix.
    """
    parts = [part for part in topic.split("/") if part not in TRANSPORTS]
    names = parts[-2:] if parts[-1:] == ["image"] else parts[-1:]
    return any("rect" in name.split("_") for name in names)


def shows_part(message: CameraInfoMessage) -> bool:
    """Whether the image is not the whole sensor's, pixel for pixel."""
    roi = message.roi
    cut = roi.x_offset or roi.y_offset or roi.width or roi.height
    return bool(cut or message.binning_x > 1 or message.binning_y > 1)


def to_distortion(message: CameraInfoMessage, rectified: bool = False) -> Distortion:
    """The distortion of ``distortion_model`` and ``d``; none of images that are rectified."""
    if rectified:
        return PINHOLE
    return Distortion(message.distortion_model, tuple(float(value) for value in message.d))


def to_intrinsics(
    message: CameraInfoMessage, size: Size | None = None, rectified: bool = False
) -> CameraIntrinsics:
    """Pinhole intrinsics of the image that comes with the message.

    Args:
        message: what the driver says of the camera.
        size: width and height of the image; without it that of ``roi`` and ``binning``.
        rectified: whether the image is, see :func:`is_rectified`.

    Raises:
        InvalidInput: no pinhole, or ``roi`` and ``binning`` do not lead to the image.
    """
    K = sensor_matrix(message, rectified)
    sensor = int(message.width), int(message.height)
    binning = max(1, int(message.binning_x)), max(1, int(message.binning_y))
    roi = message.roi
    given = Part(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))
    if not shows_part(message):
        return _camera(K, sensor)
    words = (
        f"camera_info has roi {given.width}x{given.height} at {given.left},{given.top}, binning "
        f"{binning[0]}x{binning[1]}, width and height {sensor[0]}x{sensor[1]}"
    )
    try:
        part, whole = _part(given, sensor, binning, size)
        _check_whole(K, part, whole)
        return _camera(_of_part(K, part, binning), _binned(part, binning), cropped=True)
    except InvalidInput as error:
        raise InvalidInput(f"{words}: {error}") from error


def sensor_matrix(message: CameraInfoMessage, rectified: bool) -> Floats:
    """The whole sensor's matrix (3, 3): ``k``, or the left part of ``p`` for rectified images."""
    K, name = np.asarray(message.k, float).reshape(3, 3), "k"
    if rectified:
        P = np.asarray(message.p, float).reshape(3, 4)[:, :3]
        if P.any():
            K, name = P, "p"
        elif any(message.d):
            raise InvalidInput(
                "camera_info's matrix p is all zero, and its d is not, though the images are "
                "rectified by their topic's name; p must be the matrix of rectified images"
            )
    if not K.any():
        raise InvalidInput(f"camera_info is uncalibrated: its matrix {name} is all zero")
    pinhole = np.array([[K[0, 0], 0, K[0, 2]], [0, K[1, 1], K[1, 2]], [0, 0, 1]])
    if np.isfinite(K).all() and not np.allclose(K, pinhole, rtol=0, atol=PINHOLE_TOLERANCE):
        raise InvalidInput(
            f"camera_info has the matrix {name} = {np.round(K, 3).tolist()}; expected "
            "[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        )
    return K


def _part(given: Part, sensor: Size, binning: Size, size: Size | None) -> tuple[Part, Size | None]:
    """The part of the sensor, and the sensor's size where the message tells it."""
    if not any(given):
        whole = Part(0, 0, *sensor)
        if size is None or size == _binned(whole, binning):
            return whole, sensor
        if size == sensor:  # width and height are the image's
            part = Part(0, 0, sensor[0] * binning[0], sensor[1] * binning[1])
            return part, (part.width, part.height)
    elif not (given.width and given.height):
        raise InvalidInput("roi.width and roi.height must be > 0 where there is a roi")
    image = _binned(given, binning) if any(given) else _binned(Part(0, 0, *sensor), binning)
    if size not in (None, image):
        raise InvalidInput(f"that is an image of {image[0]}x{image[1]}, and it is {_times(size)}")
    if given.left + given.width <= sensor[0] and given.top + given.height <= sensor[1]:
        return given, sensor
    if sensor == image:
        return given, None
    raise InvalidInput("the roi must lie within width and height")


def _check_whole(K: Floats, part: Part, whole: Size | None) -> None:
    """Refuse a matrix that is not the whole sensor's, as one that was adjusted already."""
    if whole is not None:
        _camera(K, whole)
    elif not (
        part.left + part.width <= LOPSIDED * 2 * K[0, 2]
        and part.top + part.height <= LOPSIDED * 2 * K[1, 2]
    ):
        raise InvalidInput(
            f"the roi ends beyond the sensor whose middle is cx={K[0, 2]:g}, cy={K[1, 2]:g}; k "
            "must be that of the whole sensor"
        )


def _of_part(K: Floats, part: Part, binning: Size) -> Floats:
    """The matrix of a part: the principal point moves by its corner, then all shrinks."""
    shift = np.array([[0, 0, part.left], [0, 0, part.top], [0, 0, 0]], float)
    return np.asarray((K - shift) / np.array([[binning[0]], [binning[1]], [1]]))


def _camera(K: Floats, size: Size, cropped: bool = False) -> CameraIntrinsics:
    fx, fy, cx, cy = (float(K[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return CameraIntrinsics(fx, fy, cx, cy, *size, cropped)


def _binned(part: Part, binning: Size) -> Size:
    return part.width // binning[0], part.height // binning[1]


def _times(size: Size | None) -> str:
    return "x".join(str(side) for side in size or ())
