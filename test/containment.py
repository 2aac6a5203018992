"""Points on triangle meshes, and how far they lie outside of collision shapes."""

import numpy as np


def on_surface(triangles, count, seed):
    """The corners of triangles (N, 3, 3) and ``count`` points drawn on them."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([1, 1, 1], count)
    picked = triangles[rng.integers(len(triangles), size=count)]
    return np.concatenate([triangles.reshape(-1, 3), np.einsum("nk,nkd->nd", shares, picked)])


def outside_m(shapes, points):
    """How far points (N, 3) lie outside the union of boxes and cylinders in the same frame."""
    gaps = []
    for shape in shapes:
        R, t = shape.T_link_shape[:3, :3], shape.T_link_shape[:3, 3]
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
        local, half = (points - t) @ R, np.array(shape.half_size)
        if shape.kind == "box":
            gaps.append((np.abs(local) - half).max(axis=1))
        else:
            beside = np.hypot(local[:, 0], local[:, 1]) - half[0]
            gaps.append(np.maximum(beside, np.abs(local[:, 2]) - half[2]))
    return np.min(gaps, axis=0)
