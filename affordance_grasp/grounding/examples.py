"""Pictures on which a person has marked the part that is meant.

A folder holds one to ten pictures, and beside each ``NAME.jpg`` or ``NAME.png`` either
``NAME_part.png``, an image of the same size that is not black where the part is, or
``NAME.json`` with points on it: ``{"points": [[column, row], ...]}``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.configuration.documents import parse_json
from affordance_grasp.datatypes import Region, check_color
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import read_bytes
from affordance_grasp.image_files import read_color, read_gray

PICTURES = (".png", ".jpg", ".jpeg")
PART = "_part"
MOST = 10
MAX_POINTS, MAX_JSON_BYTES = 100, 2**16
POINT_SHARE = 0.04
"""Radius of what a point marks, as a share of the picture's shorter side."""
SURROUNDINGS = 8
"""A picture is cut to a square of so many times the part's extent, about it."""
HOW = "beside NAME.jpg expected NAME_part.png, or NAME.json with points on the part"


@dataclass(frozen=True, eq=False)
class Example:
    """A picture (H, W, 3) uint8 rgb and its part (H, W) bool, neither empty nor all of it."""

    name: str
    color: NDArray[np.uint8]
    part: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Refuse a part that is none."""
        check_color(self.color)
        if self.part.shape != self.color.shape[:2]:
            raise InvalidInput(
                f"example {self.name}: the picture is {self.color.shape[1]}x{self.color.shape[0]} "
                f"and its part {self.part.shape[1]}x{self.part.shape[0]}; both must have one size"
            )
        if not self.part.any() or self.part.all():
            which = "all of the picture" if self.part.any() else "nothing"
            raise InvalidInput(f"example {self.name}: {which} is marked; expected a part of it")

    def near(self) -> "Example":
        """Cut to the surroundings of the part, so that it fills as much as in use."""
        rows, columns = np.nonzero(self.part)
        height, width = self.part.shape
        side = SURROUNDINGS * (int(max(np.ptp(rows), np.ptp(columns))) + 1)
        left, right = _span(columns, side, width)
        top, bottom = _span(rows, side, height)
        inside = Region(left, top, right, bottom).slices
        if self.part[inside].all():
            return self
        return Example(self.name, np.ascontiguousarray(self.color[inside]), self.part[inside])


def read_examples(folder: Path) -> tuple[Example, ...]:
    """All examples of a folder, by name.

    Raises:
        InvalidInput: there is no such folder, it holds none or more than ten, or one is not as the
            module says.
    """
    if not folder.is_dir():
        raise InvalidInput(f"examples {folder}: there is no such folder")
    pictures = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURES and not path.stem.endswith(PART)
    )
    if not 1 <= len(pictures) <= MOST:
        raise InvalidInput(
            f"examples {folder}: {len(pictures)} pictures; expected 1 to {MOST}, and {HOW}"
        )
    return tuple(_read(path) for path in pictures)


def _read(path: Path) -> Example:
    color = read_color(path)
    mask, points = path.with_name(f"{path.stem}{PART}.png"), path.with_suffix(".json")
    if mask.exists():
        return Example(path.name, color, read_gray(mask, "part of an example") > 0)
    if points.exists():
        return Example(path.name, color, _marked(points, color.shape[1], color.shape[0]))
    raise InvalidInput(f"example {path} has no marked part; {HOW}")


def _marked(path: Path, width: int, height: int) -> NDArray[np.bool_]:
    """A disc about each point of a file."""
    content = parse_json(read_bytes(path, "points", MAX_JSON_BYTES), f"points {path}")
    points = content.get("points") if isinstance(content, dict) else None
    if not (
        isinstance(points, list)
        and 1 <= len(points) <= MAX_POINTS
        and all(_is_point(point, width, height) for point in points)
    ):
        raise InvalidInput(
            f'points {path}: expected {{"points": [[column, row], ...]}}, 1 to {MAX_POINTS} '
            f"within the {width}x{height} picture"
        )
    discs = np.zeros((height, width), np.uint8)
    for column, row in points:
        cv2.circle(
            discs,
            (round(column), round(row)),
            max(round(POINT_SHARE * min(width, height)), 1),
            color=1,
            thickness=-1,
        )
    return discs > 0


def _is_point(point: Any, width: int, height: int) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(place, int | float) for place in point)
        and 0 <= point[0] < width
        and 0 <= point[1] < height
    )


def _span(places: NDArray[np.intp], side: int, size: int) -> tuple[int, int]:
    """A stretch of ``side`` pixels about the middle of places, moved into 0..size."""
    low = int(places.min() + places.max() - side) // 2
    low = min(max(low, 0), max(size - side, 0))
    return low, min(low + side, size)
