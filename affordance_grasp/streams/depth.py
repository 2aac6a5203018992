"""Depth as cameras store it: 16-bit millimetres or 32-bit metres, in one of two byte orders."""

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import SATURATED
from affordance_grasp.errors import InvalidInput

NEAREST_M, FARTHEST_M = 0.1, 20.0
"""What depth cameras of a work cell measure."""
PLAUSIBLE, LIKELIER = 0.5, 1.5
"""Share of readings within that: more, of right ones, and that much more than of swapped ones."""
ROUGH_M, ROUGHER = 0.05, 16
"""Mean step between neighbouring pixels that no scene has, and how much rougher it is."""
ROWS_APART = 8

Stored = NDArray[np.uint16] | NDArray[np.int16] | NDArray[np.float32]


def metres(stored: Stored) -> NDArray[np.float32]:
    """Metres of millimetres (integers) or of metres (floats).

    0, negative, not finite, and the largest value of 16 bits without sign mean no reading: here 0.

    Raises:
        InvalidInput: only in the other byte order they can be depth.
    """
    if _swapped_is_right(stored[::ROWS_APART]):
        raise InvalidInput(
            "depth image holds values that are depth only with their bytes in the other order; "
            "the publisher must set is_bigendian rightly"
        )
    return _metres(stored)


def millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth as 16UC1 holds it; beyond 65.534 m there is no reading."""
    units = np.rint(depth_m.astype(np.float64) * 1000)
    return np.where(units < SATURATED, units, 0).astype(np.uint16)


def _metres(stored: Stored) -> NDArray[np.float32]:
    if stored.dtype.kind == "f":
        return np.where(np.isfinite(stored) & (stored > 0), stored, 0).astype(np.float32)
    right = (stored > 0) & (stored != SATURATED)
    return np.where(right, stored, 0).astype(np.float32) / np.float32(1000)


def _swapped_is_right(stored: Stored) -> bool:
    """Whether values are absurd as depth, and plausible with their bytes swapped."""
    stated_m, other_m = _metres(stored), _metres(stored.byteswap())
    right = _plausible(other_m)
    if right < PLAUSIBLE:
        return False
    if right > LIKELIER * _plausible(stated_m):
        return True
    if stored.dtype.kind == "f":
        return False
    rough_m = _roughness_m(stated_m)
    return rough_m > ROUGH_M and rough_m > ROUGHER * _roughness_m(other_m)


def _plausible(depth_m: NDArray[np.float32]) -> float:
    """Share of the readings that a depth camera can have made; 0 without any."""
    readings = depth_m[depth_m > 0]
    within = (readings >= NEAREST_M) & (readings <= FARTHEST_M)
    return float(within.mean()) if readings.size else 0.0


def _roughness_m(depth_m: NDArray[np.float32]) -> float:
    """Mean step between readings beside or below each other [m], the larger of the two."""
    return max(
        _mean_step_m(depth_m[:, :-1], depth_m[:, 1:]), _mean_step_m(depth_m[:-1], depth_m[1:])
    )


def _mean_step_m(here: NDArray[np.float32], there: NDArray[np.float32]) -> float:
    both = (here > 0) & (there > 0)
    return float(np.abs(here[both] - there[both]).mean()) if both.any() else 0.0
