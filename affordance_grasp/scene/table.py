"""The supporting plane in one depth image: seeded RANSAC on nearby points, then refinement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, deproject_pixels

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

    Only readings nearer than ``max_distance_m`` count, which excludes the floor behind the table.
    Among planes through neighbouring readings the one with the most readings on it and the
    fewest below it is chosen: a table has nothing below it, the side of a box has.

    Raises:
        InvalidInput: the depth image holds too few readings, or no plane among them.
    """
    near = _near_readings(frame.depth_m, max_distance_m)
    points = _points(frame, near[:: max(1, len(near) // MAX_FIT_POINTS)])
    plane = _best_hypothesis(_hypotheses(frame, near, max_distance_m, seed), points)
    return _refine(plane, _points(frame, near[:: max(1, len(near) // (8 * MAX_FIT_POINTS))]))


def _near_readings(depth_m: NDArray[np.float32], max_distance_m: float) -> NDArray[np.intp]:
    """Flat indices of the readings that count."""
    near = np.flatnonzero((depth_m > 0) & (depth_m <= max_distance_m))
    if len(near) >= MIN_READINGS:
        return near
    readings = depth_m[depth_m > 0]
    if len(readings) < MIN_READINGS:
        raise InvalidInput(
            f"depth image has {len(readings)} readings (the rest is zero or NaN); "
            f"at least {MIN_READINGS} are needed"
        )
    raise InvalidInput(
        f"depth image has {len(near)} readings within {max_distance_m:g} m (nearest "
        f"{readings.min():.2f} m); check the depth scale or move the camera closer"
    )


def _points(frame: RgbdFrame, pixels: NDArray[np.intp]) -> Floats:
    """Points (..., 3) [m] of the readings at flat indices (...)."""
    v, u = np.divmod(pixels, frame.intrinsics.width)
    return deproject_pixels(u, v, frame.depth_m.ravel()[pixels], frame.intrinsics.K)


def _hypotheses(
    frame: RgbdFrame, near: NDArray[np.intp], max_distance_m: float, seed: int
) -> Floats:
    """Planes (M, 4) as normal and offset, through triplets of neighbouring readings."""
    rng = np.random.default_rng(seed)
    height, width = frame.depth_m.shape
    chosen = near[rng.integers(len(near), size=HYPOTHESES)]
    shift = rng.integers(-TRIPLET_REACH_PX, TRIPLET_REACH_PX + 1, size=(HYPOTHESES, 3, 2))
    shift[:, 0] = 0
    u = np.clip(chosen[:, None] % width + shift[..., 0], 0, width - 1)
    v = np.clip(chosen[:, None] // width + shift[..., 1], 0, height - 1)
    p = _points(frame, v * width + u)
    z = p[..., 2]
    normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    length = np.linalg.norm(normal, axis=1)
    usable = ((z > 0) & (z <= max_distance_m)).all(axis=1) & (length > 1e-6)
    normal = normal[usable] / length[usable, None]
    offset = -(normal * p[usable, 0]).sum(axis=1)
    flip = np.where(offset < 0, -1.0, 1.0)
    return np.column_stack([normal * flip[:, None], offset * flip])


def _best_hypothesis(planes: Floats, points: Floats) -> Floats:
    if len(planes) == 0:
        raise InvalidInput("depth image holds no plane; a table must fill a good part of it")
    heights = planes[:, :3] @ points.T + planes[:, 3:]
    tolerance = 0.003 + 0.003 * points[:, 2] ** 2
    on = np.count_nonzero(np.abs(heights) < tolerance, axis=1)
    below = np.count_nonzero(heights < -4 * tolerance, axis=1)
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
