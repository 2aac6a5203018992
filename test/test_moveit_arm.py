"""What is read from MoveIt's answers; the messages are only as much as is read of them."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.control.arm.inverse import inverse, within_limits
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.obstruction import Surroundings
from affordance_grasp.control.motion.trajectory import time_parameterise
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.geometry import invert, pose
from affordance_grasp.nodes.arms.moveit_arm import SPEED_TOLERANCE, MoveItArm, check_code, planned
from affordance_grasp.nodes.arms.ros2_control_arm import Ros2ControlArm
from affordance_grasp.nodes.convert.conversions import from_trajectory
from affordance_grasp.scene.obstacles import Obstacles

ROBOT = load_robot(speed_scaling=0.3)
NAMES = ROBOT.arm.joint_names
GRIPPER = ROBOT.gripper
HOME = ROBOT.home_q
SIDE = HOME + np.array([0.8, 0, 0, 0, 0, 0])


def way(*postures, haste=1.0):
    q = np.array(postures)
    return time_parameterise(q, haste * ROBOT.velocity, haste**2 * ROBOT.acceleration, NAMES)


def answer(trajectory, code=1):
    found = SimpleNamespace(joint_trajectory=from_trajectory(trajectory))
    result = SimpleNamespace(error_code=SimpleNamespace(val=code), planned_trajectory=found)
    return SimpleNamespace(result=result)


def test_joints_in_another_order_come_back_in_ours():
    """The maker's MoveIt configuration lists foreArm before upperArm, its driver the other way."""
    order = [0, 2, 1, 3, 4, 5]
    path = way(HOME, SIDE)
    theirs = JointTrajectory(
        tuple(NAMES[i] for i in order),
        path.times_s,
        path.positions[:, order],
        path.velocities[:, order],
    )
    found = planned(answer(theirs), NAMES)
    assert found.joint_names == NAMES
    np.testing.assert_allclose(found.positions, path.positions)
    np.testing.assert_allclose(found.velocities, path.velocities)


def test_a_way_of_other_joints_is_refused():
    path = way(HOME, SIDE)
    other = JointTrajectory((*NAMES[:5], "finger"), path.times_s, path.positions, path.velocities)
    with pytest.raises(MotionFault, match="finger and not for the joints of the arm"):
        planned(answer(other), NAMES)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-1, "planning the arm's motion: no path was found"),
        (-15, "no such planning group; set moveit_group"),
        (99999, "failed with code 99999"),
    ],
)
def test_failures_are_sentences(code, words):
    with pytest.raises(MotionFault, match=words):
        check_code(answer(way(HOME, SIDE), code), "planning")


@pytest.fixture
def arm():
    """The checks alone, with no ROS around them."""
    arm = MoveItArm.__new__(MoveItArm)
    arm._described = SimpleNamespace(robot=ROBOT)
    arm._pick = None
    arm._width_m, arm._last_grip = GRIPPER.max_width_m, (GRIPPER.max_width_m, 40.0)
    return arm


def test_what_moveit_planned_is_not_taken_on_trust(arm):
    down = HOME + np.array([0, 0.9, 0, 0, 0, 0])
    arm._check(way(HOME, SIDE), way(HOME, SIDE))
    with pytest.raises(MotionFault, match="ends 0.800 rad away"):
        arm._check(way(HOME, HOME, SIDE), way(HOME, HOME))
    with pytest.raises(MotionFault, match="shoulder_joint at .* times what speed_scaling allows"):
        arm._check(way(HOME, SIDE, haste=3), way(HOME, SIDE))
    with pytest.raises(MotionFault, match="too low; add what is there to its planning scene"):
        arm._check(way(HOME, down, HOME), way(HOME, HOME))


def test_moveits_paths_keep_clear_of_what_stands_there_too(arm):
    """Straight over the object and back; a tall thing stands where the hand passes at home."""
    T_base_hand = forward(ROBOT.arm, SIDE)
    x, y = T_base_hand[:2, 3]
    tall = np.array([[x, y, 0.6], [0.5, 0.0, 0.05]])
    obstacles = Obstacles(tall, np.array([1, 2], np.int32), np.ones(2, bool))
    path = way(HOME, SIDE)
    around = Surroundings(obstacles, ROBOT)
    grasp = pose(np.diag([1.0, -1.0, -1.0]), [0.5, 0.0, 0.03])
    pick = {"T_base_tcp": grasp, "retreat": way(SIDE, HOME), "grasp_width_m": 0.02}
    arm.expect(SimpleNamespace(around=around, **pick))
    with pytest.raises(MotionFault, match=r"path is not free: .* what stands on the table"):
        arm._check(path, path)
    arm.expect(SimpleNamespace(around=None, **pick))
    arm._check(path, path)


def between_two(start, end, duration_s, start_speed=None, end_speed=None):
    """A way of two points, which its controller will join by a cubic."""
    still = np.zeros_like(start)
    speeds = [still if speed is None else speed for speed in (start_speed, end_speed)]
    times_s = np.array([0.0, duration_s])
    return JointTrajectory(NAMES, times_s, np.array([start, end]), np.array(speeds))


def test_a_leap_between_two_points_at_rest_is_too_fast(arm):
    """From rest to rest a cubic peaks at 1.5 times its average speed."""
    peak = 1.5 * 0.8 / 0.05
    times = peak / (SPEED_TOLERANCE * ROBOT.velocity[0])
    with pytest.raises(MotionFault, match=f"shoulder_joint at {times:.2f} times"):
        arm._check(between_two(HOME, SIDE, 0.05), way(HOME, SIDE))


@pytest.mark.parametrize("leap_s", [0.001, 0.05])
def test_a_leap_in_the_middle_of_a_way_is_too_fast(arm, leap_s):
    far = HOME + np.array([0.4, 0, 0, 0, 0, 0])
    found = JointTrajectory(
        NAMES,
        np.array([0.0, 2.0, 2.0 + leap_s, 4.0]),
        np.array([HOME, HOME, far, far]),
        np.zeros((4, 6)),
    )
    with pytest.raises(MotionFault, match="what speed_scaling allows"):
        arm._check(found, way(HOME, far))


def test_the_speed_between_the_points_is_exact(arm):
    shortest_s = 1.5 * 0.8 / (SPEED_TOLERANCE * ROBOT.velocity[0])
    arm._check(between_two(HOME, SIDE, 1.001 * shortest_s), way(HOME, SIDE))
    with pytest.raises(MotionFault, match="what speed_scaling allows"):
        arm._check(between_two(HOME, SIDE, 0.999 * shortest_s), way(HOME, SIDE))


def test_the_way_is_checked_between_its_points_too(arm):
    """Both points are home; the speeds there take the cubic v T / 4 = 0.88 rad down and back."""
    down = np.array([0, 0.7, 0, 0, 0, 0])
    found = between_two(HOME, HOME, 5.0, down, -down)
    with pytest.raises(MotionFault, match="too low; add what is there to its planning scene"):
        arm._check(found, way(HOME, HOME))


def low_over_the_table(height_m):
    """Postures around the base with the open fingers straight down, so far above the table."""
    T_base_tcp = pose([[0, 1, 0], [1, 0, 0], [0, 0, -1]], [0.5, 0.0, height_m])
    T_base_tool0 = T_base_tcp @ invert(GRIPPER.T_tool0_tcp(GRIPPER.max_width_m))
    postures = inverse(ROBOT.arm, T_base_tool0, HOME)
    q = postures[within_limits(ROBOT.arm, postures)][0]
    return q, q + np.array([0.2, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(("stand_m", "sent_m"), [(0.0, 0.0), (0.02, 0.085), (0.085, 0.0)])
def test_fingers_that_are_closed_reach_farther_down(arm, stand_m, sent_m):
    """Closing brings the tips of a 2F-85 up to 13.7 mm forward."""
    path = way(*low_over_the_table(0.005))
    arm._check(path, path)
    arm._width_m, arm._last_grip = GRIPPER.clamp_width(stand_m), (sent_m, 40.0)
    with pytest.raises(MotionFault, match=r"path is not free: .* mm too low"):
        arm._check(path, path)


def test_where_the_fingers_stand_is_remembered(arm, monkeypatch):
    monkeypatch.setattr(Ros2ControlArm, "grip", lambda self, width_m, force_n: 0.02)
    path = way(*low_over_the_table(0.005))
    assert arm.grip(0.0, 40.0) == 0.02
    with pytest.raises(MotionFault, match="too low"):
        arm._check(path, path)
