"""Figures as (H, W, 3) uint8 rgb arrays: heatmap overlays, titles, montages; image files."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from affordance_grasp.datatypes import Heatmap, Region
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats

RgbImage = NDArray[np.uint8]

INK = (238, 240, 242)
PAPER = (24, 27, 31)
MUTED = (160, 167, 174)
LOWEST_SHOWN = 0.048
"""Heatmap value below which the overlay shows the dimmed image only."""
JPEG_QUALITY = 85
STRIP_ROWS = 256
"""Rows that are tinted at once: the colours of an image of 25 megapixels take 600 MB and more."""
_DIMMED = 0.75 * (0.6 * np.eye(3) + 0.4 / 3)
"""Colour -> the dimmed, greyer colour under the overlay."""


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


def heatmap_colors(values: NDArray[np.floating]) -> Floats:
    """Colours (..., 3), 0..255 rgb, of values in [0, 1]: violet over orange to pale yellow."""
    shade = np.clip(np.asarray(values, float) * 205 + 50, 0, 255).astype(np.uint8)
    colored = cv2.applyColorMap(shade.reshape(-1, 1), cv2.COLORMAP_PLASMA)[:, 0, ::-1]
    return np.asarray(colored.reshape(*shade.shape, 3), float)


def heatmap_overlay(color: RgbImage, heatmap: Heatmap, region: Region | None = None) -> RgbImage:
    """The heatmap over the dimmed colour image.

    The peak is marked by a ring and the region of interest by its corners.
    """
    image = heatmap_tinted(color, heatmap)
    u, v = heatmap.peak_uv
    cv2.circle(image, (u, v), 9, PAPER, 4, cv2.LINE_AA)
    cv2.circle(image, (u, v), 9, (255, 255, 255), 2, cv2.LINE_AA)
    return image if region is None else _corners(image, region)


def heatmap_tinted(color: RgbImage, heatmap: Heatmap) -> RgbImage:
    """The colour image dimmed, and in the heatmap's colours where its values are high."""
    image = np.asarray(cv2.transform(color, _DIMMED), np.uint8)
    for top in range(0, len(image), STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        _tint(image[rows], np.clip(heatmap.values[rows], 0, 1))
    return image


def _tint(dimmed: RgbImage, values: NDArray[np.float32]) -> None:
    """Lay the colours of heatmap values over a part of the dimmed image."""
    shown = _bounds(values > LOWEST_SHOWN)
    if shown is not None:
        alpha = (np.clip(values[shown] * 1.25 - 0.06, 0, 1) ** 0.7 * 0.82)[..., None]
        colors = heatmap_colors(values[shown])
        dimmed[shown] = (dimmed[shown] * (1 - alpha) + colors * alpha).astype(np.uint8)


def _bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Rows and columns of the smallest rectangle around a mask; None around nothing."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _corners(image: RgbImage, region: Region) -> RgbImage:
    reach = max(6, (region.right - region.left) // 14)
    for u, toward_u in ((region.left, 1), (region.right - 1, -1)):
        for v, toward_v in ((region.top, 1), (region.bottom - 1, -1)):
            cv2.line(image, (u, v), (u + toward_u * reach, v), INK, 1, cv2.LINE_AA)
            cv2.line(image, (u, v), (u, v + toward_v * reach), INK, 1, cv2.LINE_AA)
    return image


def titled(image: RgbImage, title: str, note: str = "") -> RgbImage:
    """The image under a dark strip with a title and a note."""
    width = image.shape[1]
    size = max(13, width // 36)
    strip = Image.new("RGB", (width, int(size * 2.2)), PAPER)
    draw = ImageDraw.Draw(strip)
    baseline = int(size * 1.5)
    draw.text((size * 0.7, baseline), title, INK, font=_font(size), anchor="ls")
    start = size * 1.7 + draw.textlength(title, font=_font(size))
    small = _font(max(11, int(size * 0.82)))
    room = width - start - size * 0.7
    while note and draw.textlength(note, font=small) > room:
        note = note[:-2].rstrip() + "…" if len(note) > 2 else ""
    draw.text((start, baseline), note, MUTED, font=small, anchor="ls")
    return np.vstack([np.asarray(strip), image])


def montage(images: Sequence[RgbImage], columns: int = 2, gap_px: int = 8) -> RgbImage:
    """Several images side by side, scaled to the width of the first, on a dark background."""
    if not images:
        raise InvalidInput("a montage needs at least one image")
    width = images[0].shape[1]
    cells = [to_width(image, width) for image in images]
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heights = [max(cell.shape[0] for cell in row) for row in rows]
    across = min(columns, len(cells))
    size = (sum(heights) + gap_px * (len(rows) + 1), across * (width + gap_px) + gap_px, 3)
    sheet = np.full(size, PAPER, np.uint8)
    top = gap_px
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            left = gap_px + column * (width + gap_px)
            sheet[top : top + cell.shape[0], left : left + width] = cell
        top += height + gap_px
    return sheet


def to_width(image: RgbImage, width: int) -> RgbImage:
    """The image scaled to a width [pixel]."""
    if image.shape[1] == width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def write_png(path: Path, image: RgbImage) -> Path:
    """Write an rgb image; creates its folder where it is missing."""
    content = BytesIO()
    Image.fromarray(image).save(content, format="PNG", compress_level=3)
    return write_file(path, content.getvalue())


def write_jpeg(path: Path, image: RgbImage) -> Path:
    """Write an rgb image, creating its folder where it is missing."""
    return write_file(path, encode_jpeg(image))


def encode_jpeg(image: RgbImage, quality: int = JPEG_QUALITY) -> bytes:
    """An rgb image as a JPEG file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], options)
    return bytes(encoded)
