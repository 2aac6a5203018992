"""The configured robot within the limits that its driver publishes as ``robot_description``."""

from threading import Lock
from xml.etree import ElementTree

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from affordance_grasp.control.gripper import Gripper
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.control.robot_description import within_description
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.ros.calls import listen, publishers

TOPIC = "robot_description"
# With room for one message, that of a second publisher would take the place of the first unseen.
SEVERAL = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class DescribedRobot:
    """Takes the driver's URDF when it arrives; without one the package's own limits apply."""

    def __init__(self, node: Node, configured: RobotConfig) -> None:
        """Subscribe; robot_state_publisher and ros2_control publish it latched."""
        self._configured = self._robot = configured
        self._fault: InvalidInput | None = None
        self._lock = Lock()
        self._node, self._logger, self._text = node, node.get_logger(), ""
        listen(node, String, TOPIC, self._take, SEVERAL)

    @property
    def robot(self) -> RobotConfig:
        """The robot with the narrower limits; raises when the URDF describes another robot."""
        with self._lock:
            if self._fault is not None:
                raise self._fault
            return self._robot

    @property
    def gripper(self) -> Gripper:
        """The gripper, which no driver describes."""
        return self._configured.gripper

    def scale(self, speed_scaling: float) -> None:
        """Set the share of the joint speed limits."""
        with self._lock:
            self._configured = self._configured.at_speed(speed_scaling)
            self._robot = self._robot.at_speed(speed_scaling)

    def _take(self, message: String) -> None:
        try:
            robot, fault = within_description(self._configured, message.data), None
            self._refuse_contradiction(message.data)
        except InvalidInput as error:
            robot, fault = self._configured, error
            self._logger.error(str(error))
        with self._lock:
            self._robot, self._fault = robot, fault
        if fault is None:
            self._logger.info(f"joint limits are within those of {TOPIC}, of {self._publishers()}")

    def _refuse_contradiction(self, description: str) -> None:
        """Another description is a new one where its publisher is the only one."""
        before, self._text = self._text, ElementTree.canonicalize(description, strip_text=True)
        if before not in ("", self._text) and len(publishers(self._node, TOPIC)) > 1:
            raise InvalidInput(
                f"{TOPIC} is published by {self._publishers()}, which describe the robot "
                "differently; stop all but one, then start this node again"
            )

    def _publishers(self) -> str:
        return " and ".join(publishers(self._node, TOPIC)) or "a node that has gone"
