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

AS_IN_PARAMS = "empty: as in the parameter file"
ARGUMENTS = {
    "query": ("hold", "what to ask for once everything is ready; empty: wait for requests"),
    "method": ("", f"grounding method, such as plsp; {AS_IN_PARAMS}"),
    "checkpoint": ("", f"checkpoint of the method; {AS_IN_PARAMS}, else the package's own"),
    "device": ("", f"torch device of the grounder, such as cpu or cuda:0; {AS_IN_PARAMS}"),
    "generator": ("", f"grasp generator, such as antipodal; {AS_IN_PARAMS}"),
    "rule": ("", f"how grasps are ranked: bands, or argmax as in the paper; {AS_IN_PARAMS}"),
    "robot": ("", f"what executes the grasps; {AS_IN_PARAMS}"),
    "object": ("", f"family of the object on the simulated table; {AS_IN_PARAMS}"),
    "seed": ("", f"instance of the object, from 100000 on never trained on; {AS_IN_PARAMS}"),
    "pose_seed": ("", f"where the object stands on the simulated table; {AS_IN_PARAMS}"),
    "dry_run": ("false", "true: decide and show, but move nothing"),
    "params": ("", "ROS parameter file; empty: config/grasp.yaml of the package"),
}
CHOICES = {"robot": ["", "simulation"], "dry_run": ["true", "false"]}
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
        _node(executable, [params, *_overrides(given, types)])
        for executable, types in PARAMETERS.items()
    ]
    if given["query"]:
        asked = {"query": given["query"], "dry_run": given["dry_run"] == "true"}
        nodes.append(_node("ask", [asked]))
    return nodes


def _overrides(given: dict[str, str], types: dict[str, type]) -> list[dict]:
    """The arguments that were given; all others stay as they are in the parameter file."""
    chosen = {name: kind(given[name]) for name, kind in types.items() if given[name]}
    return [chosen] if chosen else []


def _node(executable: str, parameters: list) -> Node:
    return Node(
        package=PACKAGE,
        executable=executable,
        name=executable,
        output="screen",
        emulate_tty=True,
        parameters=parameters,
    )
