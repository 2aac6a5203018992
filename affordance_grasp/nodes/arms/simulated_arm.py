"""The simulator's arm and gripper."""

from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.action import FollowTrajectory, MoveGripper
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.arms.arm import THE_ARM, RobotArm
from affordance_grasp.nodes.convert.conversions import from_trajectory
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.goals import ActionClient
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import Lease

# What the simulator's driver serves; here, as a controller works where no simulator is installed.
ROBOT, FOLLOW, GRIP = "robot", "follow_trajectory", "move_gripper"
# A busy machine simulates more slowly than real time.
GRIPPER_TIMEOUT_S = 30.0
MOTION_MARGIN_S = 30.0
MOTION_MARGIN_FACTOR = 2.0
PATH_TOLERANCE_RAD, GOAL_TOLERANCE_RAD = 0.1, 0.02


class SimulatedArm(RobotArm):
    """The simulator's arm and gripper over its own two actions."""

    def __init__(
        self, node: Node, robot: DescribedRobot, joints: JointMonitor, heartbeats: Heartbeats
    ) -> None:
        """Look for the servers; they are waited for when first used."""
        super().__init__(node, robot, joints, PATH_TOLERANCE_RAD, GOAL_TOLERANCE_RAD)
        lease, group = Lease(heartbeats, ROBOT), ReentrantCallbackGroup()
        self._arm, self._gripper = (
            ActionClient(node, kind, name, lease, callback_group=group)
            for kind, name in ((FollowTrajectory, FOLLOW), (MoveGripper, GRIP))
        )

    def grip(self, width_m: float, force_n: float) -> float:
        """Move the fingertips to a distance [m]; return the distance that they reach."""
        self._last_grip = width_m, force_n
        goal = MoveGripper.Goal(width_m=width_m, force_n=force_n)
        result = self._succeed(self._gripper, goal, GRIPPER_TIMEOUT_S, "the gripper's motion")
        return float(result.width_m)

    def _follow(self, trajectory: JointTrajectory) -> None:
        goal = FollowTrajectory.Goal(trajectory=from_trajectory(trajectory))
        timeout_s = MOTION_MARGIN_FACTOR * trajectory.duration_s + MOTION_MARGIN_S
        self._succeed(self._arm, goal, timeout_s, THE_ARM)

    def _succeed(self, client: ActionClient, goal: Any, timeout_s: float, what: str) -> Any:
        result = self._send(client, goal, timeout_s, what).result
        if not result.success:
            raise MotionFault(result.message)
        return result
