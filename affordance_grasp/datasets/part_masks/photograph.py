"""One annotated photograph, and the writing of many as a test set in AGD20K's layout."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datasets.agd20k import LAYOUTS, OBJECT_MASKS, PARTS
from affordance_grasp.errors import InvalidInput, writing
from affordance_grasp.files import read_bytes, write_file
from affordance_grasp.image_files import MAX_FILE_BYTES, read_color

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PartPhotograph:
    """A photograph of one object, in the words of its own data set.

    ``parts``: affordance -> mask (H, W) of where it is; ``whole``: mask (H, W) of the object.
    """

    image: Path
    stem: str
    object: str
    parts: Mapping[str, Mask]
    whole: Mask


@dataclass(frozen=True)
class Imported:
    """What an import came to: entries by affordance and object, and what has no counterpart.

    ``left_out``: affordance in the data set's own words -> photographs that show it.
    """

    written: Counter[tuple[str, str]]
    left_out: Counter[str]


def write_test_set(
    root: Path, split: str, photographs: Iterable[PartPhotograph], counterparts: Mapping[str, str]
) -> Imported:
    """Write photographs below ``root`` as ``split``, one entry per affordance.

    ``counterparts``: affordance in the data set's words -> AGD20K's. The ground truth is the
    part's mask itself, not blurred.
    """
    folder = root / LAYOUTS[split].folder
    if folder.exists():
        raise InvalidInput(f"{folder} is already there; give another folder")
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
    done = Imported(Counter(), Counter())
    for photograph in photographs:
        for affordance in _shown(photograph):
            if affordance not in counterparts:
                done.left_out[affordance] += 1
                continue
            _write(folder, photograph, affordance, counterparts[affordance])
            done.written[counterparts[affordance], photograph.object] += 1
    if not done.written:
        words = ", ".join(counterparts)
        raise InvalidInput(f"no photograph shows a part of any of these affordances: {words}")
    return done


def _shown(photograph: PartPhotograph) -> Iterator[str]:
    """The affordances whose part the photograph shows, once all sizes are known to agree."""
    height, width = read_color(photograph.image).shape[:2]
    for mask in (photograph.whole, *photograph.parts.values()):
        if mask.shape != (height, width):
            raise InvalidInput(
                f"the masks of {photograph.image} have the shape {mask.shape} instead of the "
                f"image's ({height}, {width})"
            )
    return (name for name, mask in photograph.parts.items() if mask.any())


def _write(folder: Path, photograph: PartPhotograph, word: str, affordance: str) -> None:
    place = Path(affordance, photograph.object)
    name = photograph.stem + photograph.image.suffix.lower()
    content = read_bytes(photograph.image, "image", MAX_FILE_BYTES)
    write_file(folder / PARTS[2] / place / name, content)
    masks = {PARTS[3]: photograph.parts[word], OBJECT_MASKS: photograph.whole}
    for part, mask in masks.items():
        _, encoded = cv2.imencode(".png", mask.astype(np.uint8) * 255)
        write_file(folder / part / place / f"{photograph.stem}.png", encoded.tobytes())
