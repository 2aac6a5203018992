"""What is read from MoveIt's answers; the messages are only as much as is read of them."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.trajectory import time_parameterise
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.moveit_arm import MoveItArm
from affordance_grasp.nodes.moveit_goals import check_code, planned
from affordance_grasp.nodes.trajectory_messages import from_trajectory

ROBOT = load_robot(speed_scaling=0.3)
NAMES = ROBOT.arm.joint_names
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
        (-1, "planning the arm's motion: no way was found"),
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
    arm._robot = ROBOT
    return arm


def test_what_moveit_planned_is_not_taken_on_trust(arm):
    down = HOME + np.array([0, 0.9, 0, 0, 0, 0])
    arm._check(way(HOME, SIDE), way(HOME, SIDE))
    with pytest.raises(MotionFault, match="ends 0.800 rad away"):
        arm._check(way(HOME, HOME, SIDE), way(HOME, HOME))
    with pytest.raises(MotionFault, match="shoulder_joint at .* times what speed_scaling allows"):
        arm._check(way(HOME, SIDE, haste=3), way(HOME, SIDE))
    with pytest.raises(MotionFault, match="too low; add the table to its planning scene"):
        arm._check(way(HOME, down, HOME), way(HOME, HOME))
