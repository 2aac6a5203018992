"""The robot as configured: arm, gripper, camera mounting, limits and pick settings."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.arm.urdf import LinkShape, SerialArm, load_arm, load_shapes
from affordance_grasp.control.camera_mounting import HandEye, load_hand_eye
from affordance_grasp.control.gripper import GripperProfile, load_gripper
from affordance_grasp.control.motion.clearance import Body
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.settings import build, read_mapping
from affordance_grasp.share import share_path

DEFAULT_ROBOT = "config/aubo_i5.yaml"
Vector = tuple[float, ...]


@dataclass(frozen=True)
class RobotSettings:
    """One robot's YAML file; ``config/aubo_i5.yaml`` explains every field."""

    urdf: str
    base_frame: str
    tool_frame: str
    gripper: str
    hand_eye: str
    max_position_rad: Vector
    max_velocity_radps: Vector
    max_acceleration_radps2: Vector
    speed_scaling: float
    home_q_rad: Vector
    table_z_m: float
    workspace_min_m: Vector
    workspace_max_m: Vector
    standoff_m: float
    lift_m: float
    grip_force_n: float
    link_clearance_m: float
    tip_clearance_m: float
    self_clearance_m: float
    path_step_m: float
    path_step_rad: float
    max_jump_rad: float
    camera_size_m: Vector
    acceleration_scaling: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings with which no safe motion could be planned."""
        _refuse_not_finite(self)
        if not 0 < self.speed_scaling <= 1:
            raise InvalidInput(f"speed_scaling is {self.speed_scaling:g}; must be in (0, 1]")
        if not 0 <= self.acceleration_scaling <= 1:
            raise InvalidInput(
                f"acceleration_scaling is {self.acceleration_scaling:g}; must be in (0, 1], or 0 "
                "for that of the speed"
            )
        for name in ("standoff_m", "lift_m", "path_step_m", "path_step_rad", "max_jump_rad"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"{name} is {getattr(self, name)}; must be > 0")
        for name in ("link_clearance_m", "tip_clearance_m", "self_clearance_m"):
            if getattr(self, name) < 0:
                raise InvalidInput(f"{name} is {getattr(self, name)}; must be >= 0")
        for name in ("max_velocity_radps", "max_acceleration_radps2", "max_position_rad"):
            if not np.all(np.array(getattr(self, name)) > 0):
                raise InvalidInput(f"every number of {name} must be > 0")
        if not np.all(np.array(self.workspace_min_m) < np.array(self.workspace_max_m)):
            raise InvalidInput("workspace_min_m must be below workspace_max_m on every axis")


def _refuse_not_finite(settings: RobotSettings) -> None:
    """A comparison with NaN is never true: a check against one would pass everything."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not isinstance(value, str) and not np.isfinite(np.array(value, float)).all():
            raise InvalidInput(f"{field.name} is {value}; must be finite")


@dataclass(frozen=True, eq=False)
class RobotConfig:
    """Everything the controller knows; values only.

    ``arm`` carries the package's limits, intersected with those of the URDF. ``body`` holds the
    collision shapes of the links and the camera.
    """

    settings: RobotSettings
    arm: SerialArm
    gripper: GripperProfile
    hand_eye: HandEye
    body: Body

    def __post_init__(self) -> None:
        """Check that joint lists fit the arm and that home can be held."""
        for name in ("max_velocity_radps", "max_acceleration_radps2", "home_q_rad"):
            if len(getattr(self.settings, name)) != self.arm.dof:
                raise InvalidInput(f"{name} must hold {self.arm.dof} numbers, one per joint")
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
    def T_tool0_cam(self) -> Floats:
        """Pose of the camera's optical frame in ``tool0``."""
        return self.hand_eye.T_tool0_cam

    @property
    def table_z_m(self) -> float:
        """Height of the table top in the base frame [m]."""
        return self.settings.table_z_m

    @property
    def velocity(self) -> Floats:
        """Joint speed limits (J,) after scaling [rad/s]."""
        return self.arm.velocity * self.settings.speed_scaling

    @property
    def acceleration(self) -> Floats:
        """Joint acceleration limits (J,) after scaling [rad/s^2]."""
        limits = np.array(self.settings.max_acceleration_radps2)
        return limits * (self.settings.acceleration_scaling or self.settings.speed_scaling)

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
            shapes.append(
                LinkShape("box", last, self.arm.T_last_tip @ T_tool0_box, box.half_size_m)
            )
        tip, link = self.settings.tip_clearance_m, self.settings.link_clearance_m
        return self.body.plus(shapes, [link if box.name == "palm" else tip for box in boxes])


def load_robot(
    path: Path | None = None,
    speed_scaling: float | None = None,
    acceleration_scaling: float | None = None,
) -> RobotConfig:
    """Read a robot's settings and all the files they name; the Aubo-i5 when no path is given.

    File names in the settings are relative to the settings file or to the package. The scalings
    take the place of those of the settings.
    """
    path = share_path(DEFAULT_ROBOT) if path is None else Path(path)
    settings = build(RobotSettings, read_mapping(path), path)
    if speed_scaling is not None:
        settings = replace(settings, speed_scaling=speed_scaling)
    if acceleration_scaling is not None:
        settings = replace(settings, acceleration_scaling=acceleration_scaling)
    urdf = named_file(path, settings.urdf)
    arm = _limited(load_arm(urdf, settings.base_frame, settings.tool_frame), settings)
    hand_eye = load_hand_eye(named_file(path, settings.hand_eye))
    if hand_eye.effector_frame != settings.tool_frame:
        raise InvalidInput(
            f"{settings.hand_eye}: robot_effector_frame is {hand_eye.effector_frame!r}, "
            f"but the arm's tool frame is {settings.tool_frame!r}"
        )
    half = np.array(settings.camera_size_m) / 2
    T_link_camera = arm.T_last_tip @ hand_eye.T_tool0_cam
    camera = LinkShape("box", arm.dof - 1, T_link_camera, (half[0], half[1], half[2]))
    shapes = (*load_shapes(urdf, arm), camera)
    body = Body(shapes, np.full(len(shapes), settings.link_clearance_m))
    gripper = load_gripper(named_file(path, settings.gripper))
    return RobotConfig(settings, arm, gripper, hand_eye, body)


def _limited(arm: SerialArm, settings: RobotSettings) -> SerialArm:
    if len(settings.max_position_rad) != arm.dof or len(settings.max_velocity_radps) != arm.dof:
        raise InvalidInput(f"joint limits must hold {arm.dof} numbers, one per joint")
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
    return beside if beside.exists() else share_path(relative)
