from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.inverse import classify, follow, inverse, within_limits
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.arm.urdf import SerialArm, load_arm
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert, pose
from affordance_grasp.share import share_path

PI = np.pi
# d, a, alpha of the manufacturer's table
UR5 = [
    (0.089159, 0, PI / 2),
    (0, -0.425, 0),
    (0, -0.39225, 0),
    (0.10915, 0, PI / 2),
    (0.09465, 0, -PI / 2),
    (0.0823, 0, 0),
]
ELBOW_WITH_SPHERICAL_WRIST = [
    (0.4, 0.025, -PI / 2),
    (0, 0.455, 0),
    (0, 0.035, -PI / 2),
    (0.42, 0, PI / 2),
    (0, 0, -PI / 2),
    (0.08, 0, 0),
]
SEVEN_JOINTS = [
    (0.34, 0, -PI / 2),
    (0, 0, PI / 2),
    (0.4, 0, PI / 2),
    (0, 0, -PI / 2),
    (0.4, 0, -PI / 2),
    (0, 0, PI / 2),
    (0.126, 0, 0),
]


def arm_from_dh(rows) -> SerialArm:
    joints = len(rows)
    steps = [pose(Rotation.from_euler("x", alpha).as_matrix(), [a, 0, d]) for d, a, alpha in rows]
    return SerialArm(
        base="base_link",
        tip="tool0",
        joint_names=tuple(f"joint_{i}" for i in range(joints)),
        link_names=tuple(f"link_{i}" for i in range(joints)),
        T_parent_joint=np.array([np.eye(4), *steps[:-1]]),
        axes=np.tile([0.0, 0.0, 1.0], (joints, 1)),
        T_last_tip=steps[-1],
        lower=np.full(joints, -PI),
        upper=np.full(joints, PI),
        velocity=np.ones(joints),
    )


AUBO = load_arm(share_path("urdf/aubo_i5_2f85.urdf"))
UR = arm_from_dh(UR5)


def turns(difference):
    return (difference + PI) % (2 * PI) - PI


def worst_error(arm, T, q):
    """Largest position error [m] and rotation error [rad] over solutions."""
    E = invert(T) @ forward(arm, q)
    angles = Rotation.from_matrix(E[:, :3, :3]).magnitude()
    return np.linalg.norm(E[:, :3, 3], axis=1).max(), angles.max()


def check_random_poses(arm, count, seed):
    rng = np.random.default_rng(seed)
    postures = rng.uniform(arm.lower, arm.upper, (count, arm.dof))
    for q, T in zip(postures, forward(arm, postures), strict=True):
        found = inverse(arm, T)
        position_m, rotation_rad = worst_error(arm, T, found)
        assert position_m < 1e-6
        assert rotation_rad < 1e-6
        assert np.abs(turns(found - q)).max(axis=1).min() < 1e-5, "a branch is missing"
        assert len(found) in (2, 4, 6, 8)


@pytest.mark.parametrize("arm", [AUBO, UR], ids=["aubo_i5", "ur5"])
def test_every_reachable_pose_and_branch(arm):
    assert classify(arm) == "three_parallel"
    check_random_poses(arm, 2000 if arm is AUBO else 500, seed=11)


@pytest.mark.parametrize("joint", [2, 4])
@pytest.mark.parametrize("angle", [0.0, 1e-9, -1e-8, 1e-7, 1e-6, 1e-4])
def test_singular_and_nearly_singular_postures(joint, angle):
    """Wrist straight (joint 5) and arm stretched out (joint 3): the seed comes back."""
    postures = np.random.default_rng(5).uniform(-3, 3, (60, 6))
    postures[:, joint] = angle
    for q, T in zip(postures, forward(AUBO, postures), strict=True):
        found = inverse(AUBO, T, seed_q=q)
        assert np.abs(found[0] - q).max() < 1e-5
        position_m, rotation_rad = worst_error(AUBO, T, found)
        assert position_m < 1e-6
        assert rotation_rad < 1e-6


@pytest.mark.parametrize("angle", [0.0, 1e-9, -5e-8, 1e-7, PI])
def test_a_straight_wrist_always_has_a_solution(angle):
    """Joint 6 may not turn as it likes there: the sum that it shares turns the link to W."""
    postures = np.random.default_rng(0).uniform(-3.04, 3.04, (300, 6))
    postures[:, 4] = angle
    for T in forward(AUBO, postures):
        found = inverse(AUBO, T)
        assert len(found)
        assert max(worst_error(AUBO, T, found)) < 1e-6


def test_a_straight_wrist_keeps_joint_six_where_it_may():
    """Unless the links would not reach: then it turns no farther than to where they do."""
    T = forward(AUBO, [0.4, 0.3, 0.2, -0.7, 0.0, 1.1])
    for wanted in (-0.3, 0.5, 1.1):
        sixth = inverse(AUBO, T, [0, 0, 0, 0, 0, wanted])[:, 5]
        assert np.isclose(sixth, wanted, atol=1e-9).any()
    for wanted, edge in ((1.5, 1.152), (2.5, 1.152), (-0.5, -0.387), (-2.5, -0.387)):
        found = inverse(AUBO, T, [0, 0, 0, 0, 0, wanted])
        stretched = found[np.isclose(found[:, 2], 0, atol=1e-6)]
        np.testing.assert_allclose(stretched[:, 5], [edge], atol=1e-3)


def test_out_of_reach_is_empty():
    assert inverse(AUBO, pose(translation_m=[1.5, 0, 0.3])).shape == (0, 6)
    assert inverse(AUBO, pose(translation_m=[0.0, 0.01, 0.122])).shape == (0, 6)


def test_seed_orders_by_largest_joint_motion_and_picks_the_turn():
    wide = replace(UR, lower=np.full(6, -2 * PI), upper=np.full(6, 2 * PI))
    q = np.array([3.0, -1.2, 1.4, -1.0, 1.1, -3.1])
    seed = q + [0.2, 0, 0, 0, 0, -0.2]
    found = inverse(wide, forward(wide, q), seed)
    np.testing.assert_allclose(found[0], q, atol=1e-9)
    motion = np.abs(found - seed).max(axis=1)
    assert (np.diff(motion) >= 0).all()
    turned = inverse(wide, forward(wide, q), q + [2 * PI, 0, 0, 0, 0, 0])
    assert turned[0, 0] == pytest.approx(3.0)  # 3.0 + 2 pi would lie beyond the limit
    lower = inverse(wide, forward(wide, q), q - [2 * PI, 0, 0, 0, 0, 0])
    assert lower[0, 0] == pytest.approx(3.0 - 2 * PI)


def test_limits():
    q = np.array([[0.0] * 6, [0, 0, 3.05, 0, 0, 0]])
    np.testing.assert_array_equal(within_limits(AUBO, q), [True, False])


@pytest.mark.parametrize(
    "rows", [ELBOW_WITH_SPHERICAL_WRIST, SEVEN_JOINTS], ids=["elbow", "seven"]
)
def test_other_arms_are_solved_numerically(rows):
    arm = arm_from_dh(rows)
    assert classify(arm) == "numeric"
    postures = np.random.default_rng(2).uniform(-2.5, 2.5, (8, arm.dof))
    for q, T in zip(postures, forward(arm, postures), strict=True):
        found = inverse(arm, T)
        assert len(found) >= 2
        position_m, rotation_rad = worst_error(arm, T, found)
        assert position_m < 1e-6
        assert rotation_rad < 1e-6
        near = inverse(arm, T, seed_q=q + 0.02)
        assert np.abs(near[0] - (q + 0.02)).max() < 0.1
    far = pose(translation_m=[3.0, 0, 0])
    assert inverse(arm, far).shape == (0, arm.dof)


def test_a_slightly_skewed_arm_leaves_the_closed_form():
    skewed = AUBO.T_parent_joint.copy()
    skewed[2] = skewed[2] @ pose(Rotation.from_euler("x", 1e-3).as_matrix())
    assert classify(replace(AUBO, T_parent_joint=skewed)) == "numeric"


@pytest.mark.parametrize(
    "arm", [AUBO, arm_from_dh(ELBOW_WITH_SPHERICAL_WRIST)], ids=["closed", "numeric"]
)
def test_follow_stays_on_the_branch(arm):
    q_start = np.array([0.3, 0.5, 1.2, 0.4, 1.1, -0.5])
    poses = np.tile(forward(arm, q_start), (21, 1, 1))
    poses[:, 2, 3] += np.linspace(0, 0.05, 21)
    q = follow(arm, poses, q_start, max_jump_rad=0.2)
    np.testing.assert_allclose(q[0], q_start, atol=1e-6)
    np.testing.assert_allclose(forward(arm, q), poses, atol=1e-6)
    assert np.abs(np.diff(q, axis=0)).max() < 0.05


def test_follow_ends_where_the_arm_does():
    q_start = np.array([0.3, 0.4, 0.8, 0.4, 1.1, -0.5])
    poses = np.tile(forward(AUBO, q_start), (40, 1, 1))
    poses[:, 2, 3] += np.linspace(0, 0.2, 40)
    q = follow(AUBO, poses, q_start, max_jump_rad=0.3)
    lost = np.isnan(q).any(axis=1)
    assert lost.any()
    assert not lost[:2].any()
    assert (np.diff(lost.astype(int)) >= 0).all()


def test_bad_pose_is_refused():
    with pytest.raises(InvalidInput, match="finite 4x4"):
        inverse(AUBO, np.full((4, 4), np.nan))


def test_angles_beyond_half_a_turn_are_found_where_the_limits_lie_there():
    """Joint 6 of a Panda turns from 0 to 215 degrees."""
    arm = load_arm(share_path("urdf/panda.urdf"), "panda_link0")
    q = np.array([0.2, -0.6, 0.1, -1.9, 0.2, 3.6, 0.5])
    found = inverse(arm, forward(arm, q))
    inside = found[within_limits(arm, found)]
    assert (inside[:, 5] > PI).any()
    assert max(worst_error(arm, forward(arm, q), inside)) < 1e-6
