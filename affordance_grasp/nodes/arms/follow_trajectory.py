"""``control_msgs/FollowJointTrajectory``: the goal for a trajectory, and its end as a sentence."""

from typing import Any

from action_msgs.msg import GoalStatus

from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.convert.trajectory_messages import duration, from_trajectory
from affordance_grasp.nodes.parameters import Ros2ControlParameters

FAULTS = {
    -1: "the robot's controller refused the trajectory as invalid",
    -2: "the robot's controller does not know these joints",
    -3: "the trajectory is in the past for the robot's controller; the clocks must agree",
    -4: "the arm deviated from its path and the robot's controller stopped it",
    -5: "the arm did not reach the end of its path in time",
}
"""Sentences for the error codes of the action's result."""


def trajectory_goal(
    action: Any, tolerance: Any, path: JointTrajectory, limits: Ros2ControlParameters
) -> Any:
    """The goal for one trajectory; joints are named, so the controller's order does not matter.

    Args:
        action: the class ``FollowJointTrajectory``.
        tolerance: the class ``JointTolerance``.
        path: what to follow, starting at once.
        limits: tolerances for every joint.
    """
    goal = action.Goal(trajectory=from_trajectory(path))
    for name in path.joint_names:
        goal.path_tolerance.append(tolerance(name=name, position=limits.path_tolerance_rad))
        goal.goal_tolerance.append(tolerance(name=name, position=limits.goal_tolerance_rad))
    goal.goal_time_tolerance = duration(limits.goal_time_s)
    return goal


def check_followed(answer: Any) -> None:
    """Raise :class:`MotionFault` with a sentence unless the trajectory was followed to its end."""
    code, words = int(answer.result.error_code), answer.result.error_string.strip()
    if answer.status == GoalStatus.STATUS_SUCCEEDED and code == 0:
        return
    if code:
        fault = FAULTS.get(code, f"the robot's controller failed with code {code}")
    elif answer.status == GoalStatus.STATUS_CANCELED:
        fault = "another client cancelled it"
    else:
        fault = "the robot's controller aborted it, such as for another goal or a protective stop"
    raise MotionFault(f"the arm's motion: {fault}" + (f" ({words})" if words else ""))
