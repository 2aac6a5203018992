"""The simulator's arm and gripper."""

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.action import FollowTrajectory, MoveGripper
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.convert.trajectory_messages import from_trajectory
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.action_client import ActionClient
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.goals import Goals

# A busy machine simulates more slowly than real time.
GRIPPER_TIMEOUT_S = 30.0
MOTION_MARGIN_S = 30.0
MOTION_MARGIN_FACTOR = 2.0


class SimulatedArm:
    """The simulator's arm and gripper over its own two actions."""

    def __init__(self, node: Node, robot: DescribedRobot, joints: JointMonitor) -> None:
        """Look for the servers; they are waited for when first used."""
        group = ReentrantCallbackGroup()
        self._goals = Goals(joints.check)
        self._arm = ActionClient(node, FollowTrajectory, "follow_trajectory", callback_group=group)
        self._gripper = ActionClient(node, MoveGripper, "move_gripper", callback_group=group)
        self._last_grip = MoveGripper.Goal()

    def begin(self, cancelled: Callable[[], bool]) -> None:
        """See :class:`nodes.arms.arm.RobotArm`."""
        self._goals.begin(cancelled)

    def move(self, trajectory: JointTrajectory, any_path: bool = False) -> None:
        """Follow the trajectory to its end."""
        goal = FollowTrajectory.Goal(trajectory=from_trajectory(trajectory))
        timeout_s = MOTION_MARGIN_FACTOR * trajectory.duration_s + MOTION_MARGIN_S
        self._send(self._arm, goal, timeout_s, "the arm's motion")

    def grip(self, width_m: float, force_n: float) -> float:
        """Move the fingertips to a distance [m]; return the distance that they reach."""
        self._last_grip = MoveGripper.Goal(width_m=width_m, force_n=force_n)
        return self._grip_again()

    def hold(self, duration_s: float) -> float:
        """Wait [s], then repeat the grip, which returns the width [m]."""
        self._goals.pause(duration_s)
        return self._grip_again()

    def stop(self) -> None:
        """Cancel the current goal; the simulator then holds the arm."""
        self._goals.stop()

    def _grip_again(self) -> float:
        result = self._send(
            self._gripper, self._last_grip, GRIPPER_TIMEOUT_S, "the gripper's motion"
        )
        return float(result.width_m)

    def _send(self, client: ActionClient, goal: Any, timeout_s: float, what: str) -> Any:
        try:
            return self._goals.send(client, goal, timeout_s, what)
        except (NoAnswer, Refused) as error:
            raise MotionFault(str(error)) from error
