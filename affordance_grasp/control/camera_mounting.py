"""Where the wrist camera is mounted on the flange: the hand-eye calibration and its file.

The file is the one that easy_handeye2 writes (``~/.ros2/easy_handeye2/calibrations/NAME.calib``):
``parameters`` name the frames, ``transform`` is the pose of ``tracking_base_frame``, the camera,
in ``robot_effector_frame``. That of easy_handeye for ROS 1 is read too. This package works in the
optical frame of the colour camera; a calibration of ``camera_link`` is converted to it with the
camera's extrinsics.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from affordance_grasp.configuration.read import read_mapping
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats, pose, pose_from_quaternion, quaternion_xyzw

OPTICAL_SUFFIX = "optical_frame"
UNIT_NORM_TOLERANCE = 1e-3
MAX_DISTANCE_M, FARTHEST_M = 2.0, 10.0
"""Of a camera on the flange, and of one beside the arm."""
IN_HAND, ON_BASE = "eye_in_hand", "eye_on_base"
OPTICAL, DEPTH, LINK, OTHER = "optical", "depth", "link", "other"
NOT_COLOR = ("depth", "infra", "fisheye", "gyro", "accel", "imu")

D435_LINK_DEPTH = pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
"""A D400's depth is that of the left imager, at which its ``camera_link`` is."""
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
    """Read an eye-in-hand calibration of easy_handeye2, or of easy_handeye, for any camera frame.

    Raises:
        InvalidInput: the file holds no such calibration.
    """
    content = read_mapping(path)
    try:
        parameters = content["parameters"]
        translation, quaternion = _transform(content)
        effector = str(parameters["robot_effector_frame"]).lstrip("/")  # as TF 1 wrote frames
        camera = str(parameters["tracking_base_frame"]).lstrip("/")
        kind = _kind(parameters)
        base = str(parameters.get("robot_base_frame", "")).lstrip("/")
        name = str(parameters.get("name", ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"{path}: hand-eye calibration lacks or garbles {error}") from error
    farthest_m = MAX_DISTANCE_M if kind == IN_HAND else FARTHEST_M
    if not (np.isfinite(translation).all() and np.abs(translation).max() <= farthest_m):
        raise InvalidInput(f"{path}: translation {translation.tolist()} is not in metres")
    if not abs(np.linalg.norm(quaternion) - 1) <= UNIT_NORM_TOLERANCE:
        raise InvalidInput(f"{path}: rotation is not a unit quaternion x, y, z, w")
    if kind != IN_HAND:
        command = _publisher(translation, quaternion, base, camera)
        raise InvalidInput(
            f"{path}: calibration_type is {shown(kind)}; expected {IN_HAND!r}. Publish a camera "
            f"that stands beside the arm by '{command}', and set camera_pose:=tf"
        )
    return HandEye(pose_from_quaternion(translation, quaternion), effector, camera, base, name)


def _publisher(translation: Floats, quaternion: Floats, base: str, camera: str) -> str:
    """The command that publishes a camera's pose in the base frame."""
    axes = ("x", "y", "z", "qx", "qy", "qz", "qw")
    place = zip(axes, (*translation, *quaternion), strict=True)
    numbers = " ".join(f"--{axis} {value:g}" for axis, value in place)
    command = f"ros2 run tf2_ros static_transform_publisher {numbers}"
    return f"{command} --frame-id {base} --child-frame-id {camera}"


def _transform(content: dict[str, Any]) -> tuple[Floats, Floats]:
    """Translation (3,) and quaternion x, y, z, w (4,) in the layout of either version."""
    if "transformation" in content and "transform" not in content:  # ROS 1
        flat = content["transformation"]
        return _numbers(flat, ("x", "y", "z")), _numbers(flat, ("qx", "qy", "qz", "qw"))
    transform = content["transform"]
    return _numbers(transform["translation"], "xyz"), _numbers(transform["rotation"], "xyzw")


def _numbers(values: dict[str, Any], names: Iterable[str]) -> Floats:
    return np.array([float(values[name]) for name in names])


def _kind(parameters: dict[str, Any]) -> str:
    """``calibration_type``, which ROS 1 says as ``eye_on_hand``."""
    if "eye_on_hand" in parameters and "calibration_type" not in parameters:
        return IN_HAND if parameters["eye_on_hand"] is True else ON_BASE
    return str(parameters["calibration_type"])


def load_hand_eye(path: Path) -> HandEye:
    """Read a calibration for the colour camera's optical frame.

    Raises:
        InvalidInput: it is for another frame; the error names the conversion.
    """
    hand_eye = read_hand_eye(path)
    if frame_kind(hand_eye.camera_frame) != OPTICAL:
        raise InvalidInput(
            f"{path}: tracking_base_frame is {hand_eye.camera_frame!r}; calibrate in the optical "
            "frame of the colour camera, whose name ends in 'optical_frame', or convert the file "
            "with `affordance-grasp hand-eye convert`"
        )
    return hand_eye


def frame_kind(camera_frame: str) -> str:
    """Which frame of a camera that is, by its name: ``optical``, ``depth``, ``link`` or ``other``.

    ``optical`` is that of the colour camera.
    """
    if not camera_frame.endswith(OPTICAL_SUFFIX):
        return LINK
    kinds = {word: DEPTH if word == "depth" else OTHER for word in NOT_COLOR}
    return next((kind for word, kind in kinds.items() if word in camera_frame), OPTICAL)


def write_hand_eye(path: Path, hand_eye: HandEye) -> None:
    """Write a calibration as easy_handeye2 does."""
    translation = dict(zip("xyz", hand_eye.T_tool0_cam[:3, 3].tolist(), strict=True))
    quaternion = quaternion_xyzw(hand_eye.T_tool0_cam)
    content = {
        "parameters": {
            "name": hand_eye.name,
            "calibration_type": IN_HAND,
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
