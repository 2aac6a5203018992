"""The robot as :class:`control.motion.execution.Actuators`, one class for each kind of robot.

``ARMS`` names them; the controller's parameter ``robot`` chooses. Every class sends goals to the
action servers of its robot, waits with a limit, and cancels the current goal when it is stopped.
"""

from collections.abc import Callable
from typing import Protocol

from rclpy.node import Node

from affordance_grasp.control.motion.execution import Actuators
from affordance_grasp.nodes.arms.moveit_arm import MoveItArm
from affordance_grasp.nodes.arms.ros2_control_arm import Ros2ControlArm
from affordance_grasp.nodes.arms.simulated_arm import SimulatedArm
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor


class RobotArm(Actuators, Protocol):
    """What the controller needs of a robot: actuators that can be cancelled."""

    def begin(self, cancelled: Callable[[], bool]) -> None:
        """Begin a task; stop moving as soon as ``cancelled`` returns True."""


ARMS: dict[str, Callable[[Node, DescribedRobot, JointMonitor], RobotArm]] = {
    "simulation": SimulatedArm,
    "ros2_control": Ros2ControlArm,
    "moveit": MoveItArm,
}
