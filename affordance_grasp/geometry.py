"""Rigid transforms and the pinhole camera, as pure functions on arrays.

``T_a_b`` is the pose of frame b in frame a as a 4x4 matrix, so ``T_a_c = T_a_b @ T_b_c`` reads by
cancelling neighbours. Quaternions are x, y, z, w (REP 103). Lengths are metres, angles radians.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pose(rotation: ArrayLike | None = None, translation_m: ArrayLike | None = None) -> Floats:
    """Build a 4x4 pose from a 3x3 rotation and a 3-vector; either may be left out."""
    T = np.eye(4)
    if rotation is not None:
        T[:3, :3] = rotation
    if translation_m is not None:
        T[:3, 3] = translation_m
    return T


def pose_from_quaternion(translation_m: ArrayLike, quaternion_xyzw: ArrayLike) -> Floats:
    """Build a 4x4 pose from a translation [m] and a quaternion x, y, z, w."""
    from scipy.spatial.transform import Rotation

    return pose(Rotation.from_quat(np.asarray(quaternion_xyzw, float)).as_matrix(), translation_m)


def quaternion_xyzw(T: ArrayLike) -> Floats:
    """Unit quaternion(s) x, y, z, w, w >= 0, of a pose (4, 4) or poses (N, 4, 4)."""
    rotation = np.asarray(T, float)[..., :3, :3]
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(rotation).as_quat(canonical=True))


def invert(T: ArrayLike) -> Floats:
    """Inverse of rigid pose(s) (..., 4, 4), by transposing the rotation."""
    T_a_b = np.asarray(T, float)
    T_b_a = np.zeros_like(T_a_b)
    R_b_a = np.swapaxes(T_a_b[..., :3, :3], -1, -2)
    T_b_a[..., :3, :3] = R_b_a
    T_b_a[..., :3, 3] = -(R_b_a @ T_a_b[..., :3, 3, None])[..., 0]
    T_b_a[..., 3, 3] = 1.0
    return T_b_a


def transform_points(T_a_b: ArrayLike, points_b: ArrayLike) -> Floats:
    """Express points (..., 3) [m] given in frame b in frame a."""
    T = np.asarray(T_a_b, float)
    return np.asarray(np.asarray(points_b, float) @ T[:3, :3].T + T[:3, 3])


def project(points_cam: ArrayLike, K: ArrayLike) -> Floats:
    """Pixel coordinates (..., 2) as u, v of points (..., 3) [m] in the optical frame.

    Integer coordinates are pixel centres. Points at or behind the camera give NaN.
    """
    points, K = np.asarray(points_cam, float), np.asarray(K, float)
    z = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    u = K[0, 0] * points[..., 0] / z + K[0, 2]
    v = K[1, 1] * points[..., 1] / z + K[1, 2]
    return np.stack([u, v], axis=-1)


def deproject(depth_m: ArrayLike, K: ArrayLike) -> Floats:
    """Organised cloud (H, W, 3) [m] in the optical frame; NaN where depth is 0 or not finite."""
    depth = np.asarray(depth_m, float)
    z = np.where(np.isfinite(depth) & (depth > 0), depth, np.nan)
    return deproject_pixels(np.arange(depth.shape[1]), np.arange(depth.shape[0])[:, None], z, K)


def deproject_pixels(u: ArrayLike, v: ArrayLike, depth_m: ArrayLike, K: ArrayLike) -> Floats:
    """Points (..., 3) [m] in the optical frame of pixels ``u``, ``v`` at depths (...) [m]."""
    z, K = np.asarray(depth_m, float), np.asarray(K, float)
    points = np.empty((*z.shape, 3))
    np.multiply((np.asarray(u) - K[0, 2]) / K[0, 0], z, out=points[..., 0])
    np.multiply((np.asarray(v) - K[1, 2]) / K[1, 1], z, out=points[..., 1])
    points[..., 2] = z
    return points


def sample_bilinear(image: ArrayLike, uv: ArrayLike) -> Floats:
    """Values (N,) of a map (H, W) at pixel coordinates (N, 2); NaN outside the image."""
    values, uv = np.asarray(image, float), np.asarray(uv, float)
    height, width = values.shape
    u, v = uv[..., 0], uv[..., 1]
    inside = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    u, v = np.where(inside, u, 0.0), np.where(inside, v, 0.0)
    left = np.minimum(u.astype(int), max(width - 2, 0))
    top = np.minimum(v.astype(int), max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    a, b = u - left, v - top
    upper = values[top, left] * (1 - a) + values[top, right] * a
    lower = values[bottom, left] * (1 - a) + values[bottom, right] * a
    return np.where(inside, upper * (1 - b) + lower * b, np.nan)
