"""Which readings above the table are one thing: smooth pieces first, then what belongs together.

A piece ends where depth jumps and in a valley between two surfaces. What stands on the table by
itself is a thing of its own; any other piece is part of one beside it: a handle hangs over the
table, a lid lies on its pot, the inside of a mug is behind its rim.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from affordance_grasp.geometry import Floats
from affordance_grasp.scene.table import TablePlane

STRIDE, MARGIN_PX = 2, 18
GAP_PX = 7
"""Readings so far apart, with none between, may touch."""
TOUCH_M, TOUCH_SLOPE = 0.008, 2.5
"""They do where the step between them is lower, or not steeper."""
TOUCHING = 100.0
"""Links across a gap or a jump that count as much as one where surfaces touch."""
VALLEY_REACH_M, VALLEY_M = 0.009, 0.0025
"""A valley is so much deeper than the line between two places at that distance to either side."""
LEAST_PX = 25
FLAT_M, FOOT_M = 0.025, 0.015
"""Things lower than the first are not cut up; what ends lower than the second rests there."""
STANDING = 0.5
"""A thing stands where so many readings of its foot, as a share of its side, are at the table."""
UNDER_PX = (3, 5, 8)

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class _Links:
    """Pairs of neighbouring readings by flat index: ``first``, ``second`` (N,), do they touch."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    touch: Mask


def split_instances(points: Floats, out: Mask, table: TablePlane, K: Floats) -> Labels:
    """Number (H, W) of the thing at every reading above the table, from 1; 0 elsewhere.

    Args:
        points: (H, W, 3) [m] in the optical frame, NaN without a reading.
        out: (H, W) readings above the table.
        table: the supporting plane.
        K: (3, 3) camera matrix.
    """
    labels = np.zeros(out.shape, np.int32)
    if not out.any():
        return labels
    part = _about(out)
    corner = [[0, 0, part[1].start], [0, 0, part[0].start], [0, 0, 0]]
    small = (slice(None, None, STRIDE),) * 2
    coarse, above = points[part][small], out[part][small]
    links = _links(coarse, above, K[0, 0] / STRIDE)
    pieces = smooth_pieces(coarse, above, links, K[0, 0] / STRIDE, table.noise_m)
    things = _put_together(pieces, coarse, links, table, (K - corner) / [[STRIDE], [STRIDE], [1]])
    labels[part] = _spread(things, points[part], out[part])
    return labels


def _about(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns that hold a mask, and ``MARGIN_PX`` about it."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top, left = (max(int(of[0]) - MARGIN_PX, 0) for of in (rows, columns))
    return slice(top, int(rows[-1]) + MARGIN_PX), slice(left, int(columns[-1]) + MARGIN_PX)


def smooth_pieces(
    points: Floats, out: Mask, links: _Links, focal_px: float, noise_m: float
) -> Labels:
    """Connected surfaces (H, W) without a jump or a valley in them, from 1; 0 elsewhere."""
    valley = _valleys(points[..., 2], out, focal_px, noise_m).ravel()
    inner = links.touch & ~valley[links.first] & ~valley[links.second]
    count = out.size
    graph = coo_matrix(
        (np.ones(int(inner.sum()), bool), (links.first[inner], links.second[inner])),
        shape=(count, count),
    )
    _, number = connected_components(graph, directed=False)
    core = out.ravel() & ~valley
    size = np.bincount(number[core], minlength=number.max() + 1)
    kept = core & (size[number] >= LEAST_PX)
    names = np.zeros(len(size), np.int32)
    names[np.unique(number[kept])] = np.arange(1, len(np.unique(number[kept])) + 1)
    seeds = np.where(kept, names[number], 0).reshape(out.shape).astype(np.int32)
    return _grown(seeds, points[..., 2], out)


def _links(points: Floats, out: Mask, focal_px: float) -> _Links:
    """Each reading above the table with the next reading to the right and below."""
    read = np.isfinite(points[..., 2])
    flat = np.arange(out.size).reshape(out.shape)
    firsts, seconds, steps = [], [], []
    for axis in (0, 1):
        place: NDArray[np.intp] = np.indices(out.shape, sparse=True)[axis]
        after = np.where(read, place, 10**6)
        after = np.flip(np.minimum.accumulate(np.flip(after, axis), axis), axis)
        following = np.full_like(after, 10**6)
        head, tail = ([slice(None)] * 2 for _ in range(2))
        head[axis], tail[axis] = slice(None, -1), slice(1, None)
        following[tuple(head)] = after[tuple(tail)]
        away = following - place
        rows, columns = np.nonzero(out & (away <= GAP_PX))
        step = away[rows, columns]
        to = (rows + step, columns) if axis == 0 else (rows, columns + step)
        good = out[to]
        firsts.append(flat[rows, columns][good])
        seconds.append(flat[to][good])
        steps.append(step[good])
    first, second, step = (np.concatenate(x) for x in (firsts, seconds, steps))
    z = points[..., 2].ravel()
    allowed = np.maximum(TOUCH_M, TOUCH_SLOPE * step * z[first] / focal_px)
    return _Links(first, second, np.abs(z[first] - z[second]) < allowed)


def _valleys(z: Floats, out: Mask, focal_px: float, noise_m: float) -> Mask:
    """Where a surface is deeper than the line between two places on either side of it."""
    middle = float(np.median(z[out])) if out.any() else 1.0
    reach = int(np.clip(round(VALLEY_REACH_M * focal_px / middle), 2, 12))
    depth = max(VALLEY_M, 3 * noise_m)
    near = np.where(out, 1 / z, np.nan)  # inverse depth is linear on planes
    padded = np.pad(near, reach, constant_values=np.nan)
    height, width = z.shape

    def moved(down: int, right: int) -> Floats:
        return padded[reach + down : reach + down + height, reach + right : reach + right + width]

    valley = np.zeros(out.shape, bool)
    diagonal = max(1, round(reach * 0.7))
    for down, right in ((0, reach), (reach, 0), (diagonal, diagonal), (diagonal, -diagonal)):
        one, other = moved(down, right), moved(-down, -right)
        with np.errstate(invalid="ignore"):
            deep = (
                (2 / (one + other) < z - depth)
                & (np.abs(1 / one - z) < 0.03)
                & (np.abs(1 / other - z) < 0.03)
            )
        valley |= deep
    return valley & out


def _grown(seeds: Labels, z: Floats, out: Mask) -> Labels:
    """The labels of seeds, given to readings beside them that are about as far away."""
    if not seeds.any():
        return seeds
    _, number = cv2.distanceTransformWithLabels(
        (seeds == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(number.max()) + 1, np.intp)
    pixels = np.flatnonzero(seeds)
    source[number.ravel()[pixels]] = pixels
    left = np.flatnonzero(out & (seeds == 0))
    nearest, away = source[number.ravel()[left]], z.ravel()
    with np.errstate(invalid="ignore"):
        alike = np.abs(away[nearest] - away[left]) < 0.03
    grown = np.where(out, seeds, 0).astype(np.int32)
    grown.ravel()[left[alike]] = seeds.ravel()[nearest[alike]]
    return grown


def _spread(things: Labels, points: Floats, out: Mask) -> Labels:
    """Labels of the coarse image at full size."""
    height, width = out.shape
    big = np.repeat(np.repeat(things, STRIDE, 0), STRIDE, 1)[:height, :width]
    return _grown(np.where(out, big, 0).astype(np.int32), points[..., 2], out)


def _put_together(
    pieces: Labels, points: Floats, links: _Links, table: TablePlane, K: Floats
) -> Labels:
    """Give each piece that does not stand by itself to the one beside it, the smallest first."""
    count = int(pieces.max()) + 1
    size = np.bincount(pieces.ravel(), minlength=count).astype(float)
    height = table.height_m(points)
    foot = _feet(pieces, points, height, table, K)
    beside = _beside(pieces, links)
    top = np.array([0.0, *(np.percentile(height[pieces == i], 90) for i in range(1, count))])
    name = _flat_together(pieces, top < FLAT_M)
    while True:
        sizes, feet = (np.bincount(name, weights=of, minlength=count) for of in (size, foot))
        for thing in np.argsort(sizes, kind="stable"):
            members = (name == thing) & (size > 0)
            to = np.where(name == thing, 0, beside[members].sum(axis=0))
            if to.any() and feet[thing] < STANDING * np.sqrt(sizes[thing]):
                name[members] = name[to.argmax()]
                break
        else:
            return np.where(pieces > 0, name[pieces] + 1, 0).astype(np.int32)


def _flat_together(pieces: Labels, flat: Mask) -> NDArray[np.intp]:
    """Name of the thing of every piece (P,): flat pieces (P,) that are near are one already."""
    low = (flat[pieces] & (pieces > 0)).astype(np.uint8)
    square = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP_PX, GAP_PX))
    _, parts = cv2.connectedComponents(cv2.dilate(low, square), connectivity=8)
    name = np.arange(len(flat))
    name[pieces[low > 0]] = len(flat) + parts[low > 0]
    return np.unique(name, return_inverse=True)[1].reshape(-1)


def _beside(pieces: Labels, links: _Links) -> Floats:
    """How many readings of two pieces (P, P) are neighbours: those that touch, and a few apart."""
    count = int(pieces.max()) + 1
    a, b = pieces.ravel()[links.first], pieces.ravel()[links.second]
    weight = np.where(links.touch, TOUCHING, 1.0) * ((a != b) & (a > 0) & (b > 0))
    one_way = np.bincount(a * count + b, weights=weight, minlength=count**2).reshape(count, count)
    return np.asarray(one_way + one_way.T)


def _feet(
    pieces: Labels, points: Floats, height_m: Floats, table: TablePlane, K: Floats
) -> Floats:
    """How many readings of each piece (P,) are low and have the table just below in the image."""
    rows, columns = np.nonzero((pieces > 0) & (height_m <= FOOT_M))
    own = pieces[rows, columns]
    below = table.drop(points[rows, columns])
    towards = np.stack([K[0, 0], K[1, 1]]) * below[:, :2] / below[:, 2:] + K[:2, 2]
    towards -= np.stack([columns, rows], -1)
    length = np.linalg.norm(towards, axis=1, keepdims=True)
    at_table, open_ = np.zeros(len(own), bool), np.ones(len(own), bool)
    for step in UNDER_PX:
        far = towards * np.minimum(step, np.maximum(length, 1)) / np.maximum(length, 1e-6)
        u = np.clip(np.rint(columns + far[:, 0]), 0, pieces.shape[1] - 1).astype(int)
        v = np.clip(np.rint(rows + far[:, 1]), 0, pieces.shape[0] - 1).astype(int)
        at_table |= open_ & (pieces[v, u] == 0) & np.isfinite(points[v, u, 2])
        open_ &= ~at_table & ((pieces[v, u] == 0) & ~np.isfinite(points[v, u, 2]))
    return np.bincount(own[at_table], minlength=int(pieces.max()) + 1).astype(float)
