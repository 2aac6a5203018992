"""The whole graph: a camera, grounder, candidates, selector, controller, and one request.

    ros2 launch affordance_grasp grasp.launch.py query:=hold
    ros2 launch affordance_grasp grasp.launch.py camera:=driver robot:=aubo dry_run:=true
    ros2 launch affordance_grasp grasp.launch.py camera:=bag bag:=/path/to/bag
    ros2 launch affordance_grasp grasp.launch.py --show-args

More requests: ros2 action send_goal --feedback /grasp affordance_grasp/action/AffordanceGrasp
"{query: hold}".
"""

import os
import shlex
from pathlib import Path

from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch_ros.actions import Node

from affordance_grasp.configuration.settings import settings_of
from affordance_grasp.control.robot_description import description, without_camera
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, DEPTH_INFO, INFO
from affordance_grasp.nodes.parameters import (
    AskParameters,
    CameraParameters,
    CandidatesParameters,
    ControllerParameters,
    GrounderParameters,
    HandEyeParameters,
    SelectorParameters,
    SimulatorParameters,
)
from affordance_grasp.share import DEFAULT_ROBOT, share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

PACKAGE = "affordance_grasp"
FAST_DDS_PROFILES = "FASTRTPS_DEFAULT_PROFILES_FILE"
CAMERA_TOPICS = (COLOR, INFO, DEPTH, DEPTH_INFO)
DRIVER_NAMESPACE = "/camera/camera"
PATIENCE_S = "15"  # before a node that was asked to end is killed; a second is usual

OWN_ARGUMENTS = {
    "query": ("hold", "what to ask for once everything is ready; empty: wait for requests"),
    "dry_run": ("false", "true: decide, plan and show, but move nothing"),
    "camera": (
        "simulation",
        "where frames come from: simulation, realsense (this package's node), driver (a running "
        "realsense2_camera) or bag",
    ),
    "camera_namespace": (
        "",
        "namespace of the camera's topics; empty: /camera/camera for the driver, none otherwise",
    ),
    "bag": ("", "folder of the bag to play with camera:=bag; empty: it is played elsewhere"),
    "bag_options": ("--clock --loop", "options for ros2 bag play"),
    "robot": (
        "",
        "what executes the grasps: simulation, aubo (or any arm with a follow_joint_trajectory "
        "action), moveit, or none; empty: simulation with the simulated camera, else none",
    ),
    "hand_eye": (
        "",
        "true: publish the camera's pose on the arm as a static transform; empty: for real "
        "cameras",
    ),
    "rviz": ("false", "true: show camera, cloud, heatmap, grasps and robot in RViz"),
    "description": (
        "",
        "true: publish the robot's description and its transforms from the package's URDF; "
        "empty: with rviz, unless a real arm's driver does it",
    ),
    "params": (
        "",
        "ROS parameter file; empty: config/grasp.yaml in simulation, config/grasp_real.yaml "
        "with a real arm",
    ),
}
SWITCH = ["true", "false"]
CHOICES = {
    "dry_run": SWITCH,
    "rviz": SWITCH,
    "hand_eye": ["", *SWITCH],
    "description": ["", *SWITCH],
    "camera": ["simulation", "realsense", "driver", "bag"],
    "robot": ["", "simulation", "aubo", "moveit", "none"],
}
# Launch argument -> the controller's name for what executes; those that move a real arm.
REAL_ARMS = {"aubo": "ros2_control", "moveit": "moveit"}
# Node -> its parameters, and those of them that are launch arguments too.
PARAMETERS: dict[str, tuple[type, tuple[str, ...]]] = {
    "simulator": (SimulatorParameters, ("object", "seed", "pose_seed", "robot_file")),
    "camera": (CameraParameters, ("serial",)),
    "grounder": (GrounderParameters, ("method", "checkpoint", "device", "query")),
    "candidates": (
        CandidatesParameters,
        ("generator", "address", "command", "convention", "hand", "robot_file"),
    ),
    "selector": (SelectorParameters, ("rule", "robot_file", "camera_pose")),
    "controller": (ControllerParameters, ("robot_file", "speed_scaling")),
    "hand_eye": (HandEyeParameters, ("robot_file",)),
}
RENAMED = {"address": "generator_address", "command": "generator_command"}
FORWARDED = {
    RENAMED.get(each.name, each.name): ("", f"{each.help}; not given: as in the parameter file")
    for kind, names in PARAMETERS.values()
    for each in settings_of(kind)
    if each.name in names
}
NO_GENERATOR = "none, where another node serves generate_grasps"
ARGUMENTS = {
    **FORWARDED,
    "generator": ("", f"{FORWARDED['generator'][1]}; {NO_GENERATOR}"),
    **OWN_ARGUMENTS,
}

Arguments = dict[str, str]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the nodes with them."""
    declared = [
        DeclareLaunchArgument(
            name, default_value=default, description=description, choices=CHOICES.get(name)
        )
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, *_room_for_frames(), OpaqueFunction(function=_start)])


def _room_for_frames() -> list[SetEnvironmentVariable]:
    """Fast DDS's own shared memory is smaller than a camera frame; keep what the user has set."""
    if FAST_DDS_PROFILES in os.environ:
        return []
    return [SetEnvironmentVariable(FAST_DDS_PROFILES, str(share_path("config/fastdds.xml")))]


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = _completed(dict(context.launch_configurations))
    _refuse_dangers(given)
    return [
        *_camera(given),
        *[_node(given, name, to=_camera_names(given)) for name in ("grounder", "selector")],
        *([] if given["generator"] == "none" else [_node(given, "candidates")]),
        *_robot(given),
        *_transforms(given),
        *_rviz(given),
        *_request(given),
    ]


def _completed(given: Arguments) -> Arguments:
    """The arguments, empty ones replaced by their defaults."""
    simulated = given["camera"] == "simulation"
    robot = given["robot"] or ("simulation" if simulated else "none")
    real_arm = robot in REAL_ARMS
    wanted = given["rviz"] if not real_arm else "false"
    parameters = "config/grasp_real.yaml" if real_arm else "config/grasp.yaml"
    namespace = DRIVER_NAMESPACE if given["camera"] == "driver" else ""
    with_hand_eye = str(given["camera"] in ("realsense", "driver")).lower()
    return given | {
        "robot": robot,
        "camera_namespace": (given["camera_namespace"] or namespace).rstrip("/"),
        "hand_eye": given["hand_eye"] or with_hand_eye,
        "description": given["description"] or wanted,
        "params": given["params"] or str(share_path(parameters)),
    }


def _refuse_dangers(given: Arguments) -> None:
    """Refuse to move a real arm by other images than its own camera's present ones."""
    moves = given["robot"] in REAL_ARMS and given["dry_run"] == "false"
    if moves and given["camera"] == "simulation":
        raise InvalidInput(
            f"robot:={given['robot']} would move by simulated images; set camera:=realsense or "
            "camera:=driver, or dry_run:=true"
        )
    if given["camera"] == "bag" and given["robot"] != "none":
        raise InvalidInput(
            f"robot:={given['robot']} would move by recorded images; camera:=bag goes with "
            "robot:=none"
        )


def _camera(given: Arguments) -> list[LaunchDescriptionEntity]:
    """What publishes frames; the vendor's driver is started elsewhere."""
    if given["camera"] == "realsense":
        return [_node(given, "camera", to=_camera_names(given))]
    if given["camera"] == "bag" and given["bag"]:
        options = shlex.split(given["bag_options"])
        return [ExecuteProcess(cmd=["ros2", "bag", "play", given["bag"], *options])]
    return []


def _robot(given: Arguments) -> list[Node]:
    """The controller, and the simulator where camera or arm are simulated."""
    nodes = []
    if "simulation" in (given["camera"], given["robot"]):
        # A simulated arm under a real camera must not publish its own images as well.
        elsewhere = [] if given["camera"] == "simulation" else _under("simulation")
        nodes.append(_node(given, "simulator", to=elsewhere))
    if given["robot"] != "none":
        executes = {"robot": REAL_ARMS.get(given["robot"], given["robot"])}
        nodes.append(_node(given, "controller", executes | _still(given["dry_run"] == "true")))
    return nodes


def _transforms(given: Arguments) -> list[Node]:
    """The publishers of the camera's and the arm's transforms."""
    nodes = []
    apart = given["hand_eye"] == "true"
    if apart:
        driven = given["camera"] == "driver"
        child = "camera_link" if driven else "camera_color_optical_frame"
        nodes.append(_node(given, "hand_eye", {"child_frame": child}))
    if given["description"] == "true":
        urdf = description(share_path(given["robot_file"] or DEFAULT_ROBOT))
        described = {"robot_description": without_camera(urdf) if apart else urdf}
        nodes.append(
            Node(
                package="robot_state_publisher",
                executable="robot_state_publisher",
                parameters=[described, _clock(given)],
            )
        )
    return nodes


def _rviz(given: Arguments) -> list[Node]:
    if given["rviz"] == "false":
        return []
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", str(share_path("config/grasp.rviz"))],
            parameters=[_clock(given)],
            remappings=_camera_names(given),
        )
    ]


def _request(given: Arguments) -> list[Node]:
    if not given["query"]:
        return []
    still = given["dry_run"] == "true" or given["robot"] == "none"
    asked = {"query": given["query"], "executes": given["robot"] != "none"}
    return [_node(given, "ask", asked | _still(still))]


def _still(wanted: bool) -> dict[str, bool]:
    """A dry run where the argument or the parameter file asks for it."""
    return {"dry_run": True} if wanted else {}


def _camera_names(given: Arguments) -> list[tuple[str, str]]:
    """From the names that our nodes use to those under which the camera publishes."""
    return _under(given["camera_namespace"]) if given["camera_namespace"] else []


def _under(namespace: str) -> list[tuple[str, str]]:
    return [(topic, f"{namespace}/{topic}") for topic in CAMERA_TOPICS]


def _clock(given: Arguments) -> dict[str, bool]:
    """A bag brings the time at which it was recorded."""
    return {"use_sim_time": given["camera"] == "bag"}


def _node(
    given: Arguments,
    executable: str,
    also: dict[str, object] | None = None,
    to: list[tuple[str, str]] | None = None,
) -> Node:
    """One of our nodes: the parameter file, over it the arguments given, over those ``also``."""
    clock = _clock(given) if given["camera"] == "bag" else {}
    chosen = _overrides(given, executable) | (also or {}) | clock
    return Node(
        package=PACKAGE,
        executable=executable,
        name=executable,
        output="screen",
        emulate_tty=True,
        parameters=[given["params"], chosen],
        remappings=to or [],
        sigterm_timeout=PATIENCE_S,
    )


def _overrides(given: Arguments, executable: str) -> dict[str, object]:
    """The arguments that were given; all others stay as they are in the parameter file."""
    kind, names = PARAMETERS.get(executable, (AskParameters, ()))
    chosen = {}
    for each in settings_of(kind):
        argument = RENAMED.get(each.name, each.name)
        if each.name in names and given[argument]:
            value = each.convert(given[argument], argument, text=True)
            chosen[each.name] = str(value) if isinstance(value, Path) else value
    return chosen
