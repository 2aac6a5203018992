"""The camera's pose at the stamp of an image: from joints and the hand-eye file, or from TF."""

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.geometry import Floats
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.messages import Header
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import TransformTree


class HandEyePose:
    """Forward kinematics at the stamp, then the calibrated mounting on the flange."""

    def __init__(self, robot: RobotConfig, joints: JointHistory) -> None:
        """``joints``: those of the robot's arm."""
        self._robot, self._joints = robot, joints

    def knows(self, image: Header) -> bool:
        """Whether the data has come up to the image's stamp."""
        return not self._calibrated(image) or self._joints.knows(image.stamp_ns)

    def at(self, image: Header) -> Floats:
        """``T_base_cam`` (4, 4) of the optical frame of an image, at the image's stamp.

        Images of another camera would lead to a wrong grasp.

        Raises:
            NotKnown: no data at the stamp, or another camera.
            InvalidInput: publishers contradict each other.
        """
        if not self._calibrated(image):
            raise NotKnown(
                f"images are in frame {image.frame_id!r}, and the hand-eye calibration is that "
                f"of {self._robot.hand_eye.camera_frame!r}; use that camera or calibrate this one"
            )
        return self._robot.T_base_cam(self._joints.at(image.stamp_ns))

    def _calibrated(self, image: Header) -> bool:
        return image.frame_id == self._robot.hand_eye.camera_frame


class TfPose:
    """The pose on TF, whoever publishes it."""

    def __init__(self, base_frame: str, tree: TransformTree) -> None:
        """``base_frame``: that of the robot."""
        self._base, self._tree = base_frame, tree

    def knows(self, image: Header) -> bool:
        """As :meth:`HandEyePose.knows`."""
        return self._tree.knows(self._base, image.frame_id, image.stamp_ns)

    def at(self, image: Header) -> Floats:
        """As :meth:`HandEyePose.at`."""
        return self._tree.lookup(self._base, image.frame_id, image.stamp_ns)


CameraPose = HandEyePose | TfPose
