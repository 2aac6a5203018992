"""The camera's pose at the stamp of an image, once the data has arrived.

``CAMERA_POSES`` names the sources; the selector's parameter ``camera_pose`` chooses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Condition
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.inputs.joints import COMPLAINT_PERIOD_S, JointMonitor, once_known
from affordance_grasp.nodes.ros.calls import TF_STATIC, TF_STATIC_QOS, listen
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.streams.camera_pose import CameraPose, HandEyePose, TfPose
from affordance_grasp.streams.messages import to_header
from affordance_grasp.streams.transforms import TransformTree


class TransformListener:
    """Feeds a transform tree from ``/tf`` and ``/tf_static``."""

    def __init__(self, node: Node) -> None:
        """Subscribe as TF's own listener does."""
        self.tree, self.arrived, self._logger = TransformTree(), Condition(), node.get_logger()
        kind = require("tf2_msgs.msg", "camera_pose 'tf'").TFMessage
        moving = ("/tf", False, QoSProfile(depth=100))
        for topic, static, qos in (moving, (TF_STATIC, True, TF_STATIC_QOS)):
            listen(node, kind, topic, partial(self._take, static=static), qos)

    def _take(self, message: Any, static: bool) -> None:
        with self.arrived:
            try:
                self.tree.take(message, static)
            except InvalidInput as error:
                self._logger.warning(str(error), throttle_duration_sec=COMPLAINT_PERIOD_S)
            self.arrived.notify_all()


@dataclass(frozen=True)
class AwaitedPose:
    """Waits for the data of a camera pose, of which ``arrived`` is notified, up to a limit.

    ``why``: what is wrong with that data; empty where nothing is known to be.
    """

    pose: CameraPose
    arrived: Condition
    timeout_s: float
    why: Callable[[], str] = str

    def at(self, header: Header) -> Floats:
        """``T_base_cam`` (4, 4) of the optical frame of an image, at the image's stamp."""
        image = to_header(header)
        return once_known(
            self.arrived,
            lambda: self.pose.knows(image),
            lambda: self.pose.at(image),
            self.timeout_s,
            self.why,
        )


def _by_hand_eye(
    node: Node, robot: RobotConfig, joints: JointMonitor, timeout_s: float
) -> AwaitedPose:
    pose = HandEyePose(robot, joints.history)
    return AwaitedPose(pose, joints.arrived, timeout_s, joints.complaint)


def _by_tf(node: Node, robot: RobotConfig, joints: JointMonitor, timeout_s: float) -> AwaitedPose:
    tf = TransformListener(node)
    return AwaitedPose(TfPose(robot.settings.base_frame, tf.tree), tf.arrived, timeout_s)


CAMERA_POSES: dict[str, Callable[[Node, RobotConfig, JointMonitor, float], AwaitedPose]] = {
    "hand_eye": _by_hand_eye,
    "tf": _by_tf,
}
