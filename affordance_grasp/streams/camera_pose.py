"""The camera's pose at the stamp of an image: from joints and the hand-eye file, or from TF."""

from dataclasses import dataclass

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.geometry import Floats
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.messages import Header
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import TransformTree


@dataclass(frozen=True)
class HandEyePose:
    """Forward kinematics of the arm's joints, then the calibrated mounting on the flange."""

    robot: RobotConfig
    joints: JointHistory

    def knows(self, image: Header) -> bool:
        """Whether the data has come up to the image's stamp."""
        return not self._calibrated(image) or self.joints.knows(image.stamp_ns)

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
                f"of {self.robot.hand_eye.camera_frame!r}; use that camera or calibrate this one"
            )
        return self.robot.T_base_cam(self.joints.at(image.stamp_ns))

    def _calibrated(self, image: Header) -> bool:
        return image.frame_id == self.robot.hand_eye.camera_frame


@dataclass(frozen=True)
class TfPose:
    """The pose on TF in the robot's base frame, from any publisher."""

    base_frame: str
    tree: TransformTree

    def knows(self, image: Header) -> bool:
        """As :meth:`HandEyePose.knows`."""
        return self.tree.knows(self.base_frame, image.frame_id, image.stamp_ns)

    def at(self, image: Header) -> Floats:
        """As :meth:`HandEyePose.at`."""
        return self.tree.lookup(self.base_frame, image.frame_id, image.stamp_ns)


CameraPose = HandEyePose | TfPose
