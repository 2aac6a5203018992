"""Whether a map finds the part, not only the object: what KLD, SIM and NSS do not tell.

NSS rewards finding the object: on photographs of tools the object's bare mask has more of it than
a head that takes four knives of eleven by the handle. These two look at the object alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.learning.evaluation.hotspots import auc_judd
from affordance_grasp.learning.evaluation.metrics import Floats64, PerMap, resize_map

PART_SHARE = 0.5
"""The part is where the ground truth has at least this share of its peak."""


@dataclass(frozen=True)
class PartScores(PerMap):
    """Of N maps, float64 (N,) each; NaN where no object mask is known, or it or the part is empty.

    ``peak``: 1 where the map's hottest point on the object lies in the part, else 0; of several
    equally hot points the share that does. ``auc``: area under the ROC curve of the part against
    the rest of the object, NaN also where there is no rest.
    """

    peak: Floats64
    auc: Floats64

    def mean(self) -> dict[str, float]:
        """Means over the maps where they are defined; nothing where no mask is known."""
        table = {"masked_peak": self.peak, "auc_in_object": self.auc}
        defined = {name: of[np.isfinite(of)] for name, of in table.items()}
        return {name: float(of.mean()) for name, of in defined.items() if len(of)}


def object_mask(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """A mask (H, W) in 0..255 as (224, 224), squashed as maps and ground truth are.

    OpenCV's nearest neighbour would shift it by up to half a pixel of the image.
    """
    return np.asarray(resize_map(gray), np.uint8) > 127


def score_parts(
    predictions: NDArray[np.floating],
    truths: Floats64,
    objects: Sequence[NDArray[np.bool_] | None],
) -> PartScores:
    """Score N maps (N, H, W) on their objects (H, W) against ground truth of the same size."""
    scored = [
        (np.nan, np.nan) if mask is None else _score(values[mask], truth[mask], truth.max())
        for values, truth, mask in zip(predictions, truths, objects, strict=True)
    ]
    peak, auc = np.array(scored, np.float64).reshape(-1, 2).T
    return PartScores(peak, auc)


def _score(values: NDArray[Any], truth: Floats64, highest: float) -> tuple[float, float]:
    """Peak and AUC of the values on an object; ``highest`` of the whole ground truth."""
    part = truth >= PART_SHARE * highest
    if highest <= 0 or not part.any():
        return np.nan, np.nan
    return float(part[values == values.max()].mean()), auc_judd(values, part)
