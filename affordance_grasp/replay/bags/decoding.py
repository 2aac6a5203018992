"""Undecoded messages of one instant -> the frame and the ground truth as the core knows them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.distortion import undistort_map
from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import RawMessage, decode
from affordance_grasp.replay.bags.compressed import (
    decompress_color,
    decompress_depth,
    decompress_map,
)
from affordance_grasp.replay.bags.topics import COMPRESSED
from affordance_grasp.streams.messages import to_distortion, to_gray, to_rgbd
from affordance_grasp.streams.pairing import Paired

RawFrame = Paired[RawMessage]
"""The messages of one instant as they lie in the bag."""


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
