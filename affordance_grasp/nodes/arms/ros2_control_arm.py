"""A real robot behind ros2_control: a trajectory controller for the arm, one for the gripper."""

from dataclasses import dataclass
from math import isfinite
from time import monotonic
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState

from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.arms.arm import THE_ARM, RobotArm
from affordance_grasp.nodes.convert.conversions import duration, from_trajectory
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.parameters import Ros2ControlParameters
from affordance_grasp.nodes.ros.goals import ActionClient
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.nodes.ros.parameters import declare

GRIPPER_TIMEOUT_S = 10.0
MOTION_MARGIN_S = 5.0
FINGERS_REST_S = 0.3
FINGERS_PATIENCE_S = 5.0
WANTED_BY = "robot 'ros2_control'"
FAULTS = {
    -1: "the robot's controller refused the trajectory as invalid",
    -2: "the robot's controller does not know these joints",
    -3: "the trajectory is in the past for the robot's controller; the clocks must agree",
    -4: "the arm deviated from its path and the robot's controller stopped it",
    -5: "the arm did not reach the end of its path in time",
}
"""Sentences for the error codes of ``control_msgs/FollowJointTrajectory``."""
ADVICE = "see that the gripper is activated and powered"
FRANKA_ADVICE = (
    "see that the hand is homed, and that default_grasp_epsilon.outer of franka_gripper is the "
    "stroke, 0.08: it takes an object that is wider than the target by more than that for none"
)


@dataclass(frozen=True)
class GripperCommandAdapter:
    """Adapter to a gripper driver: its action type and the meaning of its position.

    ``ParallelGripperCommand`` and ``GripperCommand`` take one position, which drivers interpret
    as that of the gripper's joint or as the distance of the fingertips, and an effort, in newtons.
    ``franka_gripper`` is asked for half of the distance and answers all of it. A gripper that
    stalls on an object has succeeded, whatever status its driver returns. Drivers scale an angle
    so that it is ``closed_rad`` where the empty fingers meet; the gripper's is ``closed_joint``
    there. A sliding joint is at 0 there, which leaves nothing to scale.
    """

    command: str
    position: str
    closed_rad: float
    gripper: Gripper

    def goal(self, action: Any, width_m: float, force_n: float) -> Any:
        """The goal that brings the fingertips to a distance [m] with a force [N].

        ``action`` is the class that ``command`` names.
        """
        position = self.position_from_width(width_m)
        goal = action.Goal()
        if self.command == "GripperCommand":
            goal.command.position, goal.command.max_effort = position, force_n
        else:
            name = [self.gripper.joint_name]
            goal.command = JointState(name=name, position=[position], effort=[force_n])
        return goal

    def width_m(self, answer: Any) -> float | None:
        """Distance of the fingertips [m] in an answer; None when it has none.

        Raises :class:`MotionFault` when the gripper neither arrived nor stalled on something.
        """
        result = answer.result
        done = result.reached_goal or result.stalled
        if not done and answer.status != GoalStatus.STATUS_SUCCEEDED:
            advice = FRANKA_ADVICE if self.position == "half_width" else ADVICE
            raise MotionFault(f"the gripper's motion: its controller aborted it; {advice}")
        single = self.command == "GripperCommand"
        positions = [result.position] if single else result.state.position[:1]
        known = [float(position) for position in positions if isfinite(position)]
        return self.width_from_position(known[0]) if known else None

    def position_from_width(self, width_m: float) -> float:
        """The driver's position for a width [m]: the width, half of it, or the joint's."""
        width_m = self.gripper.clamp_width(width_m)
        if self.position == "joint":
            return self.gripper.joint_from_width(width_m) / self._scale
        return width_m / 2 if self.position == "half_width" else width_m

    def width_from_position(self, position: float) -> float:
        """The inverse, clamped to the stroke."""
        if self.position == "joint":
            return self.width_from_joint(position)
        return self.gripper.clamp_width(position)

    def width_from_joint(self, joint: float) -> float:
        """Distance of the fingertips [m] at a position of ``joint_states`` [rad or m]."""
        return self.gripper.width_from_joint(joint * self._scale)

    @property
    def _scale(self) -> float:
        """Of the gripper's angle to the driver's."""
        closed = self.gripper.closed_joint
        return closed / min(self.closed_rad, closed) if closed else 1.0


class Ros2ControlArm(RobotArm):
    """Arm and gripper over the actions of control_msgs."""

    def __init__(
        self, node: Node, robot: DescribedRobot, joints: JointMonitor, heartbeats: Heartbeats
    ) -> None:
        """Look for the servers; they are waited for when first used."""
        self._settings = p = declare(node, Ros2ControlParameters)
        super().__init__(node, robot, joints, p.path_tolerance_rad, 2 * p.goal_tolerance_rad)
        self._adapter = GripperCommandAdapter(
            p.gripper_command, p.gripper_position, p.closed_position, robot.gripper
        )
        self._actions = actions = require("control_msgs.action", WANTED_BY)
        self._tolerance = require("control_msgs.msg", WANTED_BY).JointTolerance
        self._fingers = JointMonitor(node, (robot.gripper.joint_name,))
        group = ReentrantCallbackGroup()
        self._grips = getattr(actions, p.gripper_command)
        self._arm = ActionClient(
            node, actions.FollowJointTrajectory, p.arm_action, callback_group=group
        )
        self._gripper = ActionClient(node, self._grips, p.gripper_action, callback_group=group)

    def grip(self, width_m: float, force_n: float) -> float:
        """Move the fingertips to a distance [m]; return the distance that they reach."""
        self._last_grip = width_m, force_n
        goal = self._adapter.goal(self._grips, width_m, force_n)
        answer = self._send(self._gripper, goal, GRIPPER_TIMEOUT_S, "the gripper's motion")
        reported_m = self._adapter.width_m(answer)
        return self._resting_width_m(reported_m)

    def _follow(self, trajectory: JointTrajectory) -> None:
        """Joints are named, so the order of the robot's controller does not matter."""
        limits = self._settings
        goal = self._actions.FollowJointTrajectory.Goal(trajectory=from_trajectory(trajectory))
        for name in trajectory.joint_names:
            along = self._tolerance(name=name, position=limits.path_tolerance_rad)
            at_end = self._tolerance(name=name, position=limits.goal_tolerance_rad)
            goal.path_tolerance.append(along)
            goal.goal_tolerance.append(at_end)
        goal.goal_time_tolerance = duration(limits.goal_time_s)
        check_followed(self._send(self._arm, goal, self._timeout_s(trajectory), THE_ARM))

    def _timeout_s(self, trajectory: JointTrajectory) -> float:
        return trajectory.duration_s + self._settings.goal_time_s + MOTION_MARGIN_S

    def _resting_width_m(self, reported_m: float | None) -> float:
        """Width [m] at which the fingers come to rest, from ``joint_states`` where it has them.

        Drivers that wait 50 ms for a stall may answer before the fingers have begun to move.
        """
        end = monotonic() + FINGERS_PATIENCE_S
        if self._fingers.history.received:
            while not self._fingers.rest(FINGERS_REST_S, 2 * FINGERS_REST_S):
                self._goals.check()
                if monotonic() > end:
                    raise MotionFault("the gripper's motion: its fingers do not come to rest")
            return self._adapter.width_from_joint(float(self._fingers.now()[0]))
        if reported_m is None:
            raise MotionFault(
                "the gripper's motion: its controller reports no position and joint_states has no "
                f"{self._fingers.names[0]}, so it is not known whether an object is held"
            )
        return reported_m


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
    raise MotionFault(f"{THE_ARM}: {fault}" + (f" ({words})" if words else ""))
