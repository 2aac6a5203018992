"""A few boxes and cylinders that contain a triangle mesh.

A mesh is cut across its axes into pieces, each of which goes into the smallest upright box or
cylinder around it. Where it is cut, points drawn on its surface tell; what is in which piece, the
triangles do, cut where they cross. A piece's shape is convex and holds the rim of every cut, so
together the shapes hold what the mesh encloses as well as its surface.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from affordance_grasp.geometry import Floats

MAX_PIECES = 4
WORTH = 0.06
"""Share of the cost that a cut must save."""
CUTS = (0.08, 0.15, 0.25, 0.35, 0.5, 0.65, 0.75, 0.85, 0.92)
"""Where a piece may be cut, as shares of its extent along an axis."""
BOX_COST = 1.5
"""A box must be this much smaller than a cylinder: clearances are computed with round shapes."""
DRAWN = 2000
THINNEST_M = 1e-3


@dataclass(frozen=True, eq=False)
class Enclosure:
    """A box or a cylinder about points: its ``kind``, pose (4, 4) and half size (3,) [m].

    As in :class:`~affordance_grasp.control.arm.urdf.LinkShape`, a cylinder stands along its z.
    """

    kind: str
    T_mesh_shape: Floats
    half_size: Floats

    @property
    def cost(self) -> float:
        """Its volume [m3], a box's raised by ``BOX_COST``."""
        weight = np.pi / 4 if self.kind == "cylinder" else BOX_COST
        return float(8 * weight * self.half_size.prod())


Cut = tuple[int, float]


def enclose(triangles: Floats, max_pieces: int = MAX_PIECES) -> list[Enclosure]:
    """Up to ``max_pieces`` shapes whose union contains triangles (N, 3, 3) [m].

    The axes of the shapes are those of the mesh, or its principal ones where these fit closer.
    """
    best: list[Enclosure] = []
    for R in (np.eye(3), _principal_axes(triangles)):
        pieces = _pieces(triangles @ R, max_pieces)
        found = [smallest(piece.reshape(-1, 3)) for piece in pieces]
        if not best or _total(found) < (1 - WORTH) * _total(best):
            turn = np.eye(4)
            turn[:3, :3] = R
            best = [Enclosure(s.kind, turn @ s.T_mesh_shape, s.half_size) for s in found]
    return best


def _principal_axes(triangles: Floats) -> Floats:
    """Rotation (3, 3) whose columns are the principal axes of the corners of the hull."""
    points = triangles.reshape(-1, 3)
    _, R = np.linalg.eigh(np.cov(points[_hull(points)].T))
    return np.asarray(R * np.sign(np.linalg.det(R)))


def _hull(points: Floats) -> NDArray[np.int_]:
    """Rows of the points (N, D) that span their convex hull; all where it is flat."""
    try:
        return np.asarray(ConvexHull(points).vertices)
    except (QhullError, ValueError):
        return np.arange(len(points))


def _pieces(triangles: Floats, max_pieces: int) -> list[Floats]:
    """The mesh cut where it saves most."""
    pieces = [(triangles, _drawn(triangles))]
    while len(pieces) < max_pieces:
        cuts = [_best_cut(points) for _, points in pieces]
        index = max(range(len(pieces)), key=lambda i: cuts[i][0])
        saved, (axis, level) = cuts[index]
        if saved <= WORTH * sum(_estimate(points) for _, points in pieces):
            break
        halves = [half for half in cut(pieces[index][0], axis, level) if len(half)]
        if len(halves) < 2:
            break
        pieces[index : index + 1] = [(half, _drawn(half)) for half in halves]
    return [piece for piece, _ in pieces]


def _drawn(triangles: Floats) -> Floats:
    """Points drawn evenly on the surface, always the same ones, and the corners of the hull."""
    a, ab, ac = triangles[:, 0], *(triangles[:, i] - triangles[:, 0] for i in (1, 2))
    area = np.linalg.norm(np.cross(ab, ac), axis=1)
    points = triangles.reshape(-1, 3)
    if not area.sum() > 0:
        return points
    rng = np.random.default_rng(0)
    rows = rng.choice(len(area), DRAWN, p=area / area.sum())
    s, t = np.sort(rng.uniform(size=(2, DRAWN)), axis=0)[..., None]
    return np.concatenate([points[_hull(points)], a[rows] + s * ab[rows] + (t - s) * ac[rows]])


def _best_cut(points: Floats) -> tuple[float, Cut]:
    """What the best cut of points (N, 3) saves, and its axis and level."""
    low, high, whole = points.min(axis=0), points.max(axis=0), _estimate(points)
    best: tuple[float, Cut] = (0.0, (0, 0.0))
    for axis in range(3):
        for level in low[axis] + np.array(CUTS) * (high[axis] - low[axis]):
            below = points[:, axis] <= level
            if below.all() or not below.any():
                continue
            saved = whole - _estimate(points[below]) - _estimate(points[~below])
            if saved > best[0]:
                best = (saved, (axis, float(level)))
    return best


def _estimate(points: Floats) -> float:
    """About the cost of the smallest shape around points (N, 3)."""
    low, high = points.min(axis=0), points.max(axis=0)
    size, off = np.maximum(high - low, THINNEST_M), np.square(points - (low + high) / 2)
    costs = [BOX_COST * float(size.prod())]
    for axis in range(3):
        across = off.sum(axis=1) - off[:, axis]
        costs.append(float(np.pi * across.max() * size[axis]))
    return min(costs)


def cut(triangles: Floats, axis: int, level: float) -> tuple[Floats, Floats]:
    """The parts (N, 3, 3) of triangles below and above a plane across a coordinate axis."""
    height = triangles[..., axis] - level
    below, above = (height <= 0).all(axis=1), (height >= 0).all(axis=1)
    crossed = triangles[~below & ~above]
    parts = [
        np.concatenate([triangles[whole], *_clipped(crossed, sign, axis, level)])
        for whole, sign in ((below, -1.0), (above & ~below, 1.0))
    ]
    return parts[0], parts[1]


def _clipped(triangles: Floats, sign: float, axis: int, level: float) -> list[Floats]:
    """Triangles that cover what lies on one side of the plane, of triangles that it crosses."""
    inside = sign * (triangles[..., axis] - level) > 0
    alone = inside.sum(axis=1) == 1
    odd = np.where(alone, inside.argmax(axis=1), (~inside).argmax(axis=1))
    rows = np.arange(len(triangles))
    a, b, c = (triangles[rows, (odd + turn) % 3] for turn in range(3))
    ab, ac = (_on_plane(a, other, axis, level) for other in (b, c))
    corner = np.stack([a, ab, ac], axis=1)[alone]
    rest = [np.stack(t, axis=1)[~alone] for t in ((ab, b, c), (ab, c, ac))]
    return [corner, *rest]


def _on_plane(start: Floats, end: Floats, axis: int, level: float) -> Floats:
    """Where the edges (N, 3) between corners cross the plane; the corner where they touch it."""
    rise = end[:, axis] - start[:, axis]
    share = np.where(rise == 0, 0.0, (level - start[:, axis]) / np.where(rise == 0, 1.0, rise))
    points = start + np.clip(share, 0.0, 1.0)[:, None] * (end - start)
    points[:, axis] = level
    return np.asarray(points)


def smallest(points: Floats) -> Enclosure:
    """The cheapest of the upright box and the three upright cylinders about points (N, 3)."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2, THINNEST_M / 2)
    T = np.eye(4)
    T[:3, 3] = (low + high) / 2
    shapes = [Enclosure("box", T, half)]
    corners = points[_hull(points)]
    for axis in range(3):
        across = [(axis + 1) % 3, (axis + 2) % 3]
        center, radius = circle(corners[:, across])
        T = np.zeros((4, 4))
        T[across, (0, 1)] = T[axis, 2] = T[3, 3] = 1.0
        T[across, 3], T[axis, 3] = center, (low[axis] + high[axis]) / 2
        radius = max(radius, THINNEST_M / 2)
        shapes.append(Enclosure("cylinder", T, np.array([radius, radius, half[axis]])))
    return min(shapes, key=lambda shape: shape.cost)


def circle(points: Floats) -> tuple[Floats, float]:
    """Middle (2,) of the smallest circle around points (N, 2), and a radius that reaches them all.

    The middle is in single precision, so the radius is measured from it.
    """
    center = np.array(cv2.minEnclosingCircle(points.astype(np.float32))[0])
    return center, float(np.linalg.norm(points - center, axis=1).max())


def _total(shapes: list[Enclosure]) -> float:
    return sum(shape.cost for shape in shapes)
