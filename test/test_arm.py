"""Where the joints are measured decides whether an arm went where it was sent."""

from threading import Condition
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.control.motion.trajectory import time_parameterise
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.arms.arm import RobotArm

NAMES = ("shoulder", "elbow", "wrist")
HOME, GOAL = np.zeros(3), np.array([0.5, -0.4, 0.2])
LIMIT = np.ones(3)


class Joints:
    """Measured positions, as a test sets them."""

    def __init__(self):
        self.names, self.arrived = NAMES, Condition()
        self.history = SimpleNamespace(newest=HOME)

    def check(self):
        """They are known."""

    def gap(self, q, tolerance_rad, patience_s):
        return np.abs(self.history.newest - q)


class Arm(RobotArm):
    """Its joints are where ``measured`` says while it reports that it follows."""

    def __init__(self, measured):
        self.joints, self._measured = Joints(), measured
        robot = SimpleNamespace(gripper=load_gripper())
        super().__init__(SimpleNamespace(), robot, self.joints, 0.1, 0.02)

    def grip(self, width_m, force_n):
        return width_m

    def _follow(self, trajectory):
        for share in np.linspace(0, 1, 20):
            at = np.array(
                [np.interp(share, (0, 1), ends) for ends in zip(HOME, GOAL, strict=True)]
            )
            self.joints.history.newest = self._measured(share, at)
            self._goals.check()


def path():
    return time_parameterise([HOME, GOAL], LIMIT, LIMIT, NAMES)


def test_joints_that_follow_the_path_are_believed():
    arm = Arm(lambda share, q: q)
    arm.move(path())
    np.testing.assert_array_equal(arm.joints.history.newest, GOAL)


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (lambda share, q: HOME, "shoulder is 0.500 rad away from the end of its path"),
        (lambda share, q: q + [0, 0, 0.05], "wrist is 0.050 rad away from the end of its path"),
        (
            lambda share, q: q + [0, float(share > 0.5), 0],
            "elbow is [0-9.]+ rad away from its path, at most 0.1 .*comes from this robot alone",
        ),
        (lambda share, q: q + 1.0, "rad away from its path"),
    ],
)
def test_joints_that_freeze_or_jump_are_a_fault(measured, words):
    with pytest.raises(MotionFault, match=words):
        Arm(measured).move(path())


def test_an_arm_that_is_elsewhere_does_not_start():
    arm = Arm(lambda share, q: q)
    arm.joints.history.newest = HOME + [0, 1.0, 0]
    with pytest.raises(MotionFault, match="elbow is 1.000 rad away from the start of its path"):
        arm.move(path())
