import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.urdf import LinkShape
from affordance_grasp.control.motion.clearance import (
    Body,
    _segment_distance,
    lowest_point_m,
    self_gap_m,
    shape_poses,
    table_gap_m,
)
from affordance_grasp.geometry import pose, transform_points

CYLINDER = LinkShape("cylinder", 1, np.eye(4), (0.05, 0.05, 0.2))
BOX = LinkShape("box", 1, np.eye(4), (0.1, 0.02, 0.03))
SPHERE = LinkShape("sphere", 1, np.eye(4), (0.04, 0.04, 0.04))


def surface(shape):
    rng = np.random.default_rng(0)
    if shape.kind == "box":
        return rng.choice([-1, 1], (200, 3)) * shape.half_size
    angle = np.linspace(0, 2 * np.pi, 721)
    if shape.kind == "cylinder":
        ring = np.stack([0.05 * np.cos(angle), 0.05 * np.sin(angle), 0.2 + 0 * angle], 1)
        return np.vstack([ring, ring * [1, 1, -1]])
    points = rng.normal(size=(200000, 3))
    return 0.04 * points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [CYLINDER, BOX, SPHERE], ids=lambda shape: shape.kind)
def test_lowest_point_is_that_of_the_surface(shape):
    body = Body((shape,), np.zeros(1))
    for rotation in Rotation.random(10, random_state=1):
        T = pose(rotation.as_matrix(), [0.3, 0.1, 0.5])
        lowest = transform_points(T, surface(shape))[:, 2].min()
        assert lowest_point_m(body, T[None, None])[0, 0] == pytest.approx(lowest, abs=2e-5)


def test_table_gap_leaves_out_the_base_and_takes_the_clearance_off():
    shapes = [LinkShape("sphere", frame, np.eye(4), (0.1, 0.1, 0.1)) for frame in (-1, 0, 1)]
    body = Body(tuple(shapes), np.array([0.0, 0.0, 0.02]))
    frames = np.tile(np.eye(4), (2, 2, 1, 1))
    frames[:, 1, 2, 3] = [0.5, 0.05]
    gap = table_gap_m(body, shape_poses(body, frames), table_z_m=-0.1)
    np.testing.assert_allclose(gap, [0.48, 0.03])


def test_self_gap_counts_only_distant_links():
    near = [LinkShape("sphere", frame, np.eye(4), (0.1, 0.1, 0.1)) for frame in (0, 2)]
    far = LinkShape("cylinder", 3, pose(translation_m=[0.5, 0, 0]), (0.1, 0.1, 0.2))
    body = Body((*near, far), np.zeros(3))
    T_base_shape = shape_poses(body, np.tile(np.eye(4), (1, 4, 1, 1)))
    np.testing.assert_allclose(self_gap_m(body, T_base_shape), [0.3])


def test_segment_distance_against_sampling():
    rng = np.random.default_rng(4)
    c, u, d, v = rng.uniform(-1, 1, (4, 50, 3))
    t = np.linspace(-1, 1, 201)
    first = c[:, None] + t[:, None] * u[:, None]
    second = d[:, None] + t[:, None] * v[:, None]
    sampled = np.linalg.norm(first[:, :, None] - second[:, None], axis=-1).min(axis=(1, 2))
    exact = _segment_distance(c, u, d, v)
    assert (exact <= sampled + 1e-9).all()
    np.testing.assert_allclose(exact, sampled, atol=0.02)
    point = np.zeros((1, 3))
    distance = _segment_distance(np.array([[0, 0, 1.0]]), point, point, np.array([[1.0, 0, 0]]))
    np.testing.assert_allclose(distance, [1.0])
