"""Undecoded messages of one instant -> the frame and the ground truth of the core's types.

A ``sensor_msgs/CompressedImage`` becomes the image that was compressed. ``compressed``: a JPEG or
PNG. ``compressedDepth`` (the depth plugin of image_transport): 12 bytes, an int32 and two float32
that say how metres were quantised, then a PNG of 16 bits.
"""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from affordance_grasp.datatypes import MAX_IMAGE_SIDE, RgbdFrame
from affordance_grasp.distortion import undistort_map
from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import RawMessage, decode
from affordance_grasp.replay.bags.topics import COMPRESSED
from affordance_grasp.streams.frame_files import decode_image
from affordance_grasp.streams.messages import to_distortion, to_gray, to_rgbd
from affordance_grasp.streams.pairing import Paired

DEPTH_HEADER = 12
FORMATS = ("PNG", "JPEG")

RawFrame = Paired[RawMessage]
"""The messages of one instant as stored in the bag."""


def decode_frame(raw: RawFrame) -> RgbdFrame:
    """The frame, free of lens distortion.

    Raises:
        InvalidInput: a message is broken, or they do not fit together.
    """
    color = _image(raw.color, decompress_color)
    depth = _image(raw.depth, decompress_depth)
    return to_rgbd(color, depth, decode(raw.camera_info))


def decode_truth(raw: RawFrame, frame: RgbdFrame) -> NDArray[np.uint8] | None:
    """The ground truth map (H, W) 0..255 of the frame, free of lens distortion as it is.

    None where there is none.
    """
    if raw.truth is None:
        return None
    truth = fitting(to_gray(_image(raw.truth, decompress_map)), frame)
    return undistort_map(truth, frame.intrinsics, to_distortion(decode(raw.camera_info)))


def fitting(truth: NDArray[np.uint8], frame: RgbdFrame) -> NDArray[np.uint8]:
    """The map itself, when it has the frame's size."""
    if truth.shape != frame.depth_m.shape:
        raise InvalidInput(
            f"ground truth is {truth.shape[1]}x{truth.shape[0]} and the colour image "
            f"{frame.depth_m.shape[1]}x{frame.depth_m.shape[0]}; they must have one size"
        )
    return truth


def _image(message: RawMessage, decompress: Any) -> Any:
    decoded = decode(message)
    return decompress(decoded) if message.type == COMPRESSED else decoded


@dataclass(frozen=True)
class PlainImage:
    """The fields of ``sensor_msgs/Image``."""

    header: Any
    height: int
    width: int
    encoding: str
    step: int
    data: NDArray[np.uint8]
    is_bigendian: int = 0


def decompress_color(message: Any) -> PlainImage:
    """An rgb8 image."""
    bgr = _pixels(_bytes(message), cv2.IMREAD_COLOR, "compressed colour image")
    return _plain(message.header, np.asarray(bgr[..., ::-1], np.uint8), "rgb8")


def decompress_depth(message: Any) -> PlainImage:
    """A 16UC1 image [mm], or a 32FC1 image [m] where the format names that."""
    words = str(message.format)
    if "jpeg" in words.lower():
        raise InvalidInput("compressed depth image is a JPEG, which is lossy; record PNG")
    encoded, quantised = _bytes(message), words.startswith("32FC1")
    if "rvl" in words.lower():
        raise InvalidInput("compressed depth image is RVL coded; record with format png")
    header = encoded[:DEPTH_HEADER]
    if "compressedDepth" in words:
        encoded = encoded[DEPTH_HEADER:]
    elif quantised:
        raise InvalidInput(
            f"compressed depth image has format {words!r}; expected compressedDepth"
        )
    units = _pixels(encoded, cv2.IMREAD_UNCHANGED, "compressed depth image")
    if units.ndim != 2 or units.dtype != np.uint16:
        raise InvalidInput("compressed depth image is not one channel of 16 bits")
    if not quantised:
        return _plain(message.header, units, "16UC1")
    return _plain(message.header, _metres(header, units.astype(np.uint16, copy=False)), "32FC1")


def decompress_map(message: Any) -> PlainImage:
    """A mono8 image."""
    gray = _pixels(_bytes(message), cv2.IMREAD_GRAYSCALE, "compressed map")
    return _plain(message.header, np.asarray(gray, np.uint8), "mono8")


def _metres(header: NDArray[np.uint8], units: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Metres from inverse depth: unit = A / metres + B, 0 = no reading."""
    _, A, B = struct.unpack("<iff", header.tobytes())
    if not (np.isfinite(A) and np.isfinite(B) and A > 0):
        raise InvalidInput("compressed depth image has quantisation parameters that are not > 0")
    inverse = units.astype(np.float64) - B
    metres = np.divide(A, inverse, out=np.zeros_like(inverse), where=(units > 0) & (inverse > 0))
    return metres.astype(np.float32)


def _bytes(message: Any) -> NDArray[np.uint8]:
    return np.frombuffer(bytes(message.data), np.uint8)


def _pixels(encoded: NDArray[np.uint8], flags: int, what: str) -> NDArray[np.generic]:
    """The pixels; the size is checked before decoding: a few bytes can claim any."""
    try:
        with Image.open(BytesIO(encoded.tobytes()), formats=FORMATS) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidInput(f"{what} is neither a PNG nor a JPEG") from error
    except Image.DecompressionBombError as error:
        raise InvalidInput(f"{what} is too large; sides must be 1..{MAX_IMAGE_SIDE}") from error
    if max(width, height) > MAX_IMAGE_SIDE:
        raise InvalidInput(f"{what} is {width}x{height}; sides must be 1..{MAX_IMAGE_SIDE}")
    pixels = decode_image(encoded, flags)
    if pixels is None:
        raise InvalidInput(f"{what} cannot be decoded")
    return pixels


def _plain(header: Any, pixels: NDArray[np.generic], encoding: str) -> PlainImage:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    step = int(pixels.strides[0])
    return PlainImage(header, height, width, encoding, step, pixels.reshape(-1).view(np.uint8))
