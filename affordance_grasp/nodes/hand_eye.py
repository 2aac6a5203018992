"""Publishes the hand-eye calibration, the wrist camera's pose on the flange, on ``/tf_static``.

A frame has one parent. Where the camera's driver publishes ``camera_link`` -> ... -> optical
frame, as the vendor's does, ``child_frame`` is ``camera_link``, and the calibration, which is for
the optical frame, is converted with the driver's own transforms.

A driver's URDF may end at the arm's last link, as the vendor's of the Aubo does at
``wrist3_Link``. Then ``tool0`` is published on that link too, or the camera would hang in the air.
"""

from typing import Any

from rclpy.node import Node
from std_msgs.msg import String

from affordance_grasp.control.camera_mounting import D435_LINK_OPTICAL, load_hand_eye
from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_description import SOURCE, flange_of
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert.conversions import from_transform
from affordance_grasp.nodes.parameters import HandEyeParameters
from affordance_grasp.nodes.ros.calls import LATCHED, TF_STATIC, TF_STATIC_QOS, listen, publish_to
from affordance_grasp.nodes.ros.optional_ros import require
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.share import find_file
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import TransformTree


class HandEyeNode(Node):
    """Publishes the camera on the flange, and the flange where the driver's URDF has none."""

    def __init__(self) -> None:
        """Read the calibration; publish at once where nothing has to be waited for."""
        super().__init__("hand_eye")
        self._settings = p = declare(self, HandEyeParameters)
        tf2_msgs = require("tf2_msgs.msg", "node hand_eye")
        self._message = tf2_msgs.TFMessage
        self._robot = load_robot(p.robot_file)
        other = find_file(p.hand_eye_file) if p.hand_eye_file else None
        self._hand_eye = load_hand_eye(other) if other else self._robot.hand_eye
        self._publisher = publish_to(self, self._message, TF_STATIC, TF_STATIC_QOS)
        self._tree, self._published, self._described = TransformTree(), False, False
        if p.child_frame in ("", self._hand_eye.camera_frame):
            self._publish_camera(self._hand_eye.T_tool0_cam, self._hand_eye.camera_frame)
        listen(self, self._message, TF_STATIC, self._take, TF_STATIC_QOS)
        listen(self, String, SOURCE, self._take_description, LATCHED)
        self._patience = self.create_timer(p.extrinsics_timeout_s, self._give_up)

    def _take(self, message: Any) -> None:
        optical, link = self._hand_eye.camera_frame, self._settings.child_frame
        try:
            self._tree.take(message, static=True)
            if not self._published:
                self._publish_link(self._tree.lookup(link, optical, 0))
        except NotKnown:
            return  # the driver has not published all transforms yet
        except InvalidInput as error:
            self.get_logger().warning(str(error))

    def _take_description(self, message: String) -> None:
        """Put the flange where the driver's URDF has it; the first URDF counts."""
        if self._described:
            return
        self._described = True
        try:
            flange = flange_of(self._robot, message.data, self._settings.flange_frame)
        except InvalidInput as error:
            self.get_logger().error(f"TF to the camera is cut: {error}")
            return
        if flange:
            self._publish(flange[0], self._hand_eye.effector_frame, flange[1])

    def _give_up(self) -> None:
        self._patience.cancel()
        waited = f"within {self._settings.extrinsics_timeout_s:g} s"
        if not self._published:
            self.get_logger().warning(
                f"no transform from {self._settings.child_frame} to {self._hand_eye.camera_frame} "
                f"{waited}; a D435's nominal one is used, which may be off by a millimetre"
            )
            self._publish_link(D435_LINK_OPTICAL)
        effector, flange = self._hand_eye.effector_frame, self._settings.flange_frame
        if self._described or self._tree.parent(effector) is not None:
            return
        self._described = True
        if flange:
            self._publish(flange, effector, self._robot.arm.T_last_tip)
        else:
            self.get_logger().warning(
                f"no {SOURCE} {waited}: who else places {effector} is not known, so it is not put "
                "anywhere; flange_frame names the link that it shall be put on"
            )

    def _publish_link(self, T_link_optical: Floats) -> None:
        child = self._settings.child_frame
        mounting = self._hand_eye.in_camera_frame(child, T_link_optical)
        self._publish_camera(mounting.T_tool0_cam, child)

    def _publish_camera(self, T_tool0_child: Floats, child: str) -> None:
        self._published = True
        self._publish(self._hand_eye.effector_frame, child, T_tool0_child)

    def _publish(self, parent: str, child: str, T_parent_child: Floats) -> None:
        stamp = self.get_clock().now().to_msg()
        transform = from_transform(T_parent_child, parent, child, stamp)
        self._publisher.publish(self._message(transforms=[transform]))
        x, y, z = T_parent_child[:3, 3]
        self.get_logger().info(f"{parent} -> {child} at ({x:.4f}, {y:.4f}, {z:.4f}) m")


def main() -> None:
    """Run the node."""
    run(HandEyeNode, threads=2)


if __name__ == "__main__":
    main()
