"""Publishes the hand-eye calibration, the wrist camera's pose on the flange, on ``/tf_static``.

A frame has one parent. Where the camera's driver publishes ``camera_link`` -> ... -> optical
frame, as the vendor's does, ``child_frame`` is ``camera_link``, and the calibration, which is for
the optical frame, is converted with the driver's own transforms.
"""

from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node

from affordance_grasp.control.camera_mounting import D435_LINK_OPTICAL, load_hand_eye
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert.conversions import from_transform
from affordance_grasp.nodes.parameters import HandEyeParameters
from affordance_grasp.nodes.ros.calls import TF_STATIC, TF_STATIC_QOS
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.share import find_file
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import TransformTree


class HandEyeNode(Node):
    """Publishes one static transform, or two with ``flange_frame``."""

    def __init__(self) -> None:
        """Read the calibration; publish at once where nothing has to be waited for."""
        super().__init__("hand_eye")
        self._settings = p = declare(self, HandEyeParameters)
        tf2_msgs = require("tf2_msgs.msg", "node hand_eye")
        self._message = tf2_msgs.TFMessage
        other = find_file(p.hand_eye_file) if p.hand_eye_file else None
        self._hand_eye = load_hand_eye(other) if other else load_robot(p.robot_file).hand_eye
        self._publisher = self.create_publisher(self._message, TF_STATIC, TF_STATIC_QOS)
        self._tree, self._published = TransformTree(), False
        if p.child_frame in ("", self._hand_eye.camera_frame):
            self._publish(self._hand_eye.T_tool0_cam, self._hand_eye.camera_frame)
            return
        self.create_subscription(self._message, TF_STATIC, self._take, TF_STATIC_QOS)
        self._patience = self.create_timer(p.extrinsics_timeout_s, self._give_up)

    def _take(self, message: Any) -> None:
        if self._published:
            return
        optical, link = self._hand_eye.camera_frame, self._settings.child_frame
        try:
            self._tree.take(message, static=True)
            self._publish_link(self._tree.lookup(link, optical, 0))
        except NotKnown:
            return  # the driver has not published all transforms yet
        except InvalidInput as error:
            self.get_logger().warning(str(error))

    def _give_up(self) -> None:
        self._patience.cancel()
        if not self._published:
            self.get_logger().warning(
                f"no transform from {self._settings.child_frame} to {self._hand_eye.camera_frame} "
                f"within {self._settings.extrinsics_timeout_s:g} s; a D435's nominal one is used, "
                "which may be off by a millimetre"
            )
            self._publish_link(D435_LINK_OPTICAL)

    def _publish_link(self, T_link_optical: Floats) -> None:
        child = self._settings.child_frame
        self._publish(self._hand_eye.in_camera_frame(child, T_link_optical).T_tool0_cam, child)

    def _publish(self, T_tool0_child: Floats, child: str) -> None:
        self._published = True
        effector, flange = self._hand_eye.effector_frame, self._settings.flange_frame
        message = partial(from_transform, stamp=self.get_clock().now().to_msg())
        transforms: list[TransformStamped] = [message(T_tool0_child, effector, child)]
        if flange and flange != effector:
            transforms.append(message(np.eye(4), flange, effector))
        self._publisher.publish(self._message(transforms=transforms))
        x, y, z = T_tool0_child[:3, 3]
        self.get_logger().info(f"{effector} -> {child} at ({x:.4f}, {y:.4f}, {z:.4f}) m")


def main() -> None:
    """Run the node."""
    run(HandEyeNode, threads=2)


if __name__ == "__main__":
    main()
