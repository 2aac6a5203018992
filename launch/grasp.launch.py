"""The whole graph: a camera, grounder, candidates, selector, controller, and one request.

    ros2 launch affordance_grasp grasp.launch.py query:=hold
    ros2 launch affordance_grasp grasp.launch.py camera:=driver robot:=aubo dry_run:=true
    ros2 launch affordance_grasp grasp.launch.py camera:=bag bag:=/path/to/bag
    ros2 launch affordance_grasp grasp.launch.py --show-args

More requests: ros2 action send_goal --feedback /grasp affordance_grasp/action/AffordanceGrasp
"{query: hold}".
"""

import json
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
from rclpy.exceptions import InvalidNamespaceException
from rclpy.validate_namespace import validate_namespace

from affordance_grasp.configuration.settings import Setting, settings_of
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
    MoveItParameters,
    Ros2ControlParameters,
    SelectorParameters,
    SimulatorParameters,
    ViewParameters,
)
from affordance_grasp.replay.bags.playing import played_topics
from affordance_grasp.share import DEFAULT_ROBOT, find_file, share_path
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

PACKAGE = "affordance_grasp"
FAST_DDS_PROFILES = "FASTRTPS_DEFAULT_PROFILES_FILE"
CAMERA_TOPICS = (COLOR, INFO, DEPTH, DEPTH_INFO)
CAMERA_NAMESPACES = {"driver": "/camera/camera", "bag": "/"}
DISPLAYED = (
    "robot_description",
    "grasp_markers",
    "selected_grasp",
    "planned_path",
    "heatmap/overlay",
    "decision.selection",
)
"""What config/grasp.rviz and config/foxglove.json show beside the camera's topics."""
DISCOVERY_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
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
        "namespace of the camera's topics; empty: /camera/camera for the driver, / for a bag, "
        "else that of the nodes",
    ),
    "bag": (
        "",
        "folder of the bag to play with camera:=bag, its camera below any prefix, or below "
        "camera_namespace; empty: it is played elsewhere",
    ),
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
    "namespace": (
        "",
        "namespace of all nodes, and of what the robot's driver offers: joint_states, "
        "robot_description and its actions",
    ),
    "discovery": (
        "localhost",
        "who can see these nodes and command them: localhost, or subnet for any machine of the "
        "network (docs/security.md)",
    ),
    "foxglove": (
        "",
        "new file for Foxglove's layout with the topics' names as they are here; empty: none",
    ),
    "view": ("false", "true: a page in the browser shows it all and drives picks (docs/view.md)"),
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
    "view": SWITCH,
    "rviz": SWITCH,
    "hand_eye": ["", *SWITCH],
    "description": ["", *SWITCH],
    "camera": ["simulation", "realsense", "driver", "bag"],
    "robot": ["", "simulation", "aubo", "moveit", "none"],
    "discovery": ["localhost", "subnet"],
}
# Launch argument -> the controller's name for what executes; those that move a real arm.
REAL_ARMS = {"aubo": "ros2_control", "moveit": "moveit"}
# Node -> the classes of its parameters, and those of them that are launch arguments too.
PARAMETERS: dict[str, tuple[tuple[type, ...], tuple[str, ...]]] = {
    "simulator": ((SimulatorParameters,), ("object", "seed", "pose_seed", "robot_file")),
    "camera": ((CameraParameters,), ("serial",)),
    "grounder": (
        (GrounderParameters,),
        (
            "method",
            "checkpoint",
            "like",
            "device",
            "query",
            "model_command",
            "model_persistent",
            "model_address",
            "model_timeout_s",
        ),
    ),
    "candidates": (
        (CandidatesParameters,),
        (
            "generator",
            "address",
            "command",
            "persistent",
            "convention",
            "hand",
            "tip_offset_m",
            "timeout_s",
            "max_grasps",
            "robot_file",
        ),
    ),
    "selector": ((SelectorParameters,), ("rule", "robot_file", "camera_pose")),
    "controller": (
        (ControllerParameters, Ros2ControlParameters, MoveItParameters),
        (
            "robot_file",
            "speed_scaling",
            "arm_action",
            "gripper_action",
            "gripper_command",
            "gripper_position",
            "moveit_group",
        ),
    ),
    "hand_eye": ((HandEyeParameters,), ("robot_file", "flange_frame")),
    "ask": ((AskParameters,), ()),
    "view": ((ViewParameters,), ("robot_file", "camera_pose", "host", "port")),
}


def _settings(executable: str) -> dict[str, Setting]:
    """Launch argument -> the parameter of a node that it sets."""
    kinds, names = PARAMETERS[executable]
    settings = [each for kind in kinds for each in settings_of(kind)]
    return {each.name: each for each in settings if each.name in names}


FORWARDED = {
    argument: ("", f"{each.help}; not given: as in the parameter file")
    for executable in PARAMETERS
    for argument, each in _settings(executable).items()
}
NO_GROUNDER = "none, where another node serves ground"
NO_GENERATOR = "none, where another node serves generate_grasps"
ARGUMENTS = {
    **FORWARDED,
    "method": ("", f"{FORWARDED['method'][1]}; {NO_GROUNDER}"),
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
    _write_layout(given)
    return [
        SetEnvironmentVariable(DISCOVERY_RANGE, given["discovery"].upper()),
        *_camera(given),
        _node(given, "selector", to=_camera_names(given)),
        *(
            []
            if given["method"] == "none"
            else [_node(given, "grounder", to=_camera_names(given))]
        ),
        *([] if given["generator"] == "none" else [_node(given, "candidates")]),
        *_robot(given),
        *_transforms(given),
        *_rviz(given),
        *_page(given),
        *_request(given),
    ]


def _seers(given: Arguments) -> list[str]:
    """The nodes that subscribe to the camera."""
    return ["selector"] if given["method"] == "none" else ["grounder", "selector"]


def _completed(given: Arguments) -> Arguments:
    """The arguments, empty ones replaced by their defaults."""
    simulated = given["camera"] == "simulation"
    robot = given["robot"] or ("simulation" if simulated else "none")
    real_arm = robot in REAL_ARMS
    wanted = given["rviz"] if not real_arm else "false"
    parameters = "config/grasp_real.yaml" if real_arm else "config/grasp.yaml"
    namespace = CAMERA_NAMESPACES.get(given["camera"], "")
    with_hand_eye = str(given["camera"] in ("realsense", "driver")).lower()
    return given | {
        "robot": robot,
        "namespace": _absolute(given["namespace"]),
        "camera_namespace": given["camera_namespace"] or namespace,
        "hand_eye": given["hand_eye"] or with_hand_eye,
        "description": given["description"] or wanted,
        "params": given["params"] or str(share_path(parameters)),
    }


def _absolute(namespace: str) -> str:
    """With a slash in front; empty for none."""
    absolute = f"/{namespace.strip('/')}"
    try:
        validate_namespace(absolute)
    except InvalidNamespaceException as error:
        raise InvalidInput(
            f"namespace:={namespace} is no name of ROS: letters, digits, _ and / ({error})"
        ) from error
    return absolute.rstrip("/")


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
        renamed, options = _played_as(given), shlex.split(given["bag_options"])
        remap = ["--remap", *renamed] if renamed else []
        return [ExecuteProcess(cmd=["ros2", "bag", "play", given["bag"], *remap, *options])]
    return []


def _played_as(given: Arguments) -> list[str]:
    """The bag's topics, under whatever prefix, by the names under which our nodes expect them."""
    camera = given["camera_namespace"].rstrip("/")
    topics = played_topics(Path(given["bag"]), camera)
    names = {
        topics.color: f"{camera}/{COLOR}",
        topics.depth: f"{camera}/{DEPTH}",
        topics.camera_info: f"{camera}/{INFO}",
        topics.joint_states: f"{given['namespace']}/joint_states",
        topics.tf: "/tf",
        topics.tf_static: "/tf_static",
    }
    return [
        f"{recorded}:={name}" for recorded, name in names.items() if recorded not in (None, name)
    ]


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
        urdf = description(find_file(given["robot_file"] or DEFAULT_ROBOT))
        described = {"robot_description": without_camera(urdf) if apart else urdf}
        nodes.append(
            Node(
                package="robot_state_publisher",
                executable="robot_state_publisher",
                namespace=given["namespace"],
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
            remappings=list(_shown_names(given).items()),
        )
    ]


def _page(given: Arguments) -> list[Node]:
    """The page says what a pick moves, and asks twice before a real arm does."""
    if given["view"] == "false":
        return []
    moves = "real" if given["robot"] in REAL_ARMS else given["robot"].replace("none", "nothing")
    still = {"moves": "nothing" if given["dry_run"] == "true" else moves}
    return [_node(given, "view", still, to=_camera_names(given))]


def _shown_names(given: Arguments) -> dict[str, str]:
    """From the topics of the displays' files to those of this launch."""
    ours, camera = given["namespace"], given["camera_namespace"]
    camera = (camera if camera.startswith("/") else f"{ours}/{camera}").rstrip("/")
    names = {f"/{topic}": f"{ours}/{topic}" for topic in DISPLAYED}
    return names | {f"/{topic}": f"{camera}/{topic}" for topic in CAMERA_TOPICS}


def _write_layout(given: Arguments) -> None:
    """Foxglove knows no remapping, so its layout is written anew."""
    if not given["foxglove"]:
        return
    layout = share_path("config/foxglove.json").read_text(encoding="utf-8")
    for old, new in _shown_names(given).items():
        layout = layout.replace(json.dumps(old), json.dumps(new))
    try:
        with open(given["foxglove"], "x", encoding="utf-8") as file:
            file.write(layout)
    except OSError as error:
        raise InvalidInput(
            f"foxglove:={given['foxglove']} cannot be written ({error.strerror}); name a new file"
        ) from error


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
    return [(topic, f"{namespace.rstrip('/')}/{topic}") for topic in CAMERA_TOPICS]


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
        namespace=given["namespace"],
        output="screen",
        emulate_tty=True,
        parameters=[given["params"], chosen],
        remappings=to or [],
        sigterm_timeout=PATIENCE_S,
    )


def _overrides(given: Arguments, executable: str) -> dict[str, object]:
    """The arguments that were given; all others stay as they are in the parameter file."""
    chosen = {}
    for argument, each in _settings(executable).items():
        if given[argument]:
            value = each.convert(given[argument], argument, text=True)
            chosen[each.name] = str(value) if isinstance(value, Path) else value
    return chosen
