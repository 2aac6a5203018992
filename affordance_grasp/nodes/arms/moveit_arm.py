"""A real robot behind MoveIt 2, which plans the free paths and executes all trajectories.

The straight paths to the grasp and up from it are the package's own. MoveIt's plans are checked
against the package's limits, table and speeds before execution: a planning scene may lack the
table.
"""

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.control.motion.path import check_path
from affordance_grasp.control.motion.trajectory import resample, top_speed
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault, Unreachable
from affordance_grasp.nodes.arms.moveit_goals import (
    check_code,
    execution_goal,
    planned,
    planning_goal,
)
from affordance_grasp.nodes.arms.ros2_control_arm import START_TOLERANCE_RAD, Ros2ControlArm
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.parameters import MoveItParameters
from affordance_grasp.nodes.ros.action_client import ActionClient
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.nodes.ros.parameters import declare

PLANNING_MARGIN_S = 5.0
SPEED_TOLERANCE = 1.05
WANTED_BY = "robot 'moveit'"


class MoveItArm(Ros2ControlArm):
    """The arm over MoveIt, the gripper over its own controller."""

    def __init__(self, node: Node, robot: DescribedRobot, joints: JointMonitor) -> None:
        """Look for the servers; they are waited for when first used."""
        super().__init__(node, robot, joints)
        self._moveit = p = declare(node, MoveItParameters)
        self._described = robot
        self._width_m = robot.gripper.max_width_m
        self._messages = require("moveit_msgs.msg", WANTED_BY)
        self._kinds = kinds = require("moveit_msgs.action", WANTED_BY)
        group = ReentrantCallbackGroup()
        self._planner = ActionClient(node, kinds.MoveGroup, p.moveit_action, callback_group=group)
        self._executor = ActionClient(
            node, kinds.ExecuteTrajectory, p.moveit_execute_action, callback_group=group
        )

    def move(self, trajectory: JointTrajectory, any_path: bool = False) -> None:
        """Follow the trajectory, or another free path to its end that MoveIt finds."""
        if any_path and trajectory.duration_s > 0:
            trajectory = self._plan(trajectory)
        super().move(trajectory)

    def grip(self, width_m: float, force_n: float) -> float:
        """Move the fingertips to a distance [m]; return the distance that they reach."""
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
        """Validate a trajectory that MoveIt planned."""
        miss = np.abs(found.positions[-1] - wanted.positions[-1]).max()
        if miss > START_TOLERANCE_RAD:
            raise MotionFault(f"MoveIt's path ends {miss:.3f} rad away from its goal")
        robot = self._described.robot
        self._check_speed(found, robot)
        self._check_free(found, robot)

    def _check_speed(self, found: JointTrajectory, robot: RobotConfig) -> None:
        speed = top_speed(found) / (SPEED_TOLERANCE * robot.velocity)
        if speed.max() > 1:
            name = robot.arm.joint_names[int(speed.argmax())]
            raise MotionFault(
                f"MoveIt moves {name} at {speed.max():.2f} times what speed_scaling allows; "
                "narrow the velocity limits of its joint_limits.yaml"
            )

    def _check_free(self, found: JointTrajectory, robot: RobotConfig) -> None:
        """Check as densely as the package's own paths, given that the speed has been checked.

        With the fingers open, at their present width, and at their target: they reach farther
        down when they close, and close further when the object slips out.
        """
        step_s = robot.settings.path_step_rad / (SPEED_TOLERANCE * robot.velocity.max())
        q = np.vstack([found.positions, resample(found, step_s)[0]])
        sent_m = robot.gripper.clamp_width(self._last_grip[0])
        for width_m in sorted({robot.gripper.max_width_m, self._width_m, sent_m}):
            try:
                check_path(robot, q, width_m)
            except Unreachable as error:
                raise MotionFault(
                    f"MoveIt's path is not free: {error}; add the table to its planning scene"
                ) from error

    def _follow(self, trajectory: JointTrajectory, timeout_s: float) -> None:
        goal = execution_goal(self._kinds.ExecuteTrajectory, trajectory)
        answer = self._send(self._executor, goal, timeout_s, "the arm's motion")
        check_code(answer, "executing")
