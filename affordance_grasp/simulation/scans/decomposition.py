"""Convex decomposition of a mesh, for contacts: no hole that matters is closed.

The points of each part are split by planes across their principal axes, always where the convex
hulls of the two sides have the least volume times size (much as V-HACD does, Mamou and Ghorbel
2009), until no hull holds a place outside the part that is deeper than a tolerance. So walls may
bulge by that much, and a handle's hole, whose middle is deeper, stays open.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from affordance_grasp.geometry import Floats

TOLERANCE_M = 0.003
MOST_PIECES = 64
MOST_CORNERS = 128
CELLS_ALONG = 80
PITCH_M = (0.0008, 0.003)
SLABS = 10
FEWEST_POINTS = 12
LEAST_M3 = 1e-10


def convex_pieces(
    surface_m: Floats, pitch_m: float, parts_of: Callable[[Floats], NDArray[np.str_]]
) -> list[tuple[str, Floats]]:
    """Convex pieces that cover an object, each within one part.

    Args:
        surface_m: points (N, 3) on its surface, no further apart than ``pitch_m``.
        pitch_m: see :func:`pitch`.
        parts_of: points (N, 3) -> the names (N,) of their parts.

    Returns:
        The part and the corners (K, 3) of every piece, at most :data:`MOST_PIECES` of a part.
    """
    low = surface_m.min(axis=0) - 3 * pitch_m
    cells, first = np.unique(
        np.floor((surface_m - low) / pitch_m).astype(int), axis=0, return_index=True
    )
    surface_m, solid = surface_m[first], _solid(cells)
    middles = low + (np.argwhere(solid) + 0.5) * pitch_m
    inner = ndimage.binary_erosion(solid)[solid]
    cell_parts, surface_parts = parts_of(middles), parts_of(surface_m)
    found = []
    for part in np.unique(surface_parts):
        own = np.zeros_like(solid)
        own[solid] = cell_parts == part
        within = middles[inner & (cell_parts == part)]
        points = np.concatenate([surface_m[surface_parts == part], within])
        if len(points) >= FEWEST_POINTS:
            pieces = _split(_Piece.of(points, _just_outside(own, low, pitch_m)), pitch_m)
            found += [(str(part), _extreme(piece.corners_m)) for piece in pieces]
    return [(part, corners) for part, corners in found if _hull(corners).volume > LEAST_M3]


def _split(whole: "_Piece", pitch_m: float) -> "list[_Piece]":
    """Split until no piece encloses anything outside, the worst one first."""
    order = count()
    waiting = [(-len(whole.enclosed), next(order), whole)]
    done: list[_Piece] = []
    while waiting and len(waiting) + len(done) < MOST_PIECES:
        excess, _, piece = heapq.heappop(waiting)
        halves = piece.split(pitch_m) if excess else None
        if halves is None:
            done.append(piece)
            continue
        for half in halves:
            heapq.heappush(waiting, (-len(half.enclosed), next(order), half))
    return [*done, *(piece for *_, piece in waiting)]


def _extreme(corners_m: Floats) -> Floats:
    """Those corners that lie furthest in some of many directions, where there are many."""
    if len(corners_m) <= MOST_CORNERS:
        return corners_m
    turn, height = np.pi * (1 + 5**0.5), np.linspace(-1, 1, MOST_CORNERS)
    angle, radius = turn * np.arange(MOST_CORNERS), np.sqrt(1 - height**2)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), height])
    return corners_m[np.unique((corners_m @ directions).argmax(axis=0))]


def pitch(extents_m: Floats) -> float:
    """Spacing [m] of surface points for an object of these extents (3,)."""
    return float(np.clip(np.max(extents_m) / CELLS_ALONG, *PITCH_M))


@dataclass(frozen=True, eq=False)
class _Piece:
    """Surface points, the corners of their hull, and the places outside that it encloses."""

    points_m: Floats
    corners_m: Floats
    enclosed: Floats

    @classmethod
    def of(cls, points_m: Floats, outside: Floats) -> "_Piece":
        hull = _hull(points_m)
        low, high = points_m.min(axis=0), points_m.max(axis=0)
        near = outside[((outside > low) & (outside < high)).all(axis=1)]
        inside = [
            (part @ hull.equations[:, :3].T + hull.equations[:, 3]).max(axis=1) < 0
            for part in np.array_split(near, 1 + len(near) // 4096)
        ]
        return cls(points_m, points_m[hull.vertices], near[np.concatenate(inside)])

    def split(self, pitch_m: float) -> "tuple[_Piece, _Piece] | None":
        """Two pieces that overlap by the spacing of the points; None where it is too small."""
        found = _best_plane(self.points_m)
        if found is None:
            return None
        normal, offset = found
        side = self.points_m @ normal - offset
        halves = self.points_m[side <= pitch_m / 2], self.points_m[side >= -pitch_m / 2]
        if min(map(len, halves)) < FEWEST_POINTS:
            return None
        first, second = (_Piece.of(half, self.enclosed) for half in halves)
        return first, second


def _best_plane(points_m: Floats) -> tuple[Floats, float] | None:
    """Normal (3,) and offset of the plane that leaves least volume, and compact, on its sides."""
    _, axes = np.linalg.eigh(np.cov(points_m.T))
    best, least = None, np.inf
    for normal in axes.T:
        along = points_m @ normal
        edges = np.linspace(along.min(), along.max(), SLABS + 1)
        slab = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, SLABS - 1)
        corners = [_corners(points_m[slab == i]) for i in range(SLABS)]
        for cut in range(1, SLABS):
            sides = np.concatenate(corners[:cut]), np.concatenate(corners[cut:])
            if min(map(len, sides)) < FEWEST_POINTS:
                continue
            cost = sum(_hull(side).volume * _diagonal(side @ axes) for side in sides)
            if cost < least:
                best, least = (normal, float(edges[cut])), cost
    return best


def _diagonal(points: Floats) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def _corners(points_m: Floats) -> Floats:
    return points_m if len(points_m) < FEWEST_POINTS else points_m[_hull(points_m).vertices]


def _hull(points_m: Floats) -> ConvexHull:
    """The hull, also of points in a plane, which are then moved a little."""
    try:
        return ConvexHull(points_m)
    except QhullError:
        return ConvexHull(points_m, qhull_options="QJ")


def _solid(cells: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The cells of a grid that are of an object whose surface passes through ``cells`` (N, 3).

    Holes in the scan of up to two cells do not lead inside.
    """
    skin = np.zeros(cells.max(axis=0) + 4, bool)
    skin[tuple(cells.T)] = True
    regions, _ = ndimage.label(~ndimage.binary_dilation(skin))
    outside = ndimage.binary_dilation(regions == regions[0, 0, 0]) & ~skin
    return np.asarray(~outside)


def _just_outside(own: NDArray[np.bool_], low: Floats, pitch_m: float) -> Floats:
    """Places (M, 3) that are just further than the tolerance from a part's own cells.

    A convex piece that reaches deeper goes through one of these, for it touches the part.
    """
    depth_m = ndimage.distance_transform_edt(~own) * pitch_m
    nearest_m = TOLERANCE_M + pitch_m / 2
    band = np.argwhere((depth_m > nearest_m) & (depth_m < nearest_m + 2 * pitch_m))
    return np.asarray(low + (band + 0.5) * pitch_m)
