"""Goals for MoveIt 2 (moveit_msgs), and the meaning of its error codes."""

from types import ModuleType
from typing import Any

import numpy as np

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert.trajectory_messages import from_trajectory, to_trajectory

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


def planning_goal(
    messages: ModuleType, action: Any, q: Floats, *, robot: RobotConfig, group: str, time_s: float
) -> Any:
    """A ``MoveGroup`` goal: plan, and do not execute, from where the arm is to ``q`` (J,) [rad].

    Args:
        messages: ``moveit_msgs.msg``.
        action: the class ``MoveGroup``.
        q: goal configuration.
        robot: gives joint names and the scaling of speed and acceleration.
        group: planning group, such as manipulator_i5.
        time_s: planning time.
    """
    goal = action.Goal()
    request, settings = goal.request, robot.settings
    request.group_name = group
    request.allowed_planning_time = time_s
    request.num_planning_attempts = 1
    request.start_state.is_diff = True
    request.max_velocity_scaling_factor = settings.speed_scaling
    scaling = settings.acceleration_scaling or settings.speed_scaling
    request.max_acceleration_scaling_factor = scaling
    reached = messages.Constraints()
    for name, angle in zip(robot.arm.joint_names, q, strict=True):
        constraint = messages.JointConstraint(joint_name=name, position=float(angle), weight=1.0)
        constraint.tolerance_above = constraint.tolerance_below = 1e-3
        reached.joint_constraints.append(constraint)
    request.goal_constraints.append(reached)
    goal.planning_options.plan_only = True
    goal.planning_options.planning_scene_diff.is_diff = True
    goal.planning_options.planning_scene_diff.robot_state.is_diff = True
    return goal


def execution_goal(action: Any, trajectory: JointTrajectory) -> Any:
    """An ``ExecuteTrajectory`` goal for one trajectory."""
    goal = action.Goal()
    goal.trajectory.joint_trajectory = from_trajectory(trajectory)
    return goal


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
