"""The robot as configured: arm, gripper, camera mounting, limits and pick settings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.configuration.read import read_settings
from affordance_grasp.configuration.settings import (
    NotNegative,
    Positive,
    PositiveShare,
    Settings,
    Share,
    Size,
    Triple,
    Word,
)
from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.arm.link_shapes import load_shapes
from affordance_grasp.control.arm.urdf import LinkShape, SerialArm, load_arm
from affordance_grasp.control.camera_mounting import HandEye, load_hand_eye
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.control.motion.clearance import Body
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.share import DEFAULT_ROBOT, exists, find_file, share_path

JOINT_LISTS = ("max_position_rad", "max_velocity_radps", "max_acceleration_radps2", "home_q_rad")


@dataclass(frozen=True)
class RobotSettings(Settings, title="robot"):
    """One robot's YAML file; ``config/aubo_i5.yaml`` explains every field."""

    urdf: Word
    base_frame: Word
    tool_frame: Word
    gripper: Word
    hand_eye: Word
    max_position_rad: tuple[Positive, ...]
    max_velocity_radps: tuple[Positive, ...]
    max_acceleration_radps2: tuple[Positive, ...]
    speed_scaling: PositiveShare
    home_q_rad: tuple[float, ...]
    table_z_m: float
    workspace_min_m: Triple
    workspace_max_m: Triple
    standoff_m: Positive
    lift_m: Positive
    grip_force_n: Positive
    link_clearance_m: NotNegative
    tip_clearance_m: NotNegative
    self_clearance_m: NotNegative
    path_step_m: Positive
    path_step_rad: Positive
    max_jump_rad: Positive
    camera_size_m: Size
    acceleration_scaling: Share = 0.0
    obstacle_clearance_m: NotNegative = 0.015
    camera_center_m: Triple = (0.0, 0.0, 0.0)
    gripper_urdf: str = ""

    def check(self) -> None:
        """Refuse a workspace without room."""
        if not np.all(np.array(self.workspace_min_m) < np.array(self.workspace_max_m)):
            raise InvalidInput("workspace_min_m must be below workspace_max_m on every axis")


@dataclass(frozen=True, eq=False)
class RobotConfig:
    """Everything the controller knows; values only.

    ``arm`` carries the package's limits, intersected with those of the file ``urdf``. ``body``
    holds the collision shapes of the links and the camera. ``gripper_urdf`` tells what the gripper
    looks like in simulation.
    """

    settings: RobotSettings
    urdf: Path
    arm: SerialArm
    gripper: Gripper
    hand_eye: HandEye
    body: Body
    gripper_urdf: Path | None = None

    def __post_init__(self) -> None:
        """Check the gripper's force and that home can be held."""
        weakest_n, strongest_n = self.gripper.min_force_n, self.gripper.max_force_n
        if not weakest_n <= self.settings.grip_force_n <= strongest_n:
            raise InvalidInput(
                f"grip_force_n is {self.settings.grip_force_n:g}; {self.gripper.name} holds with "
                f"{weakest_n:g} to {strongest_n:g} N"
            )
        if not within_limits(self.arm, self.home_q):
            raise InvalidInput("home_q_rad lies outside the joint limits")

    @property
    def home_q(self) -> Floats:
        """Home configuration (J,) [rad], from which the camera looks at the table."""
        return np.array(self.settings.home_q_rad)

    @property
    def link_shapes(self) -> tuple[LinkShape, ...]:
        """Collision shapes of the base and the links, without the camera's housing."""
        return self.body.shapes[:-1]

    @property
    def T_tool0_cam(self) -> Floats:
        """Pose of the camera's optical frame in ``tool0``."""
        return self.hand_eye.T_tool0_cam

    @property
    def velocity(self) -> Floats:
        """Joint speed limits (J,) after scaling [rad/s]."""
        return self.arm.velocity * self.settings.speed_scaling

    @property
    def acceleration(self) -> Floats:
        """Joint acceleration limits (J,) after scaling [rad/s^2]."""
        limits = np.array(self.settings.max_acceleration_radps2)
        return limits * (self.settings.acceleration_scaling or self.settings.speed_scaling)

    def at_speed(self, speed_scaling: float) -> "RobotConfig":
        """The robot with another share of its joint speeds."""
        return replace(self, settings=replace(self.settings, speed_scaling=speed_scaling))

    def T_base_cam(self, q: ArrayLike) -> Floats:
        """Pose of the camera's optical frame in the base at joint angles ``q`` (J,) [rad]."""
        return forward(self.arm, q) @ self.T_tool0_cam

    def body_with_gripper(self, width_m: float) -> Body:
        """The body with the gripper at an opening; the fingers may come closest to the table."""
        T_tool0_tcp = self.gripper.T_tool0_tcp(width_m)
        last = self.arm.dof - 1
        boxes = self.gripper.boxes(width_m)
        shapes = []
        for box in boxes:
            T_tool0_box = T_tool0_tcp @ pose(translation_m=box.center_m)
            T_last_box = self.arm.T_last_tip @ T_tool0_box
            shapes.append(LinkShape("box", last, T_last_box, box.half_size_m))
        tip, link = self.settings.tip_clearance_m, self.settings.link_clearance_m
        return self.body.plus(shapes, [link if box.name == "palm" else tip for box in boxes])


def load_robot(
    path: Path | str | None = None,
    speed_scaling: float | None = None,
    acceleration_scaling: float | None = None,
) -> RobotConfig:
    """Read a robot's settings and all the files they name; the Aubo-i5 where ``path`` is None.

    A path that does not exist is one of the package's. File names in the settings are relative to
    the settings file or to the package. The scalings take the place of those of the settings.
    """
    path = find_file(DEFAULT_ROBOT if path is None else path)
    settings = read_settings(RobotSettings, path)
    scalings = {"speed_scaling": speed_scaling, "acceleration_scaling": acceleration_scaling}
    given: Any = {name: scaling for name, scaling in scalings.items() if scaling is not None}
    settings = replace(settings, **given)
    urdf = named_file(path, settings.urdf)
    arm = _limited(load_arm(urdf, settings.base_frame, settings.tool_frame), settings)
    hand_eye = load_hand_eye(named_file(path, settings.hand_eye))
    if hand_eye.effector_frame != settings.tool_frame:
        raise InvalidInput(
            f"{settings.hand_eye}: robot_effector_frame is {hand_eye.effector_frame!r}, "
            f"but the arm's tool frame is {settings.tool_frame!r}"
        )
    half = np.array(settings.camera_size_m) / 2
    T_cam_housing = pose(translation_m=settings.camera_center_m)
    T_link_camera = arm.T_last_tip @ hand_eye.T_tool0_cam @ T_cam_housing
    camera = LinkShape("box", arm.dof - 1, T_link_camera, (half[0], half[1], half[2]))
    shapes = (*load_shapes(urdf, arm), camera)
    body = Body(shapes, np.full(len(shapes), settings.link_clearance_m))
    gripper = load_gripper(named_file(path, settings.gripper))
    looks = named_file(path, settings.gripper_urdf) if settings.gripper_urdf else None
    return RobotConfig(settings, urdf, arm, gripper, hand_eye, body, looks)


def _limited(arm: SerialArm, settings: RobotSettings) -> SerialArm:
    for name in JOINT_LISTS:
        if len(getattr(settings, name)) != arm.dof:
            raise InvalidInput(f"{name} must hold {arm.dof} numbers, one per joint")
    position = np.array(settings.max_position_rad)
    return replace(
        arm,
        lower=np.maximum(arm.lower, -position),
        upper=np.minimum(arm.upper, position),
        velocity=np.fmin(arm.velocity, settings.max_velocity_radps),
    )


def named_file(settings_path: Path, relative: str) -> Path:
    """A file that a robot's settings name: beside them, else of the package."""
    beside = settings_path.parent / relative
    return beside if exists(beside) else share_path(relative)
