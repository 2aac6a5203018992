"""Pushing a hand forward and closing it, for all hands of one orientation at once.

In the hand's frame (x closing, z approach) the points within |y| < half a finger's breadth are
reduced to their lower envelope: the first obstacle along z per bin of x. The space behind a
visible surface counts as solid, since one view does not show it. A finger fits at tip depth z
where no bin that it covers starts before z.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.geometry import Floats

BIN_M = 0.002
HALF_SPAN_M = 0.07
BINS = int(round(2 * HALF_SPAN_M / BIN_M))
CENTER_BIN = BINS // 2
FREE = 1.0
EDGE_BINS = 3
DEEPEST_M = 0.05

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
        across += np.float32(HALF_SPAN_M)
        across /= np.float32(BIN_M)
        column = np.clip(across, 0, BINS - 1, out=across).astype(np.intp)
        column += self.anchor * BINS
        return Columns(column, c * y - s * x, z, self.anchors)


@dataclass(frozen=True)
class Columns:
    """Points in bins of x: ``bin`` (P,) anchor and bin in one number, ``y``, ``z`` (P,) [m].

    The first and the last bin of an anchor hold all points further aside.
    """

    bin: NDArray[np.intp]
    y: Singles
    z: Singles
    anchors: int


def envelope(points: Columns, tilt_rad: float, half_breadth_m: float) -> Floats:
    """First obstacle (A, BINS) [m] along the approach of hands tilted about x.

    Only what lies within the slab of the fingers counts; FREE where there is nothing, and in the
    first and the last bin, which no finger needs.
    """
    c, s = np.float32(np.cos(tilt_rad)), np.float32(np.sin(tilt_rad))
    inside = np.flatnonzero(np.abs(c * points.y + s * points.z) <= half_breadth_m)
    depth = c * points.z[inside] - s * points.y[inside]
    first = np.full((points.anchors, BINS), FREE, np.float32)
    np.minimum.at(first.reshape(-1), points.bin[inside], depth)
    first[:, [0, -1]] = FREE
    return first.astype(float)


@dataclass(frozen=True)
class Closings:
    """Hands that fit: ``anchor`` (M,), ``tip_z`` [m] tip depth, ``x_low``, ``x_high`` [m].

    The last two are the edges of the object between the fingers, to one bin.
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
    tip = np.where(np.isnan(tip_z), -FREE, tip_z)
    # a finger fits above bins i .. i+room-1 where the first obstacle in any of them lies deeper
    nearest = cv2.erode(first, np.ones((1, room), np.uint8), anchor=(0, 0))[:, : BINS - room + 1]
    gap = nearest[:, None, :] >= tip[:, :, None]
    left = gap[..., : CENTER_BIN - room + 1][..., ::-1]
    right = gap[..., CENTER_BIN + 1 :]
    middle = first[:, CENTER_BIN - 1 : CENTER_BIN + 2].min(axis=1)
    fits = left.any(-1) & right.any(-1) & (middle[:, None] < tip)
    anchor, level = np.nonzero(fits)
    low = CENTER_BIN - left[anchor, level].argmax(-1)  # first bin of the object
    high = CENTER_BIN + right[anchor, level].argmax(-1)  # last bin of the object
    x_low, x_high = low * BIN_M - HALF_SPAN_M, (high + 1) * BIN_M - HALF_SPAN_M
    tip_z = tip[anchor, level]
    engagement = np.minimum(
        _engagement(first, anchor, tip_z, low), _engagement(first, anchor, tip_z, high - 2)
    )
    narrow = x_high - x_low <= max_width_m + BIN_M
    return Closings(*(part[narrow] for part in (anchor, tip_z, x_low, x_high, engagement)))


def _engagement(
    first: Floats, anchor: NDArray[np.intp], tip_z: Floats, start: NDArray[np.intp]
) -> Floats:
    """How far tips (M,) reach past their anchors' envelopes, on three bins from ``start``."""
    bins = np.clip(start, 0, BINS - EDGE_BINS)[:, None] + np.arange(EDGE_BINS)
    past = tip_z[:, None] - first[anchor[:, None], bins]
    return np.asarray(np.clip(past, 0, DEEPEST_M).mean(axis=1))
