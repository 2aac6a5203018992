"""The robot as :class:`control.motion.execution.Actuators`, behind action servers."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from affordance_grasp.control.motion.execution import Actuators
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.goals import ActionClient, Goals, absent_action


class RobotArm(Actuators):
    """What every kind of robot does alike; a subclass moves and grips.

    It sends goals to the action servers of its robot, waits with a limit, and cancels the current
    goal when it is stopped.
    """

    def __init__(self, node: Node, robot: DescribedRobot, joints: JointMonitor) -> None:
        """Stop as soon as the joint positions are not known any more."""
        self._node, self._goals = node, Goals(joints.check)
        self._last_grip = (robot.gripper.max_width_m, robot.gripper.min_force_n)

    def begin(self, cancelled: Callable[[], bool]) -> None:
        """Begin a task; stop moving as soon as ``cancelled`` returns True."""
        self._goals.begin(cancelled)

    def hold(self, duration_s: float) -> float:
        """Wait [s], then repeat the grip, which returns the width [m]."""
        self._goals.pause(duration_s)
        return self.grip(*self._last_grip)

    def stop(self) -> None:
        """Cancel the current goal; the robot's controller then holds the arm."""
        self._goals.stop()

    def _send(self, client: ActionClient, goal: Any, timeout_s: float, what: str) -> Any:
        try:
            return self._goals.run(client, goal, timeout_s, what)
        except NoAnswer as error:
            absent = absent_action(self._node, client)
            raise MotionFault("; ".join(filter(None, (str(error), absent)))) from error
        except Refused as error:
            raise MotionFault(str(error)) from error
