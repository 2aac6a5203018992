"""Frames as image files: a colour image and the depth image aligned to it."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color, read_depth
from affordance_grasp.streams.depth import millimetres


def read_frame(
    color: Path | str,
    depth: Path | str,
    intrinsics: Sequence[float],
    depth_scale: float = 0.001,
) -> RgbdFrame:
    """One frame from a colour image and the depth image that is aligned to it.

    Args:
        color: file of the colour image.
        depth: file of the depth image; 0 = no reading.
        intrinsics: fx, fy, cx, cy of the colour image in pixels.
        depth_scale: metres per unit of the depth image.

    Raises:
        InvalidInput: a file cannot be used, or the three do not fit together.
    """
    if len(intrinsics) != 4:
        raise InvalidInput(f"intrinsics are {len(intrinsics)} numbers; expected fx, fy, cx, cy")
    fx, fy, cx, cy = intrinsics
    pixels = read_color(color)
    height, width = pixels.shape[:2]
    camera = CameraIntrinsics(fx, fy, cx, cy, width, height)
    return RgbdFrame(pixels, read_depth(depth, depth_scale), camera)


def write_frame(folder: Path, frame: RgbdFrame) -> None:
    """Write ``color.png`` and ``depth.png`` (16 bit, millimetres) as :func:`read_frame` reads."""
    images = {"color": frame.color[..., ::-1], "depth": millimetres(frame.depth_m)}
    for name, image in images.items():
        write_file(folder / f"{name}.png", cv2.imencode(".png", image)[1].tobytes())
