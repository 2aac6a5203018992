"""The gripper actions of control_msgs: ``ParallelGripperCommand`` and ``GripperCommand``.

Both take one position, which drivers understand as the angle of the knuckle joint or as the
distance of the fingertips, and an effort that 2F-85 drivers understand as newtons. A gripper that
stalls on an object has done what it should, whatever its driver calls that.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from action_msgs.msg import GoalStatus
from sensor_msgs.msg import JointState

from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.errors import MotionFault, UnknownName

COMMANDS = ("ParallelGripperCommand", "GripperCommand")
POSITIONS = ("joint", "width")


@dataclass(frozen=True)
class GripperCommandAdapter:
    """How a driver wants to be told and tells: which action, and what its position means."""

    command: str
    position: str
    profile: GripperProfile

    def __post_init__(self) -> None:
        """Refuse what no driver speaks."""
        if self.command not in COMMANDS:
            raise UnknownName("gripper_command", self.command, COMMANDS)
        if self.position not in POSITIONS:
            raise UnknownName("gripper_position", self.position, POSITIONS)

    def goal(self, action: Any, width_m: float, force_n: float) -> Any:
        """The goal that brings the fingertips to a distance [m] with a force [N].

        ``action`` is the class that ``command`` names.
        """
        position = self.position_from_width(width_m)
        goal = action.Goal()
        if self.command == "GripperCommand":
            goal.command.position, goal.command.max_effort = position, force_n
        else:
            name = [self.profile.knuckle_joint]
            goal.command = JointState(name=name, position=[position], effort=[force_n])
        return goal

    def width_m(self, answer: Any) -> float | None:
        """Distance of the fingertips [m] that an answer tells; None when it tells none.

        Raises :class:`MotionFault` when the gripper neither arrived nor stalled on something.
        """
        result = answer.result
        done = result.reached_goal or result.stalled
        if not done and answer.status != GoalStatus.STATUS_SUCCEEDED:
            raise MotionFault(
                "the gripper's motion: its controller gave it up; see that the gripper is "
                "activated and powered"
            )
        told = result.position if self.command == "GripperCommand" else _first(result.state)
        return self.width_from_position(float(told)) if isfinite(told) else None

    def position_from_width(self, width_m: float) -> float:
        """What the driver calls a distance of the fingertips [m]: that, or an angle [rad]."""
        width_m = self.profile.clamp_width(width_m)
        return width_m if self.position == "width" else self.profile.joint_from_width(width_m)

    def width_from_position(self, position: float) -> float:
        """The inverse; what lies a little beyond the stroke is the end of the stroke."""
        if self.position == "width":
            return self.profile.clamp_width(position)
        return self.width_from_knuckle(position)

    def width_from_knuckle(self, knuckle_rad: float) -> float:
        """Distance of the fingertips [m] at an angle as ``joint_states`` tells it [rad]."""
        angle = min(max(knuckle_rad, 0.0), self.profile.max_knuckle_rad)
        return self.profile.width_from_joint(angle)


def _first(state: JointState) -> float:
    return float(state.position[0]) if len(state.position) else float("nan")
