"""The gripper actions of control_msgs: ``ParallelGripperCommand`` and ``GripperCommand``.

Both take one position, which drivers interpret as the angle of the knuckle joint or as the
distance of the fingertips, and an effort that 2F-85 drivers interpret as newtons. A gripper that
stalls on an object has succeeded, whatever status its driver returns.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from action_msgs.msg import GoalStatus
from sensor_msgs.msg import JointState

from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.errors import MotionFault


@dataclass(frozen=True)
class GripperCommandAdapter:
    """Adapter to a gripper driver: its action type and the meaning of its position."""

    command: str
    position: str
    profile: GripperProfile

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
        """Distance of the fingertips [m] in an answer; None when it has none.

        Raises :class:`MotionFault` when the gripper neither arrived nor stalled on something.
        """
        result = answer.result
        done = result.reached_goal or result.stalled
        if not done and answer.status != GoalStatus.STATUS_SUCCEEDED:
            raise MotionFault(
                "the gripper's motion: its controller aborted it; see that the gripper is "
                "activated and powered"
            )
        position = result.position if self.command == "GripperCommand" else _first(result.state)
        return self.width_from_position(float(position)) if isfinite(position) else None

    def position_from_width(self, width_m: float) -> float:
        """The driver's position for a width [m]: the width itself or the knuckle angle [rad]."""
        width_m = self.profile.clamp_width(width_m)
        return width_m if self.position == "width" else self.profile.joint_from_width(width_m)

    def width_from_position(self, position: float) -> float:
        """The inverse, clamped to the stroke."""
        if self.position == "width":
            return self.profile.clamp_width(position)
        return self.width_from_knuckle(position)

    def width_from_knuckle(self, knuckle_rad: float) -> float:
        """Distance of the fingertips [m] at a knuckle angle of ``joint_states`` [rad]."""
        angle = min(max(knuckle_rad, 0.0), self.profile.max_knuckle_rad)
        return self.profile.width_from_joint(angle)


def _first(state: JointState) -> float:
    return float(state.position[0]) if len(state.position) else float("nan")
