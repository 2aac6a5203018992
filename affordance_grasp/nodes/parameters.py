"""The parameters of every node: what they mean, their bounds and their defaults.

Those that are ``live`` may be set while a node runs; the node refuses what it cannot take.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from affordance_grasp.camera.settings import RealSenseSettings
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.configuration.settings import (
    Positive,
    PositiveShare,
    Seed,
    Settings,
    Share,
    Word,
    about,
    one_of,
)
from affordance_grasp.planning import GrounderOptions, RankingOptions, RobotOptions
from affordance_grasp.view.options import PageOptions

BagStorage = Literal["mcap", "sqlite3"]
_CameraPose = Annotated[
    Word,
    about("source of the camera's pose"),
    one_of("camera_pose", "affordance_grasp.nodes.inputs.camera_pose:CAMERA_POSES"),
]
_PoseTimeout = Annotated[Positive, about("longest wait for the camera's pose [s]")]


@dataclass(frozen=True)
class CameraParameters(RealSenseSettings):
    """Of ``camera``: those of the RealSense, and how it is known to others."""

    frame_id: Annotated[Word, about("frame of the images, as calibrated")] = (
        "camera_color_optical_frame"
    )
    frame_timeout_s: Annotated[Positive, about("silence before it is opened again [s]")] = 2.0


@dataclass(frozen=True)
class GrounderParameters(GrounderOptions):
    """Of ``grounder``."""

    query: Annotated[str, about("shown on heatmap; empty: nothing", live=True)] = ""
    rate_hz: Annotated[Positive, about("most heatmaps per second on the topic", live=True)] = 2.0


@dataclass(frozen=True)
class CandidatesParameters(ExternalSettings, RobotOptions, title="candidates"):
    """Of ``candidates``: the generator, and those of an external one."""

    generator: Annotated[
        Word,
        about("where grasps come from"),
        one_of("generator", "affordance_grasp.nodes.inputs.published_grasps:NAMES"),
    ] = "antipodal"
    max_age_s: Annotated[float, Meta(ge=0, le=60), about("how old topic's grasps may be [s]")] = (
        0.5
    )
    best_first: Annotated[bool, about("topic's poses are in order of quality")] = True


@dataclass(frozen=True)
class SelectorParameters(RankingOptions, RobotOptions, title="selector"):
    """Of ``selector``."""

    camera_pose: _CameraPose = "hand_eye"
    pose_timeout_s: _PoseTimeout = 0.5
    frame_timeout_s: Annotated[Positive, about("longest wait for a frame [s]")] = 5.0
    service_timeout_s: Annotated[
        Positive, about("longest wait for other nodes, beside the generator's own timeout_s [s]")
    ] = 20.0
    camera_patience_s: Annotated[Positive, about("before camera faults are logged [s]")] = 20.0


@dataclass(frozen=True)
class ControllerParameters(RobotOptions, title="controller"):
    """Of ``controller``."""

    robot: Annotated[
        Word,
        about("type of robot that is commanded"),
        one_of("robot", "affordance_grasp.nodes.controller:ARMS"),
    ] = "simulation"
    speed_scaling: Annotated[
        PositiveShare, about("share of the joint speed limits", live=True)
    ] = 0.2
    acceleration_scaling: Annotated[Share, about("share of the limits; 0: as the speed")] = 0.0
    dry_run: Annotated[bool, about("plan and show every grasp, but never move")] = False
    require_obstacles: Annotated[
        bool, about("refuse a grasp that no message of obstacles belongs to")
    ] = True
    joint_state_timeout_s: Annotated[Positive, about("older joint_states stop the arm [s]")] = 0.5


@dataclass(frozen=True)
class Ros2ControlParameters(Settings, title="controller"):
    """Of ``controller`` with robot ``ros2_control`` or ``moveit``.

    A tolerance of 0 would ask for the driver's own, which is often none at all.
    """

    arm_action: Annotated[Word, about("of the arm, control_msgs/FollowJointTrajectory")] = (
        "joint_trajectory_controller/follow_joint_trajectory"
    )
    gripper_action: Annotated[Word, about("of the gripper, see gripper_command")] = (
        "robotiq_gripper_controller/gripper_cmd"
    )
    gripper_command: Annotated[
        Literal["ParallelGripperCommand", "GripperCommand"], about("type of gripper_action")
    ] = "ParallelGripperCommand"
    gripper_position: Annotated[
        Literal["joint", "width", "half_width"],
        about(
            "what its position is: the joint's, the gap, or half of it as franka_gripper has it"
        ),
    ] = "joint"
    closed_position: Annotated[
        Positive,
        about("knuckle angle that the driver of a four-bar tells for closed, empty fingers"),
    ] = 0.7929
    path_tolerance_rad: Annotated[Positive, about("largest path deviation [rad]")] = 0.2
    goal_tolerance_rad: Annotated[Positive, about("largest goal deviation [rad]")] = 0.02
    goal_time_s: Annotated[Positive, about("how late the arm may arrive [s]")] = 2.0


@dataclass(frozen=True)
class MoveItParameters(Settings, title="controller"):
    """Of ``controller`` with robot ``moveit``, beside those of the gripper."""

    moveit_group: Annotated[Word, about("MoveIt's planning group of the arm")] = "manipulator_i5"
    moveit_action: Annotated[Word, about("moveit_msgs/MoveGroup, to plan")] = "move_action"
    moveit_execute_action: Annotated[Word, about("moveit_msgs/ExecuteTrajectory, to move")] = (
        "execute_trajectory"
    )
    planning_time_s: Annotated[Positive, about("longest search for a path [s]")] = 5.0


@dataclass(frozen=True)
class SimulatorParameters(RobotOptions, title="simulator"):
    """Of ``simulator``."""

    object: Annotated[Word, about("family of the object on the table")] = "mug"
    seed: Annotated[Seed, about("which instance of the family")] = 0
    pose_seed: Annotated[Seed, about("the object's position and yaw")] = 0
    neighbours: Annotated[int, Meta(ge=0, le=4), about("tall things beside the object")] = 0
    speed: Annotated[float, Meta(gt=0, le=20), about("simulated seconds per second")] = 1.0
    camera_rate_hz: Annotated[Positive, about("frames per second of the wrist camera")] = 3.0
    photo_rate_hz: Annotated[Positive, about("images per second from outside")] = 3.0
    photo_width: Annotated[int, Meta(ge=64, le=1920), about("width of such an image [pixel]")] = (
        480
    )
    record: Annotated[Path | None, about("new folder of a bag; empty: none")] = None
    record_storage: Annotated[BagStorage, about("storage of the bag")] = "mcap"


@dataclass(frozen=True)
class HandEyeParameters(RobotOptions, title="hand_eye"):
    """Of ``hand_eye``."""

    hand_eye_file: Annotated[Path | None, about("another calibration; empty: the robot's")] = None
    child_frame: Annotated[str, about("to publish; empty: the one that was calibrated")] = ""
    extrinsics_timeout_s: Annotated[
        float,
        Meta(ge=0, le=3600),
        about("wait for the driver's transforms and URDF, then nominal ones [s]"),
    ] = 10.0
    flange_frame: Annotated[
        str,
        about(
            "link of the driver's URDF at the flange, where that has no tool0; empty: the one "
            "that the last joint moves, wrist3_Link of an Aubo"
        ),
    ] = ""


@dataclass(frozen=True)
class CheckCameraParameters(RobotOptions, title="check_camera"):
    """Of ``check_camera``."""

    patience_s: Annotated[Positive, about("how long to wait for frames [s]")] = 5.0


@dataclass(frozen=True)
class RecordParameters(RobotOptions, title="record_views"):
    """Of ``record_views``."""

    folder: Annotated[Path, about("where the views go; it must not hold any yet")] = Path("views")
    views: Annotated[int, Meta(ge=1, le=200), about("how many to store")] = 10
    still_s: Annotated[float, Meta(ge=0.2, le=15), about("rest before a view [s]")] = 1.0
    apart_deg: Annotated[Positive, about("some joint's least change [deg]")] = 8.0


@dataclass(frozen=True)
class ViewParameters(PageOptions, RobotOptions, title="view"):
    """Of ``view``."""

    moves: Annotated[
        Literal["real", "simulation", "nothing"],
        about("what a pick moves: a real arm is asked for twice, nothing cannot be picked"),
    ] = "real"
    camera_pose: _CameraPose = "hand_eye"
    pose_timeout_s: _PoseTimeout = 2.0
    frame_timeout_s: Annotated[Positive, about("longest wait for a frame [s]")] = 10.0


@dataclass(frozen=True)
class AskParameters(Settings, title="ask"):
    """Of ``ask``."""

    query: Annotated[Word, about("what to do with the object")] = "hold"
    dry_run: Annotated[bool, about("decide and show, but move nothing")] = False
    executes: Annotated[bool, about("wait for a controller too")] = True
    ready_timeout_s: Annotated[Positive, about("longest wait for the nodes [s]")] = 120.0
