"""The rules that rank grasps, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """A ranking: ``order(heat, quality, band)`` gives indices, best first.

    ``breadth_m``: heat is the mean over a strip of this length across the fingers, which lowers
    it for a grasp that is half on another part; 0: at the contact alone. ``needs_heat``:
    candidates below the minimal heat are rejected.
    """

    order: Callable[[Floats, Floats, float], NDArray[np.intp]]
    breadth_m: float = 0.0
    needs_heat: bool = True


def _by_argmax(heat: Floats, quality: Floats, band: float) -> NDArray[np.intp]:
    return np.lexsort((-quality, -heat))


def _by_bands(heat: Floats, quality: Floats, band: float) -> NDArray[np.intp]:
    highest = heat.max() if len(heat) else 0.0
    return np.lexsort((-heat, -quality, np.floor((highest - heat) / band + 1e-9)))


def _by_quality(heat: Floats, quality: Floats, band: float) -> NDArray[np.intp]:
    return np.argsort(-quality, kind="stable")


RULES: dict[str, Rule] = {
    "bands": Rule(_by_bands, breadth_m=0.022),
    "argmax": Rule(_by_argmax),
    "quality": Rule(_by_quality, needs_heat=False),
}
