"""Where the wrist camera is mounted on the flange: the hand-eye calibration and its file.

The file is the one that easy_handeye2 writes (``~/.ros2/easy_handeye2/calibrations/NAME.calib``):
``parameters`` name the frames, ``transform`` is the pose of ``tracking_base_frame``, the camera,
in ``robot_effector_frame``. This package works in the optical frame of the colour camera. A
calibration of ``camera_link`` is converted to it with the camera's extrinsics.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from affordance_grasp.configuration.read import read_mapping
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats, pose, pose_from_quaternion, quaternion_xyzw

OPTICAL_SUFFIX = "optical_frame"
UNIT_NORM_TOLERANCE = 1e-3
MAX_DISTANCE_M = 2.0

D435_LINK_OPTICAL = pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], [0.0, 0.015, 0.0])
"""Nominal pose of a D435's colour optical frame in its ``camera_link`` (the left imager).

The vendor's description has the colour imager 15 mm to the left; single cameras differ by a
millimetre and by some tenths of a degree, which their drivers publish.
"""


@dataclass(frozen=True)
class HandEye:
    """A hand-eye calibration: ``T_tool0_cam``, pose of the camera in the effector frame.

    ``camera_frame`` is the colour camera's optical frame unless the calibration has yet to be
    converted.
    """

    T_tool0_cam: Floats
    effector_frame: str
    camera_frame: str
    base_frame: str = "base_link"
    name: str = "wrist_camera"

    def in_camera_frame(self, camera_frame: str, T_new_old: Floats) -> "HandEye":
        """The same mounting, expressed for another frame of the camera.

        Args:
            camera_frame: name of the other frame.
            T_new_old: pose of the present frame in the other one.
        """
        T = self.T_tool0_cam @ np.linalg.inv(T_new_old)
        return replace(self, T_tool0_cam=T, camera_frame=camera_frame)


def read_hand_eye(path: Path) -> HandEye:
    """Read an eye-in-hand calibration in easy_handeye2's layout, for any camera frame.

    Raises:
        InvalidInput: the file holds no such calibration.
    """
    content = read_mapping(path)
    try:
        parameters, transform = content["parameters"], content["transform"]
        translation = np.array([float(transform["translation"][axis]) for axis in "xyz"])
        quaternion = np.array([float(transform["rotation"][axis]) for axis in "xyzw"])
        effector = str(parameters["robot_effector_frame"]).lstrip("/")  # as TF 1 wrote frames
        camera = str(parameters["tracking_base_frame"]).lstrip("/")
        kind = str(parameters["calibration_type"])
        others = str(parameters.get("robot_base_frame", "")), str(parameters.get("name", ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"{path}: hand-eye calibration lacks or garbles {error}") from error
    if kind != "eye_in_hand":
        raise InvalidInput(f"{path}: calibration_type is {kind!r}; expected 'eye_in_hand'")
    if not (np.isfinite(translation).all() and np.abs(translation).max() <= MAX_DISTANCE_M):
        raise InvalidInput(f"{path}: translation {translation.tolist()} is not in metres")
    if not abs(np.linalg.norm(quaternion) - 1) <= UNIT_NORM_TOLERANCE:
        raise InvalidInput(f"{path}: rotation is not a unit quaternion x, y, z, w")
    return HandEye(pose_from_quaternion(translation, quaternion), effector, camera, *others)


def load_hand_eye(path: Path) -> HandEye:
    """Read a calibration for the colour camera's optical frame.

    Raises:
        InvalidInput: it is for another frame; the error names the conversion.
    """
    hand_eye = read_hand_eye(path)
    if not hand_eye.camera_frame.endswith(OPTICAL_SUFFIX):
        raise InvalidInput(
            f"{path}: tracking_base_frame is {hand_eye.camera_frame!r}; calibrate in the optical "
            "frame of the colour camera, whose name ends in 'optical_frame', or convert the file "
            "with `affordance-grasp hand-eye convert`"
        )
    return hand_eye


def write_hand_eye(path: Path, hand_eye: HandEye) -> None:
    """Write a calibration as easy_handeye2 does."""
    translation = dict(zip("xyz", hand_eye.T_tool0_cam[:3, 3].tolist(), strict=True))
    quaternion = quaternion_xyzw(hand_eye.T_tool0_cam)
    content = {
        "parameters": {
            "name": hand_eye.name,
            "calibration_type": "eye_in_hand",
            "robot_base_frame": hand_eye.base_frame,
            "robot_effector_frame": hand_eye.effector_frame,
            "tracking_base_frame": hand_eye.camera_frame,
            "tracking_marker_frame": "handeye_target",
            "freehand_robot_movement": True,
        },
        "transform": {
            "translation": translation,
            "rotation": dict(zip("xyzw", quaternion.tolist(), strict=True)),
        },
    }
    write_file(path, yaml.safe_dump(content, sort_keys=False))
