"""Anchors of the hand search: points spread over the object, each with its local frame."""

import cv2
import numpy as np
from scipy.spatial import cKDTree

from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import ObjectCloud, plane_axes
from affordance_grasp.scene.table import TablePlane

CELL_M = 0.002
LOCAL_RADIUS_M = 0.02


def spread_points(points_cam: Floats, table: TablePlane, count: int, reach_m: float) -> Floats:
    """At most ``count`` of points (N, 3) on an object that cover the whole of it evenly.

    Points deeper inside the object's footprint than ``reach_m`` are left out: no hand that is
    that wide fits around them from above.
    """
    points = points_cam[_distance_to_outline(points_cam, table) <= reach_m]
    return points[_farthest_first(points, count)]


def _distance_to_outline(points: Floats, table: TablePlane) -> Floats:
    """Distance [m] of every point to the rim of the footprint, as seen along the normal."""
    flat = points @ plane_axes(table).T
    cell = np.floor((flat - flat.min(axis=0)) / CELL_M).astype(int) + 4
    grid = np.zeros(tuple(cell.max(axis=0) + 5), np.uint8)
    grid[cell[:, 0], cell[:, 1]] = 1
    grid = cv2.morphologyEx(grid, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    distance = cv2.distanceTransform(grid, cv2.DIST_L2, 5) * CELL_M
    return np.asarray(distance[cell[:, 0], cell[:, 1]], float)


def _farthest_first(points: Floats, count: int) -> list[int]:
    """Indices of points, each the one farthest from those before it."""
    if len(points) == 0:
        return []
    axes = np.ascontiguousarray(points.T)
    chosen = [int(_squared_distance(axes, points.mean(axis=0)).argmin())]
    distance = np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        np.minimum(distance, _squared_distance(axes, points[chosen[-1]]), out=distance)
        chosen.append(int(distance.argmax()))
    return chosen


def _squared_distance(axes: Floats, point: Floats) -> Floats:
    away = axes - point[:, None]
    away *= away
    return np.asarray(away[0] + away[1] + away[2])


def local_frames(anchors: Floats, cloud: ObjectCloud, table: TablePlane) -> Floats:
    """Rotations (A, 3, 3): columns across the object, along it (both level), and down.

    "Across" is the direction of least extent of the points around the anchor, parallel to the
    table: the direction in which to close on a handle.
    """
    axes = plane_axes(table)
    flat = cloud.points_cam @ axes.T
    index = cKDTree(cloud.points_cam).query_ball_point(anchors, LOCAL_RADIUS_M)
    spread = np.empty((len(anchors), 2, 2))
    for a, around in enumerate(index):
        near = flat[around]
        near -= near.mean(axis=0)
        spread[a] = near.T @ near
    _, vectors = np.linalg.eigh(spread)
    across = vectors[:, :, 0] @ axes
    down = np.broadcast_to(-table.normal_cam, across.shape)
    return np.stack([across, np.cross(down, across), down], axis=-1)


def facing_frames(anchors: Floats, cloud: ObjectCloud, table: TablePlane) -> Floats:
    """Rotations (A, 3, 3) that approach each anchor against its surface normal.

    The first column is level. Normals that lean away from the vertical by more than 70 degrees
    are raised to 70, so that the hand stays above the table.
    """
    _, nearest = cKDTree(cloud.points_cam).query(anchors)
    normal, up = cloud.normals_cam[nearest], table.normal_cam
    level = normal - (normal @ up)[:, None] * up
    length = np.linalg.norm(level, axis=1, keepdims=True)
    level = np.where(length > 1e-6, level / np.maximum(length, 1e-6), plane_axes(table)[0])
    tilt = np.minimum(np.arccos(np.clip(normal @ up, -1, 1)), np.radians(70))[:, None]
    approach = -(np.cos(tilt) * up + np.sin(tilt) * level)
    across = np.cross(level, up)
    return np.stack([across, np.cross(approach, across), approach], axis=-1)
