"""Where the camera was when it took an image: from joints and the hand-eye file, or from TF.

``CAMERA_POSES`` names the two ways; the selector's parameter ``camera_pose`` chooses.
"""

from collections.abc import Callable
from typing import Any, Protocol

import yaml
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose_from_quaternion
from affordance_grasp.nodes.convert.conversions import seconds
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import NoAnswer
from affordance_grasp.nodes.ros.optional_ros import require


class CameraPose(Protocol):
    """Tells where a camera was."""

    def at(self, header: Header) -> Floats:
        """``T_base_cam`` (4, 4) of the optical frame of an image, at the image's stamp."""


class HandEyePose:
    """Forward kinematics at the stamp, then the calibrated mounting on the flange."""

    def __init__(self, node: Node, robot: RobotConfig, joints: JointMonitor, timeout_s: float):
        """Positions that are later than the image are waited for up to ``timeout_s``."""
        self._robot, self._joints, self._timeout_s = robot, joints, timeout_s

    def at(self, header: Header) -> Floats:
        """See :class:`CameraPose`; images of another camera would send the arm astray."""
        calibrated = self._robot.hand_eye.camera_frame
        if header.frame_id != calibrated:
            raise InvalidInput(
                f"images are in frame {header.frame_id!r}, and the hand-eye calibration is that "
                f"of {calibrated!r}; use that camera or calibrate this one"
            )
        q = self._joints.at(seconds(header.stamp), self._timeout_s)
        return self._robot.T_base_cam(q)


class TfPose:
    """What TF says, from whoever publishes it."""

    def __init__(self, node: Node, robot: RobotConfig, joints: JointMonitor, timeout_s: float):
        """Listen to TF; transforms at a stamp are waited for up to ``timeout_s``."""
        self._tf = tf = require("tf2_ros", "camera_pose 'tf'")
        self._base = robot.settings.base_frame
        self._patience = Duration(seconds=timeout_s)
        self._timeout_s = timeout_s
        self._buffer: Any = tf.Buffer(node=node)
        self._listener = tf.TransformListener(self._buffer, node)

    def at(self, header: Header) -> Floats:
        """See :class:`CameraPose`."""
        camera, stamp = header.frame_id, Time.from_msg(header.stamp)
        try:
            found = self._buffer.lookup_transform(self._base, camera, stamp, self._patience)
        except self._tf.TransformException as error:
            raise NoAnswer(self._complaint(camera, stamp)) from error
        move, turn = found.transform.translation, found.transform.rotation
        return pose_from_quaternion([move.x, move.y, move.z], [turn.x, turn.y, turn.z, turn.w])

    def frames(self) -> set[str]:
        """Every frame that was ever heard of."""
        parents = yaml.safe_load(self._buffer.all_frames_as_yaml()) or {}
        return {*parents, *(entry["parent"] for entry in dict(parents).values())}

    def _complaint(self, camera: str, stamp: Time) -> str:
        """One sentence for each way in which TF can fail."""
        where = f"TF from {self._base} to {camera}"
        for frame in (self._base, camera):
            if frame not in self.frames():
                return (
                    f"{where} cannot be known: nobody publishes frame {frame!r}; are "
                    "robot_state_publisher and the hand-eye transform running?"
                )
        try:
            newest = self._buffer.get_latest_common_time(self._base, camera)
        except self._tf.TransformException:
            return f"{where} is cut: no chain of transforms leads from one to the other"
        late_s = (stamp.nanoseconds - newest.nanoseconds) * 1e-9
        if late_s > 0:
            return (
                f"{where} ends {late_s:.2f} s before the image and nothing newer came within "
                f"{self._timeout_s:g} s; its publisher is late, has stopped or has another clock"
            )
        return (
            f"{where} does not reach back to the image, which is {-late_s:.2f} s older than its "
            "newest transform; the image is too old or the camera has another clock"
        )


CAMERA_POSES: dict[str, Callable[[Node, RobotConfig, JointMonitor, float], CameraPose]] = {
    "hand_eye": HandEyePose,
    "tf": TfPose,
}
