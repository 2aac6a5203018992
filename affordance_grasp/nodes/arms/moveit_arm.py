"""A real robot behind MoveIt 2: it searches the free ways and executes all of them.

The straight ways to the grasp and up from it are the package's own. What MoveIt plans is checked
against the package's limits, table and speeds before it is executed: a planning scene may lack the
table.
"""

from dataclasses import dataclass

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.control.motion.path import check_path
from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput, MotionFault, Unreachable
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.arms.moveit_goals import (
    check_code,
    execution_goal,
    planned,
    planning_goal,
)
from affordance_grasp.nodes.arms.ros2_control_arm import START_TOLERANCE_RAD, Ros2ControlArm
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.action_client import ActionClient
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.nodes.ros.parameters import declare, describe

PLANNING_MARGIN_S = 5.0
SPEED_TOLERANCE = 1.05
WANTED_BY = "robot 'moveit'"


@dataclass(frozen=True)
class MoveItParameters:
    """Parameters of the controller node for this kind of robot, beside those of the gripper."""

    moveit_group: str = describe("manipulator_i5", "MoveIt's planning group of the arm")
    moveit_action: str = describe("move_action", "action moveit_msgs/MoveGroup, to plan")
    moveit_execute_action: str = describe(
        "execute_trajectory", "action moveit_msgs/ExecuteTrajectory, to move"
    )
    planning_time_s: float = describe(5.0, "how long MoveIt may search for a way [s]")

    def __post_init__(self) -> None:
        """Refuse to search for no time at all."""
        if not self.planning_time_s > 0:
            raise InvalidInput("planning_time_s must be > 0")


class MoveItArm(Ros2ControlArm):
    """The arm over MoveIt, the gripper over its own controller."""

    def __init__(self, node: Node, robot: RobotConfig, joints: JointMonitor) -> None:
        """Look for the servers; they are waited for when first used."""
        super().__init__(node, robot, joints)
        self._moveit = p = declare(node, MoveItParameters)
        self._described = DescribedRobot(node, robot)
        self._width_m = robot.gripper.max_width_m
        self._messages = require("moveit_msgs.msg", WANTED_BY)
        self._kinds = kinds = require("moveit_msgs.action", WANTED_BY)
        group = ReentrantCallbackGroup()
        self._planner = ActionClient(node, kinds.MoveGroup, p.moveit_action, callback_group=group)
        self._executor = ActionClient(
            node, kinds.ExecuteTrajectory, p.moveit_execute_action, callback_group=group
        )

    def move(self, trajectory: JointTrajectory, any_path: bool = False) -> None:
        """Follow the trajectory, or another free way to its end that MoveIt finds."""
        if any_path and trajectory.duration_s > 0:
            trajectory = self._plan(trajectory)
        super().move(trajectory)

    def grip(self, width_m: float, force_n: float) -> float:
        """Bring the fingertips to a distance [m]; return where they stand [m]."""
        self._width_m = super().grip(width_m, force_n)
        return self._width_m

    def _plan(self, wanted: JointTrajectory) -> JointTrajectory:
        settings, robot = self._moveit, self._described.robot
        goal = planning_goal(
            self._messages,
            self._kinds.MoveGroup,
            wanted.positions[-1],
            robot=robot,
            group=settings.moveit_group,
            time_s=settings.planning_time_s,
        )
        timeout_s = settings.planning_time_s + PLANNING_MARGIN_S
        answer = self._send(self._planner, goal, timeout_s, "MoveIt's planning")
        found = planned(answer, robot.arm.joint_names)
        self._check(found, wanted)
        return found

    def _check(self, found: JointTrajectory, wanted: JointTrajectory) -> None:
        """Nothing that was planned elsewhere is taken on trust."""
        miss = np.abs(found.positions[-1] - wanted.positions[-1]).max()
        if miss > START_TOLERANCE_RAD:
            raise MotionFault(f"MoveIt's way ends {miss:.3f} rad away from where it should")
        robot = self._described.robot
        self._check_speed(found, robot)
        self._check_free(found, robot)

    def _check_speed(self, found: JointTrajectory, robot: RobotConfig) -> None:
        speed = _top_speed(found) / (SPEED_TOLERANCE * robot.velocity)
        if speed.max() > 1:
            name = robot.arm.joint_names[int(speed.argmax())]
            raise MotionFault(
                f"MoveIt's way moves {name} at {speed.max():.2f} times what speed_scaling allows; "
                "narrow the velocity limits of its joint_limits.yaml"
            )

    def _check_free(self, found: JointTrajectory, robot: RobotConfig) -> None:
        """As dense as the package's own ways, which holds once the speed has been checked.

        With the fingers open, where they stand, and where they were sent: they reach farther down
        when they close, and close on when what they hold slips out.
        """
        step_s = robot.settings.path_step_rad / (SPEED_TOLERANCE * robot.velocity.max())
        q = np.vstack([found.positions, resample(found, step_s)[0]])
        sent_m = robot.gripper.clamp_width(self._last_grip[0])
        for width_m in sorted({robot.gripper.max_width_m, self._width_m, sent_m}):
            try:
                check_path(robot, q, width_m)
            except Unreachable as error:
                raise MotionFault(
                    f"MoveIt's way is not free: {error}; add the table to its planning scene"
                ) from error

    def _follow(self, trajectory: JointTrajectory, timeout_s: float) -> None:
        goal = execution_goal(self._kinds.ExecuteTrajectory, trajectory)
        answer = self._send(self._executor, goal, timeout_s, "the arm's motion")
        check_code(answer, "executing")


def _top_speed(way: JointTrajectory) -> Floats:
    """Highest speed (J,) [rad/s] at the points and on the cubics between them, where it is exact.

    Along a cubic the velocity is a parabola: start + slope u + bend u^2, with u from 0 to 1.
    """
    start, end = way.velocities[:-1], way.velocities[1:]
    mean = np.diff(way.positions, axis=0) / np.diff(way.times_s)[:, None]
    slope, bend = 6 * mean - 4 * start - 2 * end, 3 * (start + end - 2 * mean)
    turn = np.divide(-slope, 2 * bend, out=np.zeros_like(bend), where=bend != 0).clip(0, 1)
    between = start + slope * turn + bend * turn**2
    return np.asarray(np.abs(np.vstack([way.velocities, between])).max(axis=0))
