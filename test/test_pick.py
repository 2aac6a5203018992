from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.pick import plan_pick, reach_from, reachable
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import InvalidInput, Unreachable
from affordance_grasp.geometry import invert, pose

DOWN = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def robot():
    return load_robot(speed_scaling=0.5)


def grasp(x=0.5, y=0.0, z=0.02, yaw=0.4, tilt=0.0):
    """Gripper pointing down, turned about the vertical, then leaned towards +x."""
    tilted = Rotation.from_euler("y", tilt).as_matrix() @ Rotation.from_euler("z", yaw).as_matrix()
    return pose(tilted @ DOWN, [x, y, z])


def tips_m(robot, q, width_m):
    """Height of the ends of the fingertips with the fingers at a width."""
    return (forward(robot.arm, q) @ robot.gripper.T_tool0_tcp(width_m))[..., 2, 3]


def test_plan_reaches_the_grasp_at_closure(robot):
    T, width_m = grasp(), 0.03
    plan = plan_pick(robot, robot.home_q, T, width_m)
    T_closed = forward(robot.arm, plan.q_grasp) @ robot.gripper.T_tool0_tcp(width_m)
    np.testing.assert_allclose(T_closed, plan.T_base_tcp, atol=1e-6)
    turned = T @ pose(np.diag([-1.0, -1.0, 1.0]))
    assert min(np.abs(plan.T_base_tcp - t).max() for t in (T, turned)) < 1e-9
    assert plan.open_width_m == pytest.approx(robot.gripper.open_width_m(width_m))
    assert plan.close_width_m < 0.001


def test_the_fingers_open_as_the_grasp_says(robot):
    T, width_m = grasp(), 0.03
    plan = plan_pick(robot, robot.home_q, T, width_m, opening_m=0.04)
    assert (plan.open_width_m, plan.grasp_width_m) == pytest.approx((0.04, 0.03))
    wide = plan_pick(robot, robot.home_q, T, width_m, opening_m=0.2)
    assert wide.open_width_m == pytest.approx(robot.gripper.max_width_m)
    for opening_m in (0.02, -0.1, np.nan):
        with pytest.raises(InvalidInput, match="cannot come down around what is 30.0 mm wide"):
            plan_pick(robot, robot.home_q, T, width_m, opening_m=opening_m)


def test_stages_join_on_one_branch_within_limits(robot):
    plan = plan_pick(robot, robot.home_q, grasp(tilt=0.3), 0.03)
    stages = [trajectory for _, trajectory in plan.stages()]
    assert [name for name, _ in plan.stages()] == ["approach", "descend", "lift", "retreat"]
    np.testing.assert_allclose(stages[0].positions[0], robot.home_q)
    np.testing.assert_allclose(stages[-1].positions[-1], robot.home_q)
    for before, after in zip(stages, stages[1:], strict=False):
        np.testing.assert_allclose(before.positions[-1], after.positions[0], atol=1e-9)
    for motion in stages:
        assert within_limits(robot.arm, motion.positions).all()
        assert np.abs(np.diff(motion.positions, axis=0)).max() < 0.1
        assert (np.abs(motion.velocities) <= robot.velocity * 1.001).all()
        np.testing.assert_array_equal(motion.velocities[[0, -1]], 0)
        assert motion.joint_names == robot.arm.joint_names


def test_descend_follows_the_approach_and_lift_is_vertical(robot):
    plan = plan_pick(robot, robot.home_q, grasp(tilt=0.5, z=0.05), 0.02)
    T = forward(robot.arm, plan.descend.positions)
    moved = T[:, :3, 3] - T[-1, :3, 3]
    approach = plan.T_base_tcp[:3, 2]
    assert moved[0] @ approach == pytest.approx(-robot.settings.standoff_m, abs=1e-6)
    assert np.abs(moved - np.outer(moved @ approach, approach)).max() < 2e-4
    np.testing.assert_allclose(T[:, :3, :3], np.tile(T[-1, :3, :3], (len(T), 1, 1)), atol=1e-3)
    lift = forward(robot.arm, plan.lift.positions)[:, :3, 3]
    lift -= lift[0]
    assert lift[-1, 2] == pytest.approx(robot.settings.lift_m, abs=1e-6)
    assert np.abs(lift[:, :2]).max() < 2e-4


@pytest.mark.parametrize("width_m", [0.004, 0.012, 0.03])
def test_flat_object_is_reached_one_millimetre_above_the_table(robot, width_m):
    """The open tips stay higher, come down while closing and never touch on the way."""
    plan = plan_pick(robot, robot.home_q, grasp(z=0.001), width_m)
    openings = np.linspace(width_m, plan.open_width_m, 30)
    heights = np.array([tips_m(robot, plan.q_grasp, w) for w in openings])
    assert heights.min() >= robot.settings.tip_clearance_m
    assert heights[0] == pytest.approx(0.001, abs=1e-6)
    expected = robot.gripper.tip_advance_m(width_m) - robot.gripper.tip_advance_m(
        plan.open_width_m
    )
    assert heights[-1] - heights[0] == pytest.approx(expected, abs=1e-6)
    assert tips_m(robot, plan.descend.positions, plan.open_width_m).min() > 0.0015


@pytest.mark.parametrize(("width_m", "z_m"), [(0.012, 0.001), (0.03, 0.001), (0.06, 0.003)])
def test_fingers_that_miss_stop_above_the_table(robot, width_m, z_m):
    plan = plan_pick(robot, robot.home_q, grasp(z=z_m), width_m)
    clearance_m = robot.settings.tip_clearance_m
    heights = [
        tips_m(robot, plan.q_grasp, w) for w in np.linspace(plan.close_width_m, width_m, 20)
    ]
    assert min(heights) >= clearance_m - 1e-9
    assert plan.close_width_m <= max(robot.gripper.min_width_m, width_m - 0.006) + 1e-9
    shut = tips_m(robot, plan.q_grasp, robot.gripper.min_width_m)
    assert (plan.close_width_m > robot.gripper.min_width_m) == (shut < clearance_m)
    high = plan_pick(robot, robot.home_q, grasp(z=0.05), width_m)
    assert high.close_width_m == robot.gripper.min_width_m


def reason_of(robot, T, width_m=0.03, q_now=None):
    q_now = robot.home_q if q_now is None else q_now
    with pytest.raises(Unreachable) as raised:
        plan_pick(robot, q_now, T, width_m)
    assert reachable(robot, q_now, T, width_m) == raised.value.reason
    return raised.value.reason, str(raised.value)


def test_reasons(robot):
    assert reason_of(robot, grasp(z=0.0002))[0] == Reason.TABLE
    assert reason_of(robot, grasp(z=0.003, tilt=0.6))[0] == Reason.TABLE
    assert reason_of(robot, grasp(), width_m=0.09)[0] == Reason.TOO_WIDE
    reason, sentence = reason_of(robot, grasp(x=1.2))
    assert reason == Reason.NO_IK
    assert "outside the workspace" in sentence
    reason, sentence = reason_of(robot, grasp(x=0.84, y=0.44, z=0.2))
    assert reason == Reason.NO_IK
    assert "no solution" in sentence
    assert reason_of(robot, pose(np.eye(3), [0.4, 0, 0.1]))[0] == Reason.TABLE


def test_joint_limits_are_a_reason(robot):
    narrow = replace(robot.arm, lower=robot.home_q - 0.05, upper=robot.home_q + 0.05)
    reason, sentence = reason_of(replace(robot, arm=narrow), grasp())
    assert reason == Reason.JOINT_LIMIT
    assert "beyond the joint limits" in sentence


def test_path_that_leaves_the_reach_is_a_reason(robot):
    high = replace(robot, settings=replace(robot.settings, lift_m=0.55))
    reason, sentence = reason_of(high, grasp(x=0.7))
    assert reason in (Reason.PATH, Reason.JOINT_LIMIT)
    assert "the straight lift" in sentence


def test_whole_table_is_within_reach(robot):
    """Grasps from above, at any yaw and up to 35 degrees off the vertical, can be planned."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        x, y = rng.uniform(0.42, 0.58), rng.uniform(-0.12, 0.12)
        T = grasp(x, y, rng.uniform(0.02, 0.1), rng.uniform(-3, 3), rng.uniform(-0.6, 0.6))
        assert reachable(robot, robot.home_q, T, rng.uniform(0.004, 0.06)) is None


def test_grasps_seen_by_a_camera_are_judged_where_they_lie_in_the_base(robot):
    for T_base_cam in (None, pose(translation_m=[0.3, 0.1, 0.8])):
        T = robot.T_base_cam(robot.home_q) if T_base_cam is None else T_base_cam
        reach = reach_from(robot, robot.home_q, T_base_cam)
        assert reach(invert(T) @ grasp(), 0.03) is None
        assert reach(invert(T) @ grasp(x=3), 0.03) == Reason.NO_IK


def test_symmetric_grasp_takes_the_nearer_turn(robot):
    """A grasp and the same turned by pi lead to the same motion."""
    first = plan_pick(robot, robot.home_q, grasp(yaw=0.4), 0.03)
    second = plan_pick(robot, robot.home_q, grasp(yaw=0.4 + np.pi), 0.03)
    np.testing.assert_allclose(first.q_grasp, second.q_grasp, atol=1e-6)


def test_nonsense_is_refused(robot):
    with pytest.raises(InvalidInput, match="finite 4x4 pose"):
        plan_pick(robot, robot.home_q, np.full((4, 4), np.nan), 0.03)
    with pytest.raises(InvalidInput, match="present joint positions"):
        plan_pick(robot, [0.0] * 5, grasp(), 0.03)
    with pytest.raises(InvalidInput, match="width >= 0"):
        reachable(robot, robot.home_q, grasp(), -0.01)


def test_flange_is_where_the_tip_advance_puts_it(robot):
    """A wide and a narrow grasp at one pose differ by the tip advance, along the approach."""
    T = grasp(z=0.05)
    flanges = []
    for width_m in (0.005, 0.06):
        plan = plan_pick(robot, robot.home_q, T, width_m)
        flanges.append(invert(T) @ forward(robot.arm, plan.q_grasp))
    difference = flanges[1][2, 3] - flanges[0][2, 3]
    advance = robot.gripper.tip_advance_m(0.005) - robot.gripper.tip_advance_m(0.06)
    assert difference == pytest.approx(advance, abs=1e-6)


def test_the_ways_stay_in_the_workspace_too(robot):
    """The grasp at 0.05 m is inside a box 0.1 m high, and the lift to 0.2 m is not."""
    low = replace(robot, settings=replace(robot.settings, workspace_max_m=(0.85, 0.45, 0.10)))
    with pytest.raises(Unreachable, match="leaves the workspace") as caught:
        plan_pick(low, robot.home_q, grasp(z=0.05), 0.03)
    assert caught.value.reason == Reason.PATH


def test_nothing_is_planned_from_beyond_the_joint_limits(robot):
    q = robot.home_q.copy()
    q[4] = robot.arm.upper[4] + 0.01
    with pytest.raises(Unreachable, match="wrist2_joint is 0.010 rad beyond its limit"):
        plan_pick(robot, q, grasp(), 0.03)
    assert reachable(robot, q, grasp(), 0.03) == Reason.JOINT_LIMIT
