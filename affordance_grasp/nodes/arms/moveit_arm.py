"""A real robot behind MoveIt 2, which plans the free paths and executes all trajectories.

The straight paths to the grasp and up from it are the package's own. MoveIt's plans are checked
against the package's limits, table and speeds before execution: a planning scene may lack the
table.
"""

from typing import Any

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.control.motion.obstruction import Passage
from affordance_grasp.control.motion.path import check_path
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.control.motion.trajectory import resample, top_speed
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault, Unreachable
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.arms.arm import START_TOLERANCE_RAD, THE_ARM
from affordance_grasp.nodes.arms.ros2_control_arm import Ros2ControlArm
from affordance_grasp.nodes.convert.conversions import from_trajectory, to_trajectory
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.parameters import MoveItParameters
from affordance_grasp.nodes.ros.goals import ActionClient
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.nodes.ros.parameters import declare

PLANNING_MARGIN_S = 5.0
SPEED_TOLERANCE = 1.05
WANTED_BY = "robot 'moveit'"
SUCCESS = 1
FAULTS = {
    -1: "no path was found",
    -2: "the path that was found is not valid",
    -3: "the environment changed and the path is blocked",
    -4: "the robot's controllers failed",
    -6: "it exceeded its time limit",
    -7: "it was cancelled",
    -10: "the arm's present configuration collides in the planning scene",
    -12: "the goal configuration collides in the planning scene",
    -15: "there is no such planning group; set moveit_group",
    -23: "joint_states is too old for it",
    -26: "the arm's present configuration is beyond its limits",
    -27: "the goal configuration is not valid",
}
"""Sentences for values of ``moveit_msgs/MoveItErrorCodes``."""


class MoveItArm(Ros2ControlArm):
    """The arm over MoveIt, the gripper over its own controller."""

    def __init__(
        self, node: Node, robot: DescribedRobot, joints: JointMonitor, heartbeats: Heartbeats
    ) -> None:
        """Look for the servers; they are waited for when first used."""
        super().__init__(node, robot, joints, heartbeats)
        self._pick: PickPlan | None = None
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

    def expect(self, plan: PickPlan) -> None:
        """MoveIt does not know what stands around: its paths are checked against it."""
        self._pick = plan

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
        goal = self._planning_goal(wanted.positions[-1])
        timeout_s = self._moveit.planning_time_s + PLANNING_MARGIN_S
        answer = self._send(self._planner, goal, timeout_s, "MoveIt's planning")
        found = planned(answer, wanted.joint_names)
        self._check(found, wanted)
        return found

    def _planning_goal(self, q: Floats) -> Any:
        """Plan, and do not execute, from where the arm is to ``q`` (J,) [rad]."""
        robot, goal = self._described.robot, self._kinds.MoveGroup.Goal()
        request, settings = goal.request, robot.settings
        request.group_name = self._moveit.moveit_group
        request.allowed_planning_time = self._moveit.planning_time_s
        request.num_planning_attempts = 1
        request.start_state.is_diff = True
        request.max_velocity_scaling_factor = settings.speed_scaling
        scaling = settings.acceleration_scaling or settings.speed_scaling
        request.max_acceleration_scaling_factor = scaling
        reached = self._messages.Constraints()
        for name, angle in zip(robot.arm.joint_names, q, strict=True):
            constraint = self._messages.JointConstraint(joint_name=name, position=float(angle))
            constraint.tolerance_above = constraint.tolerance_below = 1e-3
            constraint.weight = 1.0
            reached.joint_constraints.append(constraint)
        request.goal_constraints.append(reached)
        goal.planning_options.plan_only = True
        goal.planning_options.planning_scene_diff.is_diff = True
        goal.planning_options.planning_scene_diff.robot_state.is_diff = True
        return goal

    def _check(self, found: JointTrajectory, wanted: JointTrajectory) -> None:
        """Validate a trajectory that MoveIt planned."""
        miss = np.abs(found.positions[-1] - wanted.positions[-1]).max()
        if miss > START_TOLERANCE_RAD:
            raise MotionFault(f"MoveIt's path ends {miss:.3f} rad away from its goal")
        robot = self._described.robot
        self._check_speed(found, robot)
        self._check_free(found, robot, wanted)

    def _check_speed(self, found: JointTrajectory, robot: RobotConfig) -> None:
        speed = top_speed(found) / (SPEED_TOLERANCE * robot.velocity)
        if speed.max() > 1:
            name = robot.arm.joint_names[int(speed.argmax())]
            raise MotionFault(
                f"MoveIt moves {name} at {speed.max():.2f} times what speed_scaling allows; "
                "narrow the velocity limits of its joint_limits.yaml"
            )

    def _check_free(
        self, found: JointTrajectory, robot: RobotConfig, wanted: JointTrajectory
    ) -> None:
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
                passage = self._passage(wanted, width_m)
                if passage is not None:
                    passage.check(q, "planned path")
            except Unreachable as error:
                raise MotionFault(
                    f"MoveIt's path is not free: {error}; add what is there to its planning scene"
                ) from error

    def _passage(self, wanted: JointTrajectory, width_m: float) -> Passage | None:
        """What must keep away from what on a free path, with the fingers ``width_m`` apart."""
        pick = self._pick
        if pick is None or pick.around is None:
            return None
        if wanted is pick.retreat:
            return pick.around.carrying(pick.T_base_tcp, pick.grasp_width_m, width_m)
        return pick.around.coming(width_m)

    def _follow(self, trajectory: JointTrajectory) -> None:
        goal = self._kinds.ExecuteTrajectory.Goal()
        goal.trajectory.joint_trajectory = from_trajectory(trajectory)
        answer = self._send(self._executor, goal, self._timeout_s(trajectory), THE_ARM)
        check_code(answer, "executing")


def planned(answer: Any, joint_names: tuple[str, ...]) -> JointTrajectory:
    """The trajectory of a planning answer, with the joints in our order."""
    check_code(answer, "planning")
    found = to_trajectory(answer.result.planned_trajectory.joint_trajectory)
    if sorted(found.joint_names) != sorted(joint_names):
        raise MotionFault(
            f"MoveIt planned for {', '.join(found.joint_names)} and not for the joints of the "
            "arm; see that moveit_group is the arm's"
        )
    order = np.array([found.joint_names.index(name) for name in joint_names])
    return JointTrajectory(
        joint_names, found.times_s, found.positions[:, order], found.velocities[:, order]
    )


def check_code(answer: Any, doing: str) -> None:
    """Raise :class:`MotionFault` with a sentence unless MoveIt succeeded."""
    code = int(answer.result.error_code.val)
    if code != SUCCESS:
        fault = FAULTS.get(code, f"it failed with code {code}")
        raise MotionFault(f"MoveIt, {doing} the arm's motion: {fault}")
