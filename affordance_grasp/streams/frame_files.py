"""Frames as image files: a colour image and the depth image aligned to it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affordance_grasp.datatypes import MAX_IMAGE_SIDE, CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.streams.messages import millimetres


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


def read_color(path: Path | str) -> NDArray[np.uint8]:
    """A colour image (H, W, 3) as rgb; of several frames the first.

    Raises:
        InvalidInput: the file is missing, no image, too large, or not of 8 bits per channel, such
            as depth.
    """
    try:
        with Image.open(path) as image:
            _check_is_photo(image, path)
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"colour image {path} cannot be read ({error})") from error


def _check_is_photo(image: Image.Image, path: Path | str) -> None:
    """Refuse it before decoding; conversion of wide integers would saturate silently."""
    if max(image.size) > MAX_IMAGE_SIDE:
        raise InvalidInput(
            f"colour image {path} is {image.width}x{image.height}; "
            f"sides must be 1..{MAX_IMAGE_SIDE}"
        )
    if image.mode.split(";")[0] in ("I", "F"):
        raise InvalidInput(
            f"colour image {path} has one channel of more than 8 bits, as depth images have; "
            "expected 8-bit colour or grey"
        )


def read_depth(path: Path | str, scale: float = 0.001) -> NDArray[np.float32]:
    """A depth image (H, W) in metres; ``scale`` is metres per unit.

    Raises:
        InvalidInput: not an image, not one channel of 16-bit integers or 32-bit floats, or a
            scale that is not positive.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise InvalidInput(f"depth scale is {scale:g}; it must be > 0 (metres per unit)")
    try:
        encoded = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise InvalidInput(f"depth image {path} cannot be read ({error.strerror})") from error
    units = decode_image(encoded, cv2.IMREAD_UNCHANGED)
    if units is None:
        raise InvalidInput(f"depth image {path} cannot be read (not an image)")
    if units.ndim != 2 or units.dtype not in (np.uint16, np.float32):
        channels = 1 if units.ndim == 2 else units.shape[2]
        raise InvalidInput(
            f"depth image {path} has {channels} channel(s) of {units.dtype}; expected one channel "
            "of uint16 or float32"
        )
    return (units.astype(np.float64) * scale).astype(np.float32)


def decode_image(encoded: NDArray[np.uint8], flags: int) -> NDArray[np.generic] | None:
    """The pixels of an encoded image, or None, without OpenCV's own message."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        pixels: NDArray[np.generic] | None = cv2.imdecode(encoded, flags)
    except cv2.error:
        pixels = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    return pixels
