"""What stands on the table, as columns in the base frame that neither arm nor load may enter.

A thing's columns reach from the table to the highest point seen in each. Space that the image does
not show counts as occupied where it can hide something: behind a thing up to the ray that passes
over it, and above and around a thing that the image cuts. Things stand on the table: where its
surface is seen, nothing stands.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.geometry import Floats, deproject, invert, project, transform_points
from affordance_grasp.scene.cloud import MAX_HEIGHT_M
from affordance_grasp.scene.table import TablePlane

CELL_M = 0.01
"""Side of a column's footprint."""
LEVEL_M = 0.02
STRIDE_PX = 3
ALIKE_M, ALIKE_PX = 0.01, 2
"""A reading is on a surface where so many of the eight around it are about as far away."""
FAR_M = 1.5
MIN_HEIGHT_M = 0.015
"""Lower things can be touched without harm; the table's own readings scatter up to there."""
SUPPORT = 0.06
"""Readings in a cell and level, as a share of those on a surface that faces the camera. Readings
between a near and a far surface, where nothing is, are fewer."""
LOW_SUPPORT = 0.3
"""The same for things lower than ``MIN_HEIGHT_M``, whose tops face the camera."""
JOIN_CELLS = 3
SHADOW_STRIDE, SHADOW_STEPS = 2, 48
STEEP_M = 0.03
"""Height of a thing within one cell from which its surface there is a side, not a top."""
ABOVE_M = 0.03
HOLE_PX = 11
CUT_CELLS = 11
"""A thing that the image cuts goes on for 5 cm in what the image does not show."""
TARGET_REACH_M = 0.03
OWN_M = 0.02
"""How far readings of the robot may lie outside its shapes."""


@dataclass(frozen=True, eq=False)
class Obstacles:
    """K columns, each with a footprint of ``CELL_M`` by ``CELL_M``.

    ``top_base`` (K, 3) [m]: middle of each column's upper end in the base. ``thing`` (K,): 1.. for
    the thing that it belongs to or that hides it. ``seen`` (K,): whether the image shows it.
    """

    top_base: Floats
    thing: NDArray[np.int32]
    seen: NDArray[np.bool_]

    def thing_at(self, point_base: Floats) -> int:
        """The thing within 3 cm of a point (3,) [m], seen from above; 0 where there is none."""
        seen = self.where(self.seen)
        if not len(seen.thing):
            return 0
        away = np.linalg.norm(seen.top_base[:, :2] - point_base[:2], axis=1)
        nearest = int(away.argmin())
        return int(seen.thing[nearest]) if away[nearest] <= TARGET_REACH_M else 0

    def seen_of(self, thing: int) -> "Obstacles":
        """The columns of a thing that the image shows; none of thing 0."""
        return self.where((self.thing == thing) & self.seen)

    def where(self, rows: NDArray[np.bool_]) -> "Obstacles":
        """Some of the columns."""
        return Obstacles(self.top_base[rows], self.thing[rows], self.seen[rows])


def find_obstacles(
    frame: RgbdFrame,
    labels: NDArray[np.int32],
    table: TablePlane,
    T_base_cam: Floats,
    own: tuple[Floats, Floats] | None = None,
) -> Obstacles:
    """Columns of everything that stands on the table.

    Args:
        frame: colour and aligned depth.
        labels: (H, W) segmented objects, which may be lower than ``MIN_HEIGHT_M``; 0 elsewhere.
        table: the supporting plane.
        T_base_cam: (4, 4) pose of the camera in the base, whose z points up.
        own: spheres that cover the robot, whose readings are no obstacle: middles (M, 3) [m] in
            the base and radii (M,) [m].
    """
    readings = _read(frame, labels, table, T_base_cam, own)
    top, low = _things(readings)
    thing = _joined(np.isfinite(top))
    shadow, shade = _shadows(readings, thing)
    cut = _cut(frame, readings, top, low, T_base_cam)
    around = cv2.dilate(np.where(cut, thing, 0).astype(np.float32), _disc(CUT_CELLS)).astype(int)
    unseen = ~readings.floor & (thing == 0)
    unknown = np.where(unseen & (around > 0), around, np.where(cut, thing, 0))
    shade = np.where(unseen & (unknown == 0), shade, 0)
    high = np.full(top.shape, readings.table_z_m + MAX_HEIGHT_M)
    parts = [(top, thing, True), (shadow, shade, False), (high, unknown, False)]
    rows = [_columns(readings.corner, z, of, seen) for z, of, seen in parts]
    return Obstacles(*(np.concatenate(column) for column in zip(*rows, strict=True)))


@dataclass(frozen=True, eq=False)
class _Readings:
    """Depth readings over a grid of cells, whose first is ``corner`` (2,) in whole cells.

    ``points`` (N, 3) [m] in the base of what is above the table, ``depth_m`` (N,) and
    ``height_m`` (N,) of them, ``pixel`` (N, 2) row and column; ``floor``: cells where the table's
    surface is seen, ``eye`` the camera, ``frontal`` readings per square metre at 1 m.
    """

    corner: NDArray[np.intp]
    points: Floats
    depth_m: Floats
    height_m: Floats
    floor: NDArray[np.bool_]
    eye: Floats
    eye_height_m: float
    table_z_m: float
    frontal: float

    def cells(self, points: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Flat index of each point's cell (N,), and whether it is on the grid."""
        cell = np.floor(points[..., :2] / CELL_M).astype(np.intp) - self.corner
        on = np.all((cell >= 0) & (cell < self.floor.shape), axis=-1)
        return cell[..., 0] * self.floor.shape[1] + cell[..., 1], on


def _read(
    frame: RgbdFrame,
    labels: NDArray[np.int32],
    table: TablePlane,
    T_base_cam: Floats,
    own: tuple[Floats, Floats] | None,
) -> _Readings:
    step = slice(None, None, STRIDE_PX)
    K = frame.intrinsics.K / [[STRIDE_PX], [STRIDE_PX], [1]]
    depth = frame.depth_m[step, step]
    near = np.flatnonzero((depth > 0) & (depth < FAR_M))
    points = deproject(depth, K).reshape(-1, 3)[near]
    height = table.height_m(points)
    out = (height > max(MIN_HEIGHT_M, 5 * table.noise_m)) | (labels[step, step].ravel()[near] > 0)
    below, offset = height[~out], table.offset_m
    floor = transform_points(T_base_cam, points[~out] * (offset / (offset - below))[:, None])
    things = transform_points(T_base_cam, points[out])
    other = _other(things, own, T_base_cam) & _on_surface(frame.depth_m, near[out], table.noise_m)
    things, points, height = things[other], points[out][other], height[out][other]
    cell = np.floor(np.concatenate([floor, things])[:, :2] / CELL_M).astype(np.intp)
    corner = cell.min(axis=0) - CUT_CELLS
    seen = np.zeros(cell.max(axis=0) + CUT_CELLS + 1 - corner, np.uint8)
    seen[tuple((cell[: len(floor)] - corner).T)] = 1
    seen = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return _Readings(
        corner=corner,
        points=things,
        depth_m=points[:, 2],
        height_m=height,
        floor=seen > 0,
        eye=T_base_cam[:3, 3],
        eye_height_m=offset,
        table_z_m=float(np.median(floor[:, 2])) if len(floor) else 0.0,
        frontal=float(K[0, 0] * K[1, 1]),
    )


def _on_surface(
    depth_m: NDArray[np.float32], strided: NDArray[np.intp], noise_m: float
) -> NDArray[np.bool_]:
    """Which readings, by flat index (N,) among every ``STRIDE_PX``-th, have others beside them.

    Depth cameras smear edges: readings on no surface, between what is near and what is far.
    """
    across = -(-depth_m.shape[1] // STRIDE_PX)
    rows, columns = (STRIDE_PX * of for of in np.divmod(strided, across))
    around = np.pad(depth_m, 1)
    apart = max(ALIKE_M, 4 * noise_m)
    alike = [
        np.abs(around[rows + down, columns + right] - depth_m[rows, columns]) < apart
        for down, right in np.ndindex(3, 3)
    ]
    return np.sum(alike, axis=0) > ALIKE_PX


def _other(
    points: Floats, own: tuple[Floats, Floats] | None, T_base_cam: Floats
) -> NDArray[np.bool_]:
    """Which points (N, 3) [m] in the base are not readings of the robot itself."""
    other = np.ones(len(points), bool)
    if own is None:
        return other
    middles, radii = own
    ahead = (middles - T_base_cam[:3, 3]) @ T_base_cam[:3, 2] > -radii
    for middle, radius in zip(middles[ahead], radii[ahead] + OWN_M, strict=True):
        other &= ((points - middle) ** 2).sum(axis=1) > radius**2
    return other


def _things(readings: _Readings) -> tuple[Floats, Floats]:
    """Greatest and least height [m] in the base of what is seen in each cell; infinite: nothing.

    A reading counts where there are enough in its cell and level.
    """
    cell, _ = readings.cells(readings.points)
    z = readings.points[:, 2]
    level = np.floor(z / LEVEL_M).astype(np.intp)
    level -= level.min(initial=0)
    _, voxel, count = np.unique(
        cell * (level.max(initial=0) + 1) + level, return_inverse=True, return_counts=True
    )
    frontal = readings.frontal * CELL_M**2 / readings.depth_m**2
    share = np.where(readings.height_m > MIN_HEIGHT_M, SUPPORT, LOW_SUPPORT)
    firm = count[voxel] >= np.maximum(share * frontal, 2)
    top, low = np.full(readings.floor.size, -np.inf), np.full(readings.floor.size, np.inf)
    np.maximum.at(top, cell[firm], z[firm])
    np.minimum.at(low, cell[firm], z[firm])
    return top.reshape(readings.floor.shape), low.reshape(readings.floor.shape)


def _joined(occupied: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number of the thing in each cell; cells less than 3 cm apart belong together."""
    joined = cv2.dilate(occupied.astype(np.uint8), np.ones((JOIN_CELLS, JOIN_CELLS), np.uint8))
    _, parts = cv2.connectedComponents(joined, connectivity=8)
    return np.where(occupied, parts, 0).astype(np.int32)


def _shadows(readings: _Readings, thing: NDArray[np.int32]) -> tuple[Floats, NDArray[np.int32]]:
    """Height [m] up to which each cell is hidden, and the thing that hides it (0: none)."""
    cell, _ = readings.cells(readings.points)
    owner = thing.ravel()[cell]
    rows = np.flatnonzero(owner)[::SHADOW_STRIDE]
    points, height, owner = readings.points[rows], readings.height_m[rows], owner[rows]
    # along the ray from the eye: 1 at the point, and where it comes down on the table
    share = np.minimum(height / readings.eye_height_m, 0.99)
    far = np.minimum(1 / (1 - share), 3.0)
    along = 1 + (far - 1)[:, None] * np.linspace(0, 1, SHADOW_STEPS)
    behind = readings.eye + along[..., None] * (points - readings.eye)[:, None]
    index, on = readings.cells(behind)
    index, z = index[on], behind[..., 2][on]
    shadow = np.full(thing.size, -np.inf)
    np.maximum.at(shadow, index, z)
    shade = np.zeros(thing.size, np.int32)
    shade[index] = np.broadcast_to(owner[:, None], on.shape)[on]
    return shadow.reshape(thing.shape), shade.reshape(thing.shape)


def _cut(
    frame: RgbdFrame, readings: _Readings, top: Floats, low: Floats, T_base_cam: Floats
) -> NDArray[np.bool_]:
    """Cells in which a side is seen, but not that it ends: it leaves the image or the readings."""
    rows = np.argwhere(top - low > STEEP_M)
    above = np.column_stack([(rows + readings.corner + 0.5) * CELL_M, top[tuple(rows.T)]])
    above[:, 2] += ABOVE_M
    uv = np.nan_to_num(
        project(transform_points(invert(T_base_cam), above), frame.intrinsics.K), nan=-1.0
    )
    height, width = frame.depth_m.shape
    u, v = np.rint(uv).astype(int).T
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    read = cv2.dilate((frame.depth_m > 0).astype(np.uint8), np.ones((HOLE_PX, HOLE_PX), np.uint8))
    ends = np.zeros(len(rows), bool)
    ends[inside] = read[v[inside], u[inside]] > 0
    cut = np.zeros(top.shape, bool)
    cut[tuple(rows[~ends].T)] = True
    return cut


def _disc(cells: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (cells, cells)), np.uint8)


def _columns(
    corner: NDArray[np.intp], top: Floats, thing: NDArray[np.int32], seen: bool
) -> tuple[Floats, NDArray[np.int32], NDArray[np.bool_]]:
    cells = np.argwhere(thing > 0)
    at = tuple(cells.T)
    middle = (cells + corner + 0.5) * CELL_M
    return (
        np.column_stack([middle, top[at]]),
        thing[at].astype(np.int32),
        np.full(len(cells), seen),
    )
