import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.kinematics import (
    forward,
    forward_and_jacobian,
    joint_frames,
    pose_error,
)
from affordance_grasp.control.arm.urdf import load_arm
from affordance_grasp.geometry import pose
from affordance_grasp.share import share_path


@pytest.fixture(scope="module")
def arm():
    return load_arm(share_path("urdf/aubo_i5_2f85.urdf"))


@pytest.fixture
def postures():
    return np.random.default_rng(3).uniform(-3, 3, (20, 6))


def test_batch_equals_one_by_one(arm, postures):
    batch = forward(arm, postures.reshape(4, 5, 6))
    assert batch.shape == (4, 5, 4, 4)
    for q, T in zip(postures, batch.reshape(-1, 4, 4), strict=True):
        np.testing.assert_allclose(forward(arm, q), T, atol=1e-14)


def test_poses_are_rigid_and_match_a_chain_of_rotations(arm, postures):
    for q in postures[:5]:
        T = np.eye(4)
        for T_parent_joint, axis, angle in zip(arm.T_parent_joint, arm.axes, q, strict=True):
            T = T @ T_parent_joint @ pose(Rotation.from_rotvec(axis * angle).as_matrix())
        np.testing.assert_allclose(forward(arm, q), T @ arm.T_last_tip, atol=1e-12)
        np.testing.assert_allclose(joint_frames(arm, q)[-1], T, atol=1e-12)
        np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)


def test_reach_is_that_of_the_data_sheet(arm):
    """Shoulder axis to the wrist point, arm stretched: 886.5 mm."""
    frames = joint_frames(arm, np.zeros(6))
    assert frames[4, 2, 3] - frames[1, 2, 3] == pytest.approx(0.8865, abs=1e-9)


def test_jacobian_equals_finite_differences(arm, postures):
    step = 1e-6
    T, jacobians = forward_and_jacobian(arm, postures)
    np.testing.assert_array_equal(T, forward(arm, postures))
    for q, J in zip(postures, jacobians, strict=True):
        for i in range(6):
            moved = q + step * np.eye(6)[i]
            twist = pose_error(forward(arm, moved), forward(arm, q)) / step
            np.testing.assert_allclose(J[:, i], twist, atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.5, np.pi - 1e-6])
def test_pose_error_is_the_rotation_vector(angle):
    axis = np.array([1, 2, -2]) / 3
    goal = pose(Rotation.from_rotvec(angle * axis).as_matrix(), [0.1, 0, 0])
    np.testing.assert_allclose(
        pose_error(goal, np.eye(4)), [0.1, 0, 0, *(angle * axis)], atol=1e-9
    )
