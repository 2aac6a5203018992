"""Pictures as (H, W, 3) uint8 rgb arrays: heat over colour, a title strip, a board of several."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from affordance_grasp.datatypes import MAX_IMAGE_SIDE, Heatmap, Region, RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.streams.messages import millimetres

Picture = NDArray[np.uint8]

INK = (238, 240, 242)
PAPER = (24, 27, 31)
MUTED = (160, 167, 174)
COLDEST = 0.048
"""Heat below which the overlay shows none."""
_DIMMED = 0.75 * (0.6 * np.eye(3) + 0.4 / 3)
"""Colour -> the darker, greyer colour of cold places."""


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


def heat_colors(heat: NDArray[np.floating]) -> Floats:
    """Colours (..., 3), 0..255 rgb, of heat in [0, 1]: violet over orange to pale yellow."""
    shade = np.clip(np.asarray(heat, float) * 205 + 50, 0, 255).astype(np.uint8)
    colored = cv2.applyColorMap(shade.reshape(-1, 1), cv2.COLORMAP_PLASMA)[:, 0, ::-1]
    return np.asarray(colored.reshape(*shade.shape, 3), float)


def heat_overlay(color: Picture, heatmap: Heatmap, region: Region | None = None) -> Picture:
    """Heat laid over the colour image; cold places keep their colour, slightly dimmed.

    The peak gets a ring and the region that was looked at thin corners.
    """
    heat = np.clip(heatmap.values, 0, 1)
    picture = np.asarray(cv2.transform(color, _DIMMED), np.uint8)
    warm = _bounds(heat > COLDEST)
    if warm is not None:
        heat, cold = heat[warm], picture[warm]
        alpha = (np.clip(heat * 1.25 - 0.06, 0, 1) ** 0.7 * 0.82)[..., None]
        picture[warm] = (cold * (1 - alpha) + heat_colors(heat) * alpha).astype(np.uint8)
    u, v = heatmap.peak_uv
    cv2.circle(picture, (u, v), 9, PAPER, 4, cv2.LINE_AA)
    cv2.circle(picture, (u, v), 9, (255, 255, 255), 2, cv2.LINE_AA)
    return picture if region is None else _corners(picture, region)


def _bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Rows and columns of the smallest rectangle around a mask; None around nothing."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _corners(picture: Picture, region: Region) -> Picture:
    reach = max(6, (region.right - region.left) // 14)
    for u, toward_u in ((region.left, 1), (region.right - 1, -1)):
        for v, toward_v in ((region.top, 1), (region.bottom - 1, -1)):
            cv2.line(picture, (u, v), (u + toward_u * reach, v), INK, 1, cv2.LINE_AA)
            cv2.line(picture, (u, v), (u, v + toward_v * reach), INK, 1, cv2.LINE_AA)
    return picture


def titled(picture: Picture, title: str, note: str = "") -> Picture:
    """The picture under a dark strip with a title and a quieter note."""
    width = picture.shape[1]
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
    return np.vstack([np.asarray(strip), picture])


def board(pictures: Sequence[Picture], columns: int = 2, gap_px: int = 8) -> Picture:
    """Several pictures side by side, scaled to the width of the first, on dark ground."""
    if not pictures:
        raise InvalidInput("a board needs at least one picture")
    width = pictures[0].shape[1]
    cells = [_to_width(picture, width) for picture in pictures]
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


def _to_width(picture: Picture, width: int) -> Picture:
    if picture.shape[1] == width:
        return picture
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def write_png(path: Path, picture: Picture) -> Path:
    """Write an rgb picture, making its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, compress_level=3)
    return path


def write_frame(folder: Path, frame: RgbdFrame) -> None:
    """Write ``color.png`` and ``depth.png`` (16 bit, millimetres) as ``plan`` reads them."""
    write_png(folder / "color.png", frame.color)
    depth = Image.fromarray(millimetres(frame.depth_m))
    depth.save(folder / "depth.png", compress_level=3)


def read_color(path: Path) -> Picture:
    """Read a colour image as rgb; of several frames the first.

    Raises:
        InvalidInput: the file is missing, no image, larger than any camera's, or holds something
            other than brightness in 8 bits, such as depth.
    """
    try:
        with Image.open(path) as image:
            _refuse_unlike_a_photo(image, path)
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"colour image {path} cannot be read ({error})") from error


def _refuse_unlike_a_photo(image: Image.Image, path: Path) -> None:
    """Before the pixels are decoded; conversion of wide integers would saturate silently."""
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
