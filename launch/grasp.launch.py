"""The whole graph: simulator, grounder, candidates, selector, controller, and one request.

    ros2 launch affordance_grasp grasp.launch.py query:=hold
    ros2 launch affordance_grasp grasp.launch.py --show-args

More requests: ros2 action send_goal --feedback /grasp affordance_grasp/action/AffordanceGrasp
"{query: hold}".
"""

import os

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch_ros.actions import Node

from affordance_grasp.share import share_path
from launch import LaunchContext, LaunchDescription

PACKAGE = "affordance_grasp"
FAST_DDS_PROFILES = "FASTRTPS_DEFAULT_PROFILES_FILE"

ARGUMENTS = {
    "query": ("hold", "what to ask for once everything is ready; empty: wait for requests"),
    "method": ("plsp", "grounding method"),
    "checkpoint": ("", "checkpoint of the method; empty: the one that comes with the package"),
    "device": ("cpu", "torch device of the grounder, such as cpu or cuda:0"),
    "generator": ("antipodal", "grasp generator"),
    "rule": ("bands", "how grasps are ranked: bands, or argmax as in the paper"),
    "camera": ("simulation", "where images come from"),
    "robot": ("simulation", "what executes the grasps"),
    "object": ("mug", "family of the object on the simulated table"),
    "seed": ("100000", "instance of the object; from 100000 on it was never trained on"),
    "pose_seed": ("0", "where the object stands on the simulated table"),
    "dry_run": ("false", "true: decide and show, but move nothing"),
    "params": ("", "ROS parameter file; empty: config/grasp.yaml of the package"),
}
CHOICES = {"camera": ["simulation"], "robot": ["simulation"], "dry_run": ["true", "false"]}
PARAMETERS = {
    "simulator": {"object": str, "seed": int, "pose_seed": int},
    "grounder": {"method": str, "checkpoint": str, "device": str, "query": str},
    "candidates": {"generator": str},
    "selector": {"rule": str},
    "controller": {"robot": str},
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the nodes with them."""
    declared = [
        DeclareLaunchArgument(
            name, default_value=default, description=description, choices=CHOICES.get(name)
        )
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, *_room_for_frames(), OpaqueFunction(function=_nodes)])


def _room_for_frames() -> list[SetEnvironmentVariable]:
    """Fast DDS's own shared memory is smaller than a camera frame; keep what the user has set."""
    if FAST_DDS_PROFILES in os.environ:
        return []
    return [SetEnvironmentVariable(FAST_DDS_PROFILES, str(share_path("config/fastdds.xml")))]


def _nodes(context: LaunchContext) -> list[Node]:
    given = context.launch_configurations
    params = given["params"] or str(share_path("config/grasp.yaml"))
    nodes = [
        _node(executable, [params, {name: kind(given[name]) for name, kind in types.items()}])
        for executable, types in PARAMETERS.items()
    ]
    if given["query"]:
        asked = {"query": given["query"], "dry_run": given["dry_run"] == "true"}
        nodes.append(_node("ask", [asked]))
    return nodes


def _node(executable: str, parameters: list) -> Node:
    return Node(
        package=PACKAGE,
        executable=executable,
        name=executable,
        output="screen",
        emulate_tty=True,
        parameters=parameters,
    )
