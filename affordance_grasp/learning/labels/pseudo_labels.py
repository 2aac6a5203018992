"""Pseudo labels for PLSP: part boxes become masks (stage A of the paper, appendix B.1).

Ground truth never enters: the boxes come from a part detector, the masks from the image.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affordance_grasp.datasets.agd20k import ImageFile, Split, content_digest, grouped
from affordance_grasp.datasets.detections import Detections, RecordedDetector
from affordance_grasp.datasets.labels import label_path
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color
from affordance_grasp.learning.labels.masking import MASKERS, Masker, fill_holes, turn_inverted

Copies = tuple[ImageFile, ...]
"""The same image under several affordances."""


@dataclass(frozen=True)
class LabelCount:
    """Counts of a run: labels written, found already written, rejected, images with no box."""

    written: int
    kept: int
    without_box: int
    rejected: int = 0


FIELDS = tuple(field.name for field in fields(LabelCount))


def save_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask (H, W) as 0 and 255; a killed run leaves no half image behind."""
    content = BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(content, format="PNG")
    write_file(path, content.getvalue())


def pseudo_label(
    mask_of: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    detections: Detections,
    may_invert: bool,
) -> NDArray[np.bool_]:
    """Union of the masks of the kept boxes: checked at the box's rim, small holes filled."""
    masks = []
    for box in detections.kept().boxes:
        mask = mask_of(box)
        masks.append(fill_holes(turn_inverted(mask, box) if may_invert else mask))
    return np.any(masks, axis=0)


def write_pseudo_labels(
    split: Split,
    detector: RecordedDetector,
    masker: Masker = MASKERS["grabcut"],
    overwrite: bool = False,
    *,
    rejected: Collection[str] = (),
    progress: Callable[[Collection[Copies]], Iterable[Copies]] = iter,
) -> LabelCount:
    """Write the label of every egocentric train image in which a part was found.

    An image filed under several affordances is segmented once. Labels that exist are kept unless
    ``overwrite``, so that a stopped run can be resumed. ``rejected``: names of images that get
    none. ``progress`` wraps the iteration.
    """
    tally: Counter[str] = Counter()
    refused = frozenset(rejected)
    wanted = [image for image in split.train_ego if image.name not in refused]
    tally["rejected"] = len(split.train_ego) - len(wanted)
    for copies in progress(grouped(wanted, content_digest).values()):
        due = [p for p in copies if overwrite or not label_path(split, p).exists()]
        tally["kept"] += len(copies) - len(due)
        found = [(p, detections) for p in due if (detections := detector.parts(p)) is not None]
        tally["without_box"] += len(due) - len(found)
        tally["written"] += len(found)
        if found:
            _write(split, detector, masker, found)
    return LabelCount(**{name: tally[name] for name in FIELDS})


def _write(
    split: Split,
    detector: RecordedDetector,
    masker: Masker,
    found: list[tuple[ImageFile, Detections]],
) -> None:
    first = found[0][0]
    whole = detector.object_ego(first)
    object_box = None if whole is None else whole.best
    mask_of = masker.open_image(read_color(first.path), object_box)
    for image, detections in found:
        mask = pseudo_label(mask_of, detections, masker.may_invert)
        save_mask(label_path(split, image), mask)
