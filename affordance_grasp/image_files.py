"""Encoded images, read by one door: the files of commands and data sets, payloads of messages.

Only the formats listed here are tried, all of which are decoded in this process; for others Pillow
starts a program. Size is judged before decoding, because a few bytes can claim any size. All
images are turned upright as their EXIF orientation says.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from affordance_grasp.datatypes import LARGEST, SATURATED, check_image_size
from affordance_grasp.errors import InvalidInput, first_line
from affordance_grasp.files import check_file

Source = Path | str | bytes
"""A file's path, or the encoded image itself."""

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM")
DEPTH_FORMATS = ("PNG", "TIFF")
MAX_FILE_BYTES = 2**29
ORIENTATION = 0x0112
LYING = (5, 6, 7, 8)
"""EXIF orientations of images whose width and height change places."""
TILE_SIDES = (322, 323)
"""The tags of a TIFF's tile width and height."""


def read_color(
    source: Source, what: str = "colour image", formats: tuple[str, ...] = FORMATS
) -> NDArray[np.uint8]:
    """A colour or grey image (H, W, 3) as uint8 rgb; of several frames the first.

    Colours of 16 bits are brought to 8 by their brightest value's number of bits, so that 10, 12
    or 14 bits in 16 are as bright as they should be.

    Raises:
        InvalidInput: the image is missing, broken, too large, of another format, or grey of more
            than 8 bits, as depth is.
    """
    with _opened(source, what, formats) as image:
        if image.mode.startswith(("I", "F")):
            raise InvalidInput(
                f"{_named(source, what)} has one channel of more than 8 bits, as depth images "
                "have; expected 8-bit colour or grey"
            )
        if not _has_deep_colors(image):
            return np.asarray(_rgb(ImageOps.exif_transpose(image)))
        if image.format == "PNG":
            image.load()  # refuses a broken one; OpenCV would print of it
            return _upright(_deep_colors(source), image)
        eight = np.asarray(_rgb(ImageOps.exif_transpose(image)))
        if eight.max() < 2**6:  # Pillow gives the upper 8 of 16 bits
            raise InvalidInput(
                f"{_named(source, what)} has fewer than 15 significant bits in its 16 per "
                "channel; expected 8 bits per channel, or a PNG"
            )
        return eight


def read_gray(
    source: Source, what: str = "image", formats: tuple[str, ...] = FORMATS
) -> NDArray[np.uint8]:
    """A map (H, W) 0..255, as pseudo labels and ground truth are.

    Of 16 bits the upper 8 count, as OpenCV reads them in the reference evaluation.

    Raises:
        InvalidInput: as :func:`read_color`.
    """
    with _opened(source, what, formats) as image:
        upright = ImageOps.exif_transpose(image)
        if _is_deep_gray(image):
            return (np.asarray(upright) >> 8).astype(np.uint8)
        if image.mode.startswith(("I", "F")):
            raise InvalidInput(f"{_named(source, what)} has 32 bits per pixel; expected 8 or 16")
        return np.asarray(upright.convert("L"))


def read_depth(source: Source, scale: float = 0.001) -> NDArray[np.float32]:
    """A depth image (H, W) in metres, 0 = no reading; ``scale`` is metres per unit.

    Raises:
        InvalidInput: not an image, not one channel of 16-bit integers or 32-bit floats, or a
            scale that is not positive.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise InvalidInput(f"depth scale is {scale:g}; it must be > 0 (metres per unit)")
    units = read_depth_units(source)
    if units.dtype == np.uint16:
        units = np.where(units == SATURATED, 0, units)
    with np.errstate(invalid="ignore", over="ignore"):  # no reading either
        return (units.astype(np.float64) * scale).astype(np.float32)


def read_depth_units(
    source: Source, what: str = "depth image", formats: tuple[str, ...] = DEPTH_FORMATS
) -> NDArray[np.uint16] | NDArray[np.float32]:
    """The values (H, W) of a depth image as they are stored: uint16, or float32 of a TIFF.

    Raises:
        InvalidInput: as :func:`read_depth`.
    """
    with _opened(source, what, formats) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
        if _is_deep_gray(image):
            return upright.astype(np.uint16, copy=False)
        if image.mode == "F":
            return upright.astype(np.float32, copy=False)
        raise InvalidInput(
            f"{_named(source, what)} has {len(image.getbands())} channel(s) of {upright.dtype}; "
            "expected one channel of uint16 or float32"
        )


def image_size(source: Source) -> tuple[int, int]:
    """Width and height [pixels] of an upright image, decoding it only where there is no other way.

    Raises:
        InvalidInput: it is missing, broken, too large or of another format.
    """
    with _opened(source, "image", FORMATS) as image:
        if image.format == "TIFF":
            image.load()  # which turns it upright
        width, height = image.size
        return (height, width) if _orientation(image) in LYING else (width, height)


@contextmanager
def _opened(source: Source, what: str, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """An image that is not decoded yet; whatever is wrong with it is one sentence."""
    name = _named(source, what)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not isinstance(source, bytes):
                check_file(source, what, MAX_FILE_BYTES)
            file = BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file, formats=formats) as image:
                check_image_size(*image.size, name)
                _check_tiles(image, name)
                yield image
    except InvalidInput:
        raise
    except Image.DecompressionBombError as error:
        raise InvalidInput(f"{name} is too large; {LARGEST}") from error
    except UnidentifiedImageError as error:
        known = " or ".join(formats)
        raise InvalidInput(f"{name} cannot be read (not an image in {known})") from error
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise InvalidInput(f"{name} cannot be read ({reason})") from error
    except Exception as error:  # struct, zlib, Index, Type ...: the file is a stranger's
        raise InvalidInput(f"{name} cannot be decoded ({first_line(error)})") from error


def _check_tiles(image: Image.Image, name: str) -> None:
    """Refuse a TIFF of huge tiles, which are decoded whole however small the image is."""
    tags = getattr(image, "tag_v2", {})
    sides = [tags[tag] for tag in TILE_SIDES if tag in tags]
    if sides:
        check_image_size(int(max(sides)), int(max(sides)), f"a tile of {name}")


def _is_deep_gray(image: Image.Image) -> bool:
    """Whether it is grey of 16 bits; older Pillow has those of a PNG as 32-bit integers."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _has_deep_colors(image: Image.Image) -> bool:
    """Whether its channels have 16 bits, of which Pillow would keep the upper 8."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_colors(source: Source) -> NDArray[np.uint8]:
    """The colours (H, W, 3) as rgb of an image of 16 bits per channel."""
    encoded = source if isinstance(source, bytes) else Path(source).read_bytes()
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if bgr is None:
        raise ValueError("its pixels are broken")
    bits = max(8, int(bgr.max()).bit_length() + 1 & ~1)
    return (bgr[..., ::-1] >> (bits - 8)).astype(np.uint8)


def _upright(pixels: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Pixels that were decoded elsewhere, turned as the image's EXIF orientation says."""
    turned = Image.fromarray(pixels)
    turned.getexif()[ORIENTATION] = _orientation(image)
    return np.asarray(ImageOps.exif_transpose(turned))


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(ORIENTATION, 1))


def _named(source: Source, what: str) -> str:
    return what if isinstance(source, bytes) else f"{what} {source}"
