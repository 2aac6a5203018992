"""Depth of its own camera -> depth of the colour image beside it, pixel for pixel.

A depth pixel covers, in the colour image, the pixels whose centres lie between its projected
corners. Where several cover one pixel, the nearest counts: it hides the others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import MAX_IMAGE_SIDE, CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, deproject_pixels, project, transform_points

MOST_COVERED = 8
"""Pixels along a side that one depth pixel covers at most: of a point that nearly touches."""
PIXELS_AT_ONCE = 2**20
FINEST_M, COARSEST_M = 1e-6, 0.1


@dataclass(frozen=True)
class DepthCamera:
    """A depth camera beside a colour camera.

    ``T_color_depth``: its pose (4, 4) [m] in the colour camera's optical frame. ``units_m``: what
    one unit of its integers is [m].
    """

    intrinsics: CameraIntrinsics
    T_color_depth: Floats
    units_m: float

    def __post_init__(self) -> None:
        """Refuse units that no depth camera has."""
        if not FINEST_M <= self.units_m <= COARSEST_M:
            raise InvalidInput(
                f"depth units are {self.units_m:g} m; expected {FINEST_M:g} to {COARSEST_M:g}"
            )


def align(
    depth_m: NDArray[np.float32], camera: DepthCamera, color: CameraIntrinsics
) -> NDArray[np.float32]:
    """Depth as the colour camera sees it.

    Args:
        depth_m: (H, W) [m] of the depth camera; 0: no reading.
        camera: where it was measured.
        color: the colour image, free of lens distortion.

    Returns:
        Depth (h, w) [m] along the colour camera's axis; 0: no reading.

    Raises:
        InvalidInput: the depth image is not of its camera's size.
    """
    height, width = depth_m.shape
    own = camera.intrinsics
    if (width, height) != (own.width, own.height):
        raise InvalidInput(
            f"depth image is {width}x{height} and its camera's {own.width}x{own.height}; "
            "they must have one size"
        )
    nearest_m = np.full(color.width * color.height + 1, np.inf, np.float32)  # and one for outside
    rows_at_once = max(1, PIXELS_AT_ONCE // width)
    for first in range(0, height, rows_at_once):
        rows_m = np.zeros_like(depth_m)
        rows_m[first : first + rows_at_once] = depth_m[first : first + rows_at_once]
        covered, seen_m = _covered(rows_m, camera, color)
        part_m = np.full_like(nearest_m, np.inf)
        part_m[covered.ravel()] = np.repeat(seen_m, covered.shape[1])  # the last, nearest, stays
        np.minimum(nearest_m, part_m, out=nearest_m)
    aligned_m = np.where(np.isfinite(nearest_m), nearest_m, np.float32(0))[:-1]
    return aligned_m.reshape(color.height, color.width)


def _covered(
    depth_m: NDArray[np.float32], camera: DepthCamera, color: CameraIntrinsics
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The pixels (N, C) that each reading covers in the colour image, and its depth (N,) [m].

    Farthest first. A pixel outside of the image is that behind its last.
    """
    own = camera.intrinsics
    v, u = np.nonzero(depth_m)
    z_m = depth_m[v, u]
    middle = transform_points(camera.T_color_depth, deproject_pixels(u, v, z_m, own.K))
    to_corner = np.abs(camera.T_color_depth[:3, :3]) @ (0.5 / own.fx, 0.5 / own.fy, 0.0)
    to_corner[2] = 0  # those of the upright rectangle around a pixel, however it is turned
    order = np.argsort(-middle[:, 2])
    middle, reach = middle[order], np.outer(z_m[order], to_corner)
    low, high = _first_behind(middle - reach, color), _first_behind(middle + reach, color) - 1
    high = np.minimum(high, low + MOST_COVERED - 1)
    steps = [int(side) for side in (high - low).max(axis=0, initial=0) + 1]
    pixels = np.empty((len(order), steps[0] * steps[1]), np.int32)
    for column, step in enumerate(np.ndindex(*steps)):
        at = low + np.array(step, np.int32)
        inside = ((at >= 0) & (at < (color.width, color.height)) & (at <= high)).all(axis=1)
        flat = at[:, 1] * color.width + at[:, 0]
        pixels[:, column] = np.where(inside, flat, color.width * color.height)
    return pixels, middle[:, 2].astype(np.float32)


def _first_behind(points: Floats, color: CameraIntrinsics) -> NDArray[np.int32]:
    """The first pixel (N, 2) right of and below points; none for those behind the camera."""
    outside = -float(2 * MAX_IMAGE_SIDE)
    uv = np.clip(np.nan_to_num(project(points, color.K), nan=outside), outside, -outside)
    return np.ceil(uv).astype(np.int32)
