"""Segmentation of the scene: object instances above the table, as a mask and a thinned cloud.

Objects a few millimetres thick (a spoon, a wrench) are lower than three deviations of a single
D435 reading, so heights are averaged inside surfaces before they are compared with the table.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import NoObject
from affordance_grasp.geometry import Floats, deproject
from affordance_grasp.scene.table import MAX_DISTANCE_M, TablePlane, fit_table

MIN_HEIGHT_M = 0.0015
MIN_AREA_M2 = 1.5e-4
MAX_HEIGHT_M = 0.6
LARGE_PIECE = 0.2
JOIN_PX = 13
SOLID_STEP_M = 0.006
SOLID_LEVELS = 7
MAX_POINTS, NEIGHBORS = 6000, 16
OBSTACLE_SPACING_M = 0.004


@dataclass(frozen=True)
class ObjectCloud:
    """The objects on the table, seen from one side.

    ``labels`` (H, W) int32: 0 = table or nothing, 1.. = one object instance each, largest first.
    ``points_cam``, ``normals_cam`` (N, 3) [m], normals towards the camera; ``instance`` (N,)
    label of each point; ``spacing_m`` the grid the points were averaged on. ``solid_cam`` (M, 3)
    [m]: points behind the visible surface and inside an object; see :func:`hidden_solid`.
    """

    labels: NDArray[np.int32]
    points_cam: Floats
    normals_cam: Floats
    instance: NDArray[np.int32]
    spacing_m: float
    solid_cam: Floats

    def obstacles(self) -> Floats:
        """Points (K, 3) [m], at least 4 mm apart, that no part of the gripper may touch."""
        points, _ = thin(self.points_cam, self.instance, max(OBSTACLE_SPACING_M, self.spacing_m))
        return np.concatenate([points, self.solid_cam])


@dataclass(frozen=True)
class TableScene:
    """A segmented depth image: the supporting plane and the objects on it."""

    table: TablePlane
    cloud: ObjectCloud


def segment_scene(
    frame: RgbdFrame, max_distance_m: float = MAX_DISTANCE_M, seed: int = 0
) -> TableScene:
    """Fit the table and segment the objects on it.

    Raises:
        InvalidInput: the depth holds no table.
        NoObject: there is none on it.
    """
    table = fit_table(frame, max_distance_m, seed)
    return TableScene(table, segment_objects(frame, table, max_distance_m))


def segment_objects(
    frame: RgbdFrame, table: TablePlane, max_distance_m: float = MAX_DISTANCE_M
) -> ObjectCloud:
    """Segment the objects on the table and thin them to about ``MAX_POINTS`` points at most.

    Raises:
        NoObject: there is none.
    """
    points = deproject(smooth_depth(frame), frame.intrinsics.K)
    return _cloud(points, label_objects(points, table, max_distance_m), table)


def scene_of_labels(frame: RgbdFrame, labels: NDArray[np.int32], table: TablePlane) -> TableScene:
    """The scene of a frame that was segmented before: labels (H, W) and the supporting plane.

    Raises:
        NoObject: no reading is on an object.
    """
    read = np.where(frame.depth_m > 0, labels, 0)
    if not read.any():
        raise NoObject("no reading of the depth image has the label of an object")
    return TableScene(
        table, _cloud(deproject(smooth_depth(frame), frame.intrinsics.K), read, table)
    )


def _cloud(points: Floats, labels: NDArray[np.int32], table: TablePlane) -> ObjectCloud:
    """The cloud of labelled points (H, W, 3) [m]."""
    pixels = np.flatnonzero(labels)
    on_objects, instance_of = points.reshape(-1, 3)[pixels], labels.ravel()[pixels]
    spacing = 0.002
    thinned, instance = thin(on_objects, instance_of, spacing)
    if len(thinned) > MAX_POINTS:
        spacing *= float(np.sqrt(len(thinned) / MAX_POINTS))
        thinned, instance = thin(on_objects, instance_of, spacing)
    surface, _ = thin(thinned, instance, max(SOLID_STEP_M, spacing))
    solid = hidden_solid(thinned, surface, table)
    return ObjectCloud(labels, thinned, normals(thinned, spacing), instance, spacing, solid)


def hidden_solid(points_cam: Floats, surface_cam: Floats, table: TablePlane) -> Floats:
    """Points (M, 3) [m] behind the visible surface that are taken to be inside the object.

    One view shows a shell. What lies both behind the shell and under some visible point is taken
    to be solid, so that no finger is sent into a bottle. The inside of a mug lies under nothing
    and stays free.

    Args:
        points_cam: (N, 3) [m] the cloud.
        surface_cam: (K, 3) [m] fewer points of it, from which to look on along the rays.
        table: the plane, for what "under" means.
    """
    axes = plane_axes(table)
    origin = (points_cam @ axes.T).min(axis=0) - SOLID_STEP_M
    roof = _roof(points_cam, table, axes, origin)
    steps = np.arange(1, SOLID_LEVELS + 1)[:, None, None] * SOLID_STEP_M
    distance = np.linalg.norm(surface_cam, axis=1, keepdims=True)
    behind = (surface_cam[None] * (1 + steps / distance[None])).reshape(-1, 3)
    cell = np.floor((behind @ axes.T - origin) / SOLID_STEP_M).astype(int)
    inside = ((cell >= 0) & (cell < roof.shape)).all(axis=1)
    behind, cell = behind[inside], cell[inside]
    height = table.height_m(behind)
    under = (height > SOLID_STEP_M / 2) & (
        height < roof[cell[:, 0], cell[:, 1]] - SOLID_STEP_M / 2
    )
    return behind[under]


def _roof(points: Floats, table: TablePlane, axes: Floats, origin: Floats) -> Floats:
    """Greatest height [m] seen over each cell of the table; -inf where nothing was seen."""
    cell = np.floor((points @ axes.T - origin) / SOLID_STEP_M).astype(int)
    roof = np.full(tuple(cell.max(axis=0) + 2), -np.inf)
    np.maximum.at(roof, (cell[:, 0], cell[:, 1]), table.height_m(points))
    return roof


def smooth_depth(frame: RgbdFrame) -> NDArray[np.float32]:
    """Depth [m] averaged within surfaces but not across edges; 0 stays 0."""
    depth = frame.depth_m
    filtered = cv2.medianBlur(depth, 5)
    near_hole = cv2.erode((depth > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    filtered = np.where(near_hole, depth, filtered)
    filtered = cv2.bilateralFilter(filtered, 7, 0.006, 2.0)
    return np.where(depth > 0, filtered, np.float32(0))


def label_objects(points: Floats, table: TablePlane, max_distance_m: float) -> NDArray[np.int32]:
    """Label the object instances above the table (H, W), largest first.

    Raises:
        NoObject: there is none.
    """
    height = table.height_m(points)
    height -= _warp(height, table.noise_m)
    with np.errstate(invalid="ignore"):
        near = points[..., 2] <= max_distance_m
        on_table = near & (np.abs(height) < 3 * max(table.noise_m, 0.001))
        out = near & (height > _threshold(height, near)) & (height < MAX_HEIGHT_M)
    out = cv2.morphologyEx(out.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    # a handle seen across a strip without depth still belongs to its mug
    joined = cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (JOIN_PX, JOIN_PX)))
    count, parts = cv2.connectedComponents(joined, connectivity=8)
    parts *= out
    every = points.reshape(-1, 3)
    hull = _TableHull(every[np.flatnonzero(_large(on_table))[::7]], table)
    pixels = np.flatnonzero(out)
    part_of, area_of = parts.ravel()[pixels], (every[pixels, 2] * _pixel_side(points)) ** 2
    area = np.bincount(part_of, weights=area_of, minlength=count)
    keep = [
        part
        for part in np.argsort(-area)
        if part > 0 and area[part] >= MIN_AREA_M2 and hull.supports(every[pixels[part_of == part]])
    ]
    if not keep:
        raise NoObject(
            "no object is above the table in the depth image; put one on the table, in view of "
            "the camera"
        )
    order = np.zeros(count, np.int32)
    order[keep] = np.arange(1, len(keep) + 1)
    return order[parts]


def _large(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The big connected pieces of a mask (H, W), so that coplanar background is left out.

    An object across the whole image may cut the table in two.
    """
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    return np.asarray((area >= LARGE_PIECE * area.max())[parts] & mask)


def _threshold(height: Floats, near: NDArray[np.bool_]) -> float:
    """Lowest height [m] that is not noise, judged by readings below the table."""
    below = height.ravel()[np.flatnonzero(near & (height < 0) & (height > -0.02))]
    noise = 1.4826 * float(np.median(-below)) if len(below) else 0.0
    return max(MIN_HEIGHT_M, 3.5 * noise)


def _warp(height: Floats, noise_m: float) -> Floats:
    """Slow deviation (H, W) [m] of the measured table from its plane, as a quadratic in u, v.

    Depth cameras bend flat surfaces by a few millimetres towards the corners of the image.
    """
    band = 3 * max(noise_m, 0.001)
    with np.errstate(invalid="ignore"):
        on = np.flatnonzero(np.abs(height) < band)[::11]
    if len(on) < 500:
        return np.zeros_like(height)
    rows, columns = (np.arange(side) / max(height.shape) - 0.5 for side in height.shape)
    v, u = rows[on // len(columns)], columns[on % len(columns)]
    basis = np.stack([np.ones_like(u), u, v, u * v, u * u, v * v], -1)
    c, *_ = np.linalg.lstsq(basis, height.ravel()[on], rcond=None)
    slope = c[1] + c[3] * rows
    warp = slope[:, None] * columns + (c[0] + c[2] * rows + c[5] * rows**2)[:, None]
    warp += c[4] * columns**2
    return np.clip(warp, -band, band, out=warp)


def _pixel_side(points: Floats) -> float:
    """Side of what a pixel covers at right angles to the view, per metre of distance."""
    sample = points[::4]  # the median of a quarter of the rows is as good
    across = np.hypot(np.diff(sample[..., 0], axis=1), np.diff(sample[..., 1], axis=1))
    return float(np.nanmedian(across / sample[:, :-1, 2]))


class _TableHull:
    """The outline of the visible table top; what lies outside it is background."""

    def __init__(self, table_points: Floats, table: TablePlane) -> None:
        self._axes = plane_axes(table)
        flat = (table_points @ self._axes.T).astype(np.float32)
        self._hull = cv2.convexHull(flat) if len(flat) >= 3 else None

    def supports(self, points: Floats) -> bool:
        """Whether the middle of the points' footprint lies on the table."""
        if self._hull is None:
            return False
        foot = (np.median(points, axis=0) @ self._axes.T).astype(float)
        return cv2.pointPolygonTest(self._hull, (foot[0], foot[1]), False) >= 0


def plane_axes(table: TablePlane) -> Floats:
    """Two unit vectors (2, 3) that span the plane; the first points to image right."""
    right = np.array([1.0, 0, 0]) - table.normal_cam[0] * table.normal_cam
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(table.normal_cam, right)])


def thin(
    points: Floats, labels: NDArray[np.int32], spacing_m: float
) -> tuple[Floats, NDArray[np.int32]]:
    """Average points (N, 3) within cubes of a grid; the label of a cube is its first point's."""
    cells = np.floor(points / spacing_m).astype(np.int64)
    cells -= cells.min(axis=0)
    extent = cells.max(axis=0) + 1
    key = (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2]
    _, first, inverse, count = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.stack([np.bincount(inverse, weights=axis) for axis in points.T], -1)
    return sums / count[:, None], labels[first]


def normals(points_cam: Floats, spacing_m: float) -> Floats:
    """Unit normals (N, 3) towards the camera, from the spread of the nearest points."""
    reach = 6 * spacing_m
    distance, index = cKDTree(points_cam).query(points_cam, k=min(NEIGHBORS, len(points_cam)))
    distance, index = distance.reshape(len(index), -1), index.reshape(len(index), -1)
    weight = (distance < reach).astype(float)[..., None]
    around = points_cam[index]
    center = (around * weight).sum(axis=1) / weight.sum(axis=1)
    spread = (around - center[:, None]) * weight
    _, vectors = np.linalg.eigh(np.swapaxes(spread, 1, 2) @ spread)
    normal = vectors[..., 0]
    away = (normal * points_cam).sum(axis=1) > 0
    return np.where(away[:, None], -normal, normal)
