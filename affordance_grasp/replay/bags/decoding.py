"""Undecoded messages of one instant -> the frame and the ground truth of the core's types.

A ``sensor_msgs/CompressedImage`` becomes the image that was compressed. ``compressed``: a JPEG or
PNG. ``compressedDepth`` (the depth plugin of image_transport): 12 bytes, an int32 and two float32
that say how metres were quantised, then a PNG of 16 bits, or the code of :mod:`.rvl`.
"""

import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.distortion import undistort, undistort_map
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color, read_depth_units, read_gray
from affordance_grasp.replay.bags.bag import RawMessage, decode
from affordance_grasp.replay.bags.rvl import decode_rvl
from affordance_grasp.replay.bags.topics import COMPRESSED
from affordance_grasp.replay.bags.viewer import Rig
from affordance_grasp.streams.alignment import align
from affordance_grasp.streams.camera_info import is_rectified, to_distortion, to_intrinsics
from affordance_grasp.streams.messages import to_color, to_depth_m, to_gray, to_rgbd
from affordance_grasp.streams.pairing import Paired

DEPTH = "compressed depth image"
DEPTH_HEADER = 12
PNG_BEGINS = b"\x89PNG"
FORMATS = ("PNG", "JPEG")

RawFrame = Paired[RawMessage]
"""The messages of one instant as stored in the bag."""


def decode_frame(raw: RawFrame, rig: Rig | None = None) -> RgbdFrame:
    """The frame, free of lens distortion; its depth is aligned here where ``rig`` is given.

    Raises:
        InvalidInput: a message is broken, or they do not fit together.
    """
    color = _image(raw.color, decompress_color)
    depth = _image(raw.depth, decompress_depth)
    info = decode(raw.camera_info)
    if rig is None:
        return to_rgbd(color, depth, info, rectified=is_rectified(raw.color.topic))
    pixels, units_mm = to_color(color), rig.depth.units_m * 1000
    blind = np.zeros(pixels.shape[:2], np.float32)
    seen = undistort(RgbdFrame(pixels, blind, to_intrinsics(info)), rig.lens)
    depth_m = to_depth_m(depth) * np.float32(units_mm)
    return replace(seen, depth_m=align(depth_m, rig.depth, seen.intrinsics))


def decode_truth(
    raw: RawFrame, frame: RgbdFrame, rig: Rig | None = None
) -> NDArray[np.uint8] | None:
    """The ground truth map (H, W) 0..255 of the frame, free of lens distortion as it is.

    None where there is none.
    """
    if raw.truth is None:
        return None
    truth = fitting(to_gray(_image(raw.truth, decompress_map)), frame)
    info, rectified = decode(raw.camera_info), is_rectified(raw.color.topic)
    lens = rig.lens if rig else to_distortion(info, rectified)
    return undistort_map(truth, frame.intrinsics, lens)


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
    color = read_color(bytes(message.data), "compressed colour image", FORMATS)
    return _plain(message.header, color, "rgb8")


def decompress_depth(message: Any) -> PlainImage:
    """A 16UC1 image [mm], or a 32FC1 image [m] where the format names that."""
    words, encoded = str(message.format), bytes(message.data)
    if "jpeg" in words.lower():
        raise InvalidInput(f"{DEPTH} is a JPEG, which is lossy; record PNG")
    header, coded = encoded[:DEPTH_HEADER], encoded[DEPTH_HEADER:]
    if encoded.startswith(PNG_BEGINS):
        header, coded = b"", encoded
    rvl = "rvl" in words.lower()
    units = decode_rvl(coded) if rvl else read_depth_units(coded, DEPTH, ("PNG",))
    if not words.startswith("32FC1"):
        return _plain(message.header, units, "16UC1")
    if not header:
        raise InvalidInput(f"{DEPTH} has format {words!r}; expected compressedDepth")
    return _plain(message.header, _metres(header, units), "32FC1")


def decompress_map(message: Any) -> PlainImage:
    """A mono8 image."""
    gray = read_gray(bytes(message.data), "compressed map", FORMATS)
    return _plain(message.header, gray, "mono8")


def _metres(header: bytes, units: NDArray[Any]) -> NDArray[np.float32]:
    """Metres from inverse depth: unit = A / metres + B, 0 = no reading."""
    _, A, B = struct.unpack("<iff", header)
    if not (np.isfinite(A) and np.isfinite(B) and A > 0):
        raise InvalidInput(f"{DEPTH} has quantisation parameters that are not > 0")
    inverse = units.astype(np.float64) - B
    metres = np.divide(A, inverse, out=np.zeros_like(inverse), where=(units > 0) & (inverse > 0))
    return metres.astype(np.float32)


def _plain(header: Any, pixels: NDArray[np.generic], encoding: str) -> PlainImage:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    step = int(pixels.strides[0])
    return PlainImage(header, height, width, encoding, step, pixels.reshape(-1).view(np.uint8))
