"""The IIT-AFF data set (Nguyen et al., IROS 2017): photographs with a mask of affordances.

``rgb/<stem>.jpg``, ``affordances_labels/<stem>.txt`` (a number per pixel, in the order of
:data:`AFFORDANCES`), ``object_labels/<stem>.txt`` (a line ``class left top right bottom`` per
object) and ``test.txt`` (names of the test images).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datasets.part_masks.photograph import PartPhotograph
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import read_bytes

AFFORDANCES = (
    "background",
    "contain",
    "cut",
    "display",
    "engine",
    "grasp",
    "hit",
    "pound",
    "support",
    "w-grasp",
)
OBJECTS = (
    "bowl",
    "tvm",
    "pan",
    "hammer",
    "knife",
    "cup",
    "drill",
    "racket",
    "spatula",
    "bottle",
)
COUNTERPARTS = {"grasp": "hold", "cut": "cut_with"}
"""In AGD20K's words. Its ``hit`` is where the hand is, here it is what strikes."""
MAX_TEXT_BYTES = 2**27


def iit_aff_photographs(root: Path) -> Iterator[PartPhotograph]:
    """The test images that show exactly one object: a query names none of several."""
    for name in _text(root / "test.txt").split():
        stem = Path(name).stem
        rows = _numbers(root / "object_labels" / f"{stem}.txt", 5)
        if len(rows) != 1:
            continue
        kind = int(rows[0, 0])
        if not 0 <= kind < len(OBJECTS):
            raise InvalidInput(f"{stem} shows object {kind}; expected 0..{len(OBJECTS) - 1}")
        labels = _numbers(root / "affordances_labels" / f"{stem}.txt")
        yield PartPhotograph(
            image=root / "rgb" / f"{stem}.jpg",
            stem=stem,
            object=OBJECTS[kind],
            parts={name: labels == i for i, name in enumerate(AFFORDANCES) if i},
            whole=labels > 0,
        )


def _text(path: Path) -> str:
    try:
        return read_bytes(path, "text", MAX_TEXT_BYTES).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"text {path} cannot be read ({error})") from error


def _numbers(path: Path, columns: int | None = None) -> NDArray[np.int64]:
    """The whole numbers (rows, columns) of a text."""
    lines = [line.split() for line in _text(path).splitlines() if line.strip()]
    widths = {len(line) for line in lines}
    if len(widths) > 1 or (columns and widths - {columns}):
        raise InvalidInput(f"{path} has lines of {sorted(widths)} numbers; expected one length")
    try:
        return np.array(lines, dtype=np.int64).reshape(len(lines), -1)
    except ValueError as error:
        raise InvalidInput(f"{path} holds other text than whole numbers ({error})") from error
