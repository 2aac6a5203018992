"""Scoring a plan against ground truth: the heatmap by metrics, the first grasp by its contact."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Heatmap, RankedGrasp
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_gray
from affordance_grasp.learning.evaluation.metrics import ground_truth_map, predicted_map, score
from affordance_grasp.pipeline import NO_METHOD

STAMP_DIGITS = 12
PART_SHARE = 0.5
REACH_PX = 5
PROTOCOL = "reference"


class TruthFolder:
    """PNG masks or maps named after the stamp [ns] or the index of the frame they belong to."""

    def __init__(self, folder: Path) -> None:
        """List the folder.

        Raises:
            InvalidInput: it holds no PNG with such a name.
        """
        self.folder = Path(folder)
        if not self._files:
            raise InvalidInput(
                f"ground truth folder {folder} holds no PNG named after a stamp in nanoseconds or "
                "after the index of a frame, such as 000012.png"
            )

    @cached_property
    def _files(self) -> Mapping[tuple[bool, int], Path]:
        numbered = [p for p in self.folder.glob("*.png") if p.stem.isascii() and p.stem.isdigit()]
        return {(len(p.stem) > STAMP_DIGITS, int(p.stem)): p for p in numbered}

    def find(self, stamp_ns: int, index: int) -> NDArray[np.uint8] | None:
        """The map (H, W) 0..255 of a frame; None where there is none."""
        path = self._files.get((True, stamp_ns)) or self._files.get((False, index))
        return None if path is None else read_gray(path)


def score_heatmap(heatmap: Heatmap, truth: NDArray[np.uint8]) -> dict[str, float] | None:
    """KLD, SIM and NSS over the whole image, both at 224x224, by the protocol ``reference``.

    None where they are undefined: an empty truth, a map without contrast, or the object's region
    in place of a method's map.
    """
    if not truth.any() or heatmap.method == NO_METHOD:
        return None
    predicted, expected = predicted_map(heatmap.values), ground_truth_map(truth, PROTOCOL)
    scores = score(predicted[None], expected[None], PROTOCOL)
    figures = {name: float(getattr(scores, name)[0]) for name in ("kld", "sim", "nss")}
    return figures if np.isfinite(list(figures.values())).all() else None


def on_part(grasp: RankedGrasp, truth: NDArray[np.uint8]) -> bool | None:
    """Whether the contact lies on the part: at most 2 pixels from where the truth is at half peak.

    A contact on a rim is measured to a pixel or two. None where the truth is empty.
    """
    if not truth.any():
        return None
    part = truth >= PART_SHARE * truth.max()
    near = cv2.dilate(part.astype(np.uint8), np.ones((REACH_PX, REACH_PX), np.uint8))
    u, v = (round(x) for x in grasp.contact_uv)
    inside = 0 <= v < near.shape[0] and 0 <= u < near.shape[1]
    return bool(inside and near[v, u])
