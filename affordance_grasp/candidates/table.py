"""The supporting plane in one depth image: seeded RANSAC on nearby points, then refinement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, deproject

MAX_DISTANCE_M = 1.2
MIN_READINGS = 500
MAX_FIT_POINTS = 4000
HYPOTHESES = 400
TRIPLET_REACH_PX = 90


@dataclass(frozen=True)
class TablePlane:
    """A plane in the optical frame: ``height = normal_cam . point + offset_m``.

    ``normal_cam`` (3,) is a unit vector towards the camera's side, ``offset_m`` the height of the
    camera above the plane [m]; ``noise_m`` the standard deviation of single readings about it.
    """

    normal_cam: Floats
    offset_m: float
    noise_m: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a normal that is no unit vector or a camera below the plane."""
        normal = np.asarray(self.normal_cam, float)
        if normal.shape != (3,) or not np.isclose(np.linalg.norm(normal), 1, atol=1e-6):
            raise InvalidInput("table plane: normal_cam must be a unit vector of 3 numbers")
        if not (np.isfinite(self.offset_m) and self.offset_m > 0):
            raise InvalidInput(
                f"table plane: offset_m is {self.offset_m:g}; the camera must be above the plane"
            )
        object.__setattr__(self, "normal_cam", normal)

    def height_m(self, points_cam: ArrayLike) -> Floats:
        """Height [m] of points (..., 3) above the plane; NaN stays NaN."""
        return np.asarray(points_cam, float) @ self.normal_cam + self.offset_m

    def drop(self, points_cam: ArrayLike) -> Floats:
        """Feet (..., 3) of the perpendiculars from points onto the plane."""
        points = np.asarray(points_cam, float)
        return points - self.height_m(points)[..., None] * self.normal_cam


def fit_table(
    frame: RgbdFrame, max_distance_m: float = MAX_DISTANCE_M, seed: int = 0
) -> TablePlane:
    """Find the plane that carries the objects.

    Only readings nearer than ``max_distance_m`` count, so a floor behind the table does not win.
    Among planes through neighbouring readings the one with the most readings on it and the
    fewest below it is kept: a table has nothing below it, the side of a box has.

    Raises:
        InvalidInput: the depth image holds too few readings, or no plane among them.
    """
    points = _near_points(frame, max_distance_m)
    subset = points[:: max(1, len(points) // MAX_FIT_POINTS)]
    plane = _best_hypothesis(_hypotheses(frame, max_distance_m, seed), subset)
    return _refine(plane, points[:: max(1, len(points) // (8 * MAX_FIT_POINTS))])


def _near_points(frame: RgbdFrame, max_distance_m: float) -> Floats:
    depth = frame.depth_m
    if np.count_nonzero(depth) < MIN_READINGS:
        raise InvalidInput(
            f"depth image has {np.count_nonzero(depth)} readings (the rest is zero or NaN); "
            f"at least {MIN_READINGS} are needed"
        )
    near = np.where(depth <= max_distance_m, depth, 0)
    points = deproject(near, frame.intrinsics.K)[near > 0]
    if len(points) < MIN_READINGS:
        nearest = float(depth[depth > 0].min())
        raise InvalidInput(
            f"depth image has {len(points)} readings within {max_distance_m:g} m (nearest "
            f"{nearest:.2f} m); check the depth scale or move the camera closer"
        )
    return points


def _hypotheses(frame: RgbdFrame, max_distance_m: float, seed: int) -> Floats:
    """Planes (M, 4) as normal and offset, through triplets of neighbouring readings."""
    rng = np.random.default_rng(seed)
    near = (frame.depth_m > 0) & (frame.depth_m <= max_distance_m)
    v, u = np.nonzero(near)
    chosen = rng.integers(len(u), size=HYPOTHESES)
    shift = rng.integers(-TRIPLET_REACH_PX, TRIPLET_REACH_PX + 1, size=(HYPOTHESES, 3, 2))
    shift[:, 0] = 0
    size = np.array(near.shape[::-1])
    uv = np.clip(np.stack([u[chosen], v[chosen]], -1)[:, None] + shift, 0, size - 1)
    z = np.where(near, frame.depth_m, 0)[uv[..., 1], uv[..., 0]].astype(float)
    K = frame.intrinsics
    x, y = (uv[..., 0] - K.cx) / K.fx * z, (uv[..., 1] - K.cy) / K.fy * z
    p = np.stack([x, y, z], -1)
    normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    length = np.linalg.norm(normal, axis=1)
    usable = (z > 0).all(axis=1) & (length > 1e-6)
    normal = normal[usable] / length[usable, None]
    offset = -(normal * p[usable, 0]).sum(axis=1)
    flip = np.where(offset < 0, -1.0, 1.0)
    return np.column_stack([normal * flip[:, None], offset * flip])


def _best_hypothesis(planes: Floats, points: Floats) -> Floats:
    if len(planes) == 0:
        raise InvalidInput("depth image holds no plane; a table must fill a good part of it")
    heights = points @ planes[:, :3].T + planes[:, 3]
    tolerance = (0.003 + 0.003 * points[:, 2] ** 2)[:, None]
    on = np.count_nonzero(np.abs(heights) < tolerance, axis=0)
    below = np.count_nonzero(heights < -4 * tolerance, axis=0)
    best = int(np.argmax(on - 4 * below))  # a wide lid has much on it, and the table below
    if on[best] < 0.1 * len(points):
        raise InvalidInput("depth image holds no plane; a table must fill a good part of it")
    return planes[best]


def _refine(plane: Floats, points: Floats) -> TablePlane:
    """Least squares on the readings near the plane, the band shrinking to their own noise."""
    normal, offset, band = plane[:3], float(plane[3]), 0.008
    noise, points = band, np.ascontiguousarray(points.T)
    for _ in range(6):
        near = np.flatnonzero(np.abs(normal @ points + offset) < band)
        on = points[:, near]
        center = on.mean(axis=1)
        spread = on - center[:, None]
        _, _, axes = np.linalg.svd(spread @ spread.T)
        normal = axes[2] * (1.0 if -axes[2] @ center > 0 else -1.0)
        offset = float(-normal @ center)
        residual = np.abs(normal @ spread)
        noise = 1.4826 * float(np.median(residual))
        band = float(np.clip(2.5 * noise, 0.001, band))
    return TablePlane(normal, offset, noise)
