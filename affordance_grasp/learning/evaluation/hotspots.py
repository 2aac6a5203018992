"""KLD, SIM and AUC-J as the literature on interaction hotspots reports them, on maps of 28x28.

Nagarajan et al. (ICCV 2019): the prediction is blurred; the ground truth's fixations are where it
has more than half of its peak.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.learning.evaluation.metrics import Floats64

SIDE = 28
EPS = 1e-12


def hotspot_scores(
    predictions: Iterable[NDArray[np.float32]], truths: Iterable[Floats64]
) -> dict[str, float]:
    """Means over maps (h, w) of any sizes; one without fixations is left out of the AUC."""
    rows = [_score(map_28(p), map_28(t)) for p, t in zip(predictions, truths, strict=True)]
    kld, sim, auc = np.array(rows, float).reshape(-1, 3).T
    defined = auc[np.isfinite(auc)]
    area = float(defined.mean()) if len(defined) else float("nan")
    return {"kld": float(kld.mean()), "sim": float(sim.mean()), "auc_j": area, "maps": len(rows)}


def map_28(values: NDArray[np.floating]) -> Floats64:
    """A raw map or ground truth as 28x28, not negative, its peak 1."""
    small = cv2.resize(
        np.asarray(values, np.float64), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR
    )
    small = small - min(float(small.min()), 0.0)
    return np.asarray(small / max(float(small.max()), EPS))


def auc_judd(saliency: Floats64, fixated: NDArray[np.bool_]) -> float:
    """Area under the ROC curve of saliency at fixations against all other pixels (Judd et al.).

    Ties count half, where the published program breaks them at random. NaN without fixations.
    """
    from scipy.stats import rankdata

    inside = int(fixated.sum())
    outside = fixated.size - inside
    if not inside or not outside:
        return float("nan")
    above = rankdata(saliency)[fixated.ravel()].sum() - inside * (inside + 1) / 2
    return float(above / (inside * outside))


def _score(predicted: Floats64, truth: Floats64) -> tuple[float, float, float]:
    predicted = cv2.GaussianBlur(predicted, (5, 5), 0)
    fixated = truth > 0.5
    uniform = np.ones_like(truth) if truth.max() <= 0 else truth
    P, G = predicted / (predicted.sum() + EPS), uniform / (uniform.sum() + EPS)
    kld = float((G * np.log(G / (P + EPS) + EPS)).sum())
    return kld, float(np.minimum(P, G).sum()), auc_judd(predicted.ravel(), fixated.ravel())
