import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.geometry import (
    deproject,
    deproject_pixels,
    invert,
    pose,
    pose_from_quaternion,
    project,
    quaternion_xyzw,
    sample_bilinear,
    transform_points,
)

K = np.array([[600, 0, 320], [0, 610, 240], [0, 0, 1.0]])


def random_poses(count=20):
    rng = np.random.default_rng(0)
    rotations = Rotation.random(count, rng=rng).as_matrix()
    return np.stack(
        [pose(R, t) for R, t in zip(rotations, rng.normal(size=(count, 3)), strict=True)]
    )


def test_pose_defaults_to_identity():
    assert np.array_equal(pose(), np.eye(4))


def test_pose_places_rotation_and_translation():
    R = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    T = pose(R, [1, 2, 3])
    assert np.allclose(T @ [1, 0, 0, 1], [1, 3, 3, 1])


def test_inverse_of_one_and_of_many():
    T = random_poses()
    assert np.allclose(invert(T) @ T, np.eye(4), atol=1e-12)
    assert np.allclose(invert(T[0]), invert(T)[0])


def test_quaternion_round_trip_and_sign():
    for T in random_poses():
        q = quaternion_xyzw(T)
        assert q[3] >= 0
        assert np.allclose(pose_from_quaternion(T[:3, 3], q), T)


def test_quaternion_order_is_x_y_z_w():
    quarter_turn_about_z = pose_from_quaternion([0, 0, 0], [0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    assert np.allclose(quarter_turn_about_z[:3, 0], [0, 1, 0])


def test_transform_points_agrees_with_matrices():
    T = random_poses(1)[0]
    points = np.random.default_rng(1).normal(size=(4, 5, 3))
    homogeneous = np.concatenate([points, np.ones((4, 5, 1))], -1)
    assert np.allclose(transform_points(T, points), (homogeneous @ T.T)[..., :3])


def test_project_known_point_and_behind_camera():
    uv = project([[0.1, -0.2, 2.0], [0, 0, -1], [0, 0, 0]], K)
    assert np.allclose(uv[0], [350, 179])
    assert np.isnan(uv[1:]).all()


def test_deproject_inverts_project():
    depth = np.random.default_rng(0).uniform(0.3, 2, (6, 8))
    cloud = deproject(depth, K)
    v, u = np.indices(depth.shape)
    assert np.allclose(project(cloud, K), np.stack([u, v], -1))
    assert np.allclose(cloud[..., 2], depth)


def test_a_pixel_goes_where_the_whole_image_puts_it():
    depth = np.linspace(0.4, 0.9, 48 * 64).reshape(48, 64)
    u, v = np.array([[3, 60], [31, 0]]), np.array([[7, 47], [0, 20]])
    np.testing.assert_allclose(deproject_pixels(u, v, depth[v, u], K), deproject(depth, K)[v, u])


def test_deproject_marks_missing_readings():
    cloud = deproject([[0.0, np.nan, np.inf, 1.0]], K)
    assert np.isnan(cloud[0, :3]).all()
    assert np.isfinite(cloud[0, 3]).all()


def test_bilinear_is_exact_on_a_plane_up_to_the_last_pixel():
    v, u = np.indices((5, 7))
    plane = 2.0 * u - 3.0 * v + 1
    uv = np.array([[0, 0], [6, 4], [2.25, 3.5], [5.999, 0.001]])
    assert np.allclose(sample_bilinear(plane, uv), 2 * uv[:, 0] - 3 * uv[:, 1] + 1)


def test_bilinear_is_nan_outside():
    values = sample_bilinear(np.ones((5, 7)), [[-0.01, 0], [6.01, 0], [0, 4.01], [3, 2]])
    assert np.isnan(values[:3]).all()
    assert values[3] == 1
