"""Segments that a raw label is snapped to (PLSP stage B, post-processing)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.labels.masking import MASKERS, Mask, Masker, box_region
from affordance_grasp.learning.labels.region_tree import RegionTree

SAM = "sam"
MASKER_NAMES = (*MASKERS, SAM)
SEGMENTER_NAMES = ("region_tree", SAM, "none")
LEAST_RATIO = 0.1
BEST_SHARE = 0.9
WHOLE_COVERAGE = 0.9


class Segmenter(Protocol):
    """What ``segment_anything.SamAutomaticMaskGenerator`` offers."""

    def generate(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Records with the key ``segmentation``, (H, W) bool, of an rgb image (H, W, 3)."""


def find_masker(name: str, sam: Any = None) -> Masker:
    """The mask step ``name``; ``sam`` is a model of :func:`sam.load_sam`."""
    if name not in MASKER_NAMES:
        raise UnknownName("mask step", name, MASKER_NAMES)
    if name != SAM:
        return MASKERS[name]
    from affordance_grasp.learning.labels.sam import sam_masker

    return sam_masker(_present(sam))


def find_segmenter(name: str, sam: Any = None) -> Segmenter | None:
    """The segmenter ``name``, None for ``none``; ``sam`` as for :func:`find_masker`."""
    if name not in SEGMENTER_NAMES:
        raise UnknownName("segmenter", name, SEGMENTER_NAMES)
    if name != SAM:
        return RegionTree() if name == "region_tree" else None
    from affordance_grasp.learning.labels.sam import sam_segmenter

    segmenter: Segmenter = sam_segmenter(_present(sam))
    return segmenter


def load_sam_for(names: Sequence[str], checkpoint: Path | None, device: str = "cpu") -> Any:
    """The SAM model where one of the steps ``names`` is ``sam``, else None."""
    if SAM not in names:
        return None
    if checkpoint is None:
        raise InvalidInput(
            "Segment Anything needs its checkpoint: give --sam PATH, such as sam_vit_h_4b8939.pth"
        )
    from affordance_grasp.learning.labels.sam import load_sam

    return load_sam(checkpoint, device)


def snapped(raw: Mask, segments: Sequence[Mask]) -> Mask:
    """Union of the segments that lie in a raw label (H, W); empty if there is none.

    Of a segment counts the share that the label covers; those below 0.1 or below 0.9 of the best
    are dropped, and so are those that hold 0.9 of the label or more (released code).
    """
    union = np.zeros_like(raw)
    total = int(raw.sum())
    if not total:
        return union
    ratios = []
    for segment in segments:
        common = int((segment & raw).sum())
        whole = common >= WHOLE_COVERAGE * total
        ratios.append(0.0 if whole else common / max(int(segment.sum()), 1))
    least = max(LEAST_RATIO, BEST_SHARE * max(ratios, default=0.0))
    for segment, ratio in zip(segments, ratios, strict=True):
        if ratio > least:
            union |= segment
    return union


def snap_in_boxes(
    raw: Mask, color: NDArray[np.uint8], boxes: NDArray[np.float64], segmenter: Segmenter
) -> Mask:
    """Snap a raw label (H, W) within every object box (N, 4) [pixels]; union over the boxes."""
    union = np.zeros_like(raw)
    for box in boxes:
        region = box_region(box, raw.shape)
        if raw[region].any():
            records = segmenter.generate(np.ascontiguousarray(color[region]))
            union[region] |= snapped(raw[region], [r["segmentation"] for r in records])
    return union


def _present(sam: Any) -> Any:
    if sam is None:
        raise InvalidInput("the step sam needs a loaded model of Segment Anything")
    return sam
