"""Pushing a hand forward and closing it, for all hands of one orientation at once.

In the hand's frame (x closing, z approach) everything visible between two planes |y| < half a
finger's breadth is reduced to its lower envelope: the first obstacle along z per bin of x. What
lies behind a visible surface counts as solid, since one view does not show it. A finger fits at
tip depth z where no bin that it covers starts before z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.geometry import Floats

BIN_M = 0.002
HALF_SPAN_M = 0.07
BINS = int(round(2 * HALF_SPAN_M / BIN_M))
CENTER_BIN = BINS // 2
FREE = 1.0


Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbors:
    """The points around each anchor, flattened: ``anchor`` (P,) index, ``offset`` (3, P) [m].

    Offsets x, y, z are from the anchor, in the anchor's own frame; single precision is 10 nm.
    """

    anchor: NDArray[np.intp]
    offset: Singles
    anchors: int

    def turned(self, turn_rad: float) -> "Columns":
        """The same points in frames turned about z, sorted into bins of x."""
        c, s = np.float32(np.cos(turn_rad)), np.float32(np.sin(turn_rad))
        x, y, z = self.offset
        across = c * x + s * y
        near = np.flatnonzero(np.abs(across) < HALF_SPAN_M - BIN_M)
        column = ((across[near] + np.float32(HALF_SPAN_M)) / np.float32(BIN_M)).astype(np.intp)
        return Columns(
            self.anchor[near] * BINS + column, (c * y - s * x)[near], z[near], self.anchors
        )


@dataclass(frozen=True)
class Columns:
    """Points in bins of x: ``bin`` (P,) anchor and bin in one number, ``y``, ``z`` (P,) [m]."""

    bin: NDArray[np.intp]
    y: Singles
    z: Singles
    anchors: int


def envelope(points: Columns, tilt_rad: float, half_breadth_m: float) -> Floats:
    """First obstacle (A, BINS) [m] along the approach of hands tilted about x.

    Only what lies within the slab of the fingers counts; FREE where there is nothing.
    """
    c, s = np.float32(np.cos(tilt_rad)), np.float32(np.sin(tilt_rad))
    inside = np.flatnonzero(np.abs(c * points.y + s * points.z) <= half_breadth_m)
    depth = c * points.z[inside] - s * points.y[inside]
    first = np.full(points.anchors * BINS, FREE, np.float32)
    np.minimum.at(first, points.bin[inside], depth)
    return first.reshape(points.anchors, BINS).astype(float)


@dataclass(frozen=True)
class Closings:
    """Hands that fit: ``anchor`` (M,), ``tip_z`` [m] tip depth, ``x_low``, ``x_high`` [m].

    The last two are the edges of what stands between the fingers, to one bin.
    ``engagement`` [m] is how far the tips reach past the surface at the two edges.
    """

    anchor: NDArray[np.intp]
    tip_z: Floats
    x_low: Floats
    x_high: Floats
    engagement: Floats


def close_hands(first: Floats, tip_z: Floats, finger_m: float, max_width_m: float) -> Closings:
    """Close hands at tip depths (A, L) on envelopes (A, BINS).

    Args:
        first: lower envelopes, see :func:`envelope`.
        tip_z: depths of the fingertips to try; NaN = do not try.
        finger_m: room that one finger needs along x, with clearance [m].
        max_width_m: widest object that fits between the fingers.
    """
    room = int(np.ceil(finger_m / BIN_M))
    tip = np.where(np.isnan(tip_z), -FREE, tip_z)[:, :, None]
    blocked = first[:, None, :] < tip
    total = np.cumsum(blocked, axis=-1, dtype=np.int16)
    padded = np.concatenate([np.zeros_like(total[..., :1]), total], axis=-1)
    gap = padded[..., room:] == padded[..., :-room]  # gap[i]: bins i .. i+room-1 are free
    left = gap[..., : CENTER_BIN - room + 1][..., ::-1]
    right = gap[..., CENTER_BIN + 1 :]
    fits = left.any(-1) & right.any(-1) & blocked[..., CENTER_BIN - 1 : CENTER_BIN + 2].any(-1)
    low = CENTER_BIN - left.argmax(-1)  # first bin of the object
    high = CENTER_BIN + right.argmax(-1)  # last bin of the object
    x_low, x_high = low * BIN_M - HALF_SPAN_M, (high + 1) * BIN_M - HALF_SPAN_M
    fits &= x_high - x_low <= max_width_m + BIN_M
    depth = np.clip(np.where(blocked, tip - first[:, None, :], 0), 0, 0.05)
    summed = np.concatenate([np.zeros_like(depth[..., :1]), np.cumsum(depth, -1)], -1)
    at_low = _window_mean(summed, low, 3)
    at_high = _window_mean(summed, high - 2, 3)
    anchor, level = np.nonzero(fits)
    pick = (anchor, level)
    engagement = np.minimum(at_low, at_high)
    return Closings(anchor, tip_z[pick], x_low[pick], x_high[pick], engagement[pick])


def _window_mean(summed: Floats, start: NDArray[np.intp], length: int) -> Floats:
    start = np.clip(start, 0, BINS - length)[..., None]
    ends = np.take_along_axis(summed, start + length, -1) - np.take_along_axis(summed, start, -1)
    return ends[..., 0] / length
