"""The robot as :class:`control.motion.execution.Actuators`, behind action servers."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node

from affordance_grasp.control.motion.execution import Actuators
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.goals import ActionClient, Goals, absent_action

START_TOLERANCE_RAD = 0.05
PATH_SAMPLES = 100
SETTLE_S = 0.5
END_TIMEOUT_S = 1.0
THE_ARM = "the arm's motion"
HELD_BACK = "see whether the robot's own protective stop or speed slider holds it back"
MISPLACED = "see that joint_states comes from this robot alone, and what else moves it"


class RobotArm(Actuators):
    """What every kind of robot does alike; a subclass follows and grips.

    It sends goals to the action servers of its robot, waits with a limit, and cancels the current
    goal when it is stopped, or when ``joint_states`` leaves the planned path.
    """

    def __init__(
        self,
        node: Node,
        robot: DescribedRobot,
        joints: JointMonitor,
        path_tolerance_rad: float,
        goal_tolerance_rad: float,
    ) -> None:
        """Tolerances of each joint [rad] on the path and at its end."""
        self._node, self._joints = node, joints
        self._path_tolerance_rad = path_tolerance_rad
        self._goal_tolerance_rad = goal_tolerance_rad
        self._path: Floats | None = None
        self._goals = Goals(self._guard, end_timeout_s=END_TIMEOUT_S)
        self._last_grip = (robot.gripper.max_width_m, robot.gripper.min_force_n)

    def begin(self, unwanted: Callable[[], str]) -> None:
        """Begin a task; stop moving as soon as ``unwanted`` tells why."""
        self._goals.begin(unwanted)

    def end(self) -> None:
        """The task is over: another client may have the robot."""
        self._goals.end()

    def expect(self, plan: PickPlan) -> None:
        """The pick that follows; its paths are checked already."""

    def move(self, trajectory: JointTrajectory, any_path: bool = False) -> None:
        """Follow the trajectory to its end; its start, path and end are verified by measurement.

        A controller without tolerances always reports success.
        """
        self._check_at(trajectory.positions[0], START_TOLERANCE_RAD, "the start of its path")
        if trajectory.duration_s > 0:
            self._path = resample(trajectory, trajectory.duration_s / PATH_SAMPLES)[0]
            try:
                self._follow(trajectory)
            finally:
                self._path = None
        self._check_at(trajectory.positions[-1], self._goal_tolerance_rad, "the end of its path")

    def hold(self, duration_s: float) -> float:
        """Wait [s], then repeat the grip, which returns the width [m]."""
        self._goals.pause(duration_s)
        return self.grip(*self._last_grip)

    def stop(self) -> None:
        """Cancel the current goal; the robot's controller then holds the arm."""
        self._goals.stop()

    @abstractmethod
    def _follow(self, trajectory: JointTrajectory) -> None:
        """Return when the robot's controller reports the end; raise its fault."""

    def _guard(self) -> None:
        """Raise ``MotionFault`` when the joints are not known, or are off the path."""
        self._joints.check()
        if self._path is None:
            return
        with self._joints.arrived:
            gaps = np.abs(self._path - self._joints.history.newest)
        nearest = gaps[gaps.max(axis=1).argmin()]
        if nearest.max() > self._path_tolerance_rad:
            raise MotionFault(
                self._deviation(nearest, self._path_tolerance_rad, "its path", MISPLACED)
            )

    def _check_at(self, q: Floats, tolerance_rad: float, where: str) -> None:
        """Verify the joint positions."""
        gap = self._joints.gap(q, tolerance_rad, SETTLE_S)
        if gap.max() > tolerance_rad:
            raise MotionFault(
                f"{THE_ARM}: {self._deviation(gap, tolerance_rad, where, HELD_BACK)}"
            )

    def _deviation(self, gap: Floats, tolerance_rad: float, where: str, advice: str) -> str:
        worst = int(gap.argmax())
        return (
            f"{self._joints.names[worst]} is {gap[worst]:.3f} rad away from {where}, at most "
            f"{tolerance_rad:g} is allowed; {advice}"
        )

    def _send(self, client: ActionClient, goal: Any, timeout_s: float, what: str) -> Any:
        try:
            return self._goals.run(client, goal, timeout_s, what)
        except NoAnswer as error:
            absent = absent_action(self._node, client)
            raise MotionFault("; ".join(filter(None, (str(error), absent)))) from error
        except Refused as error:
            raise MotionFault(str(error)) from error
