"""Parts of ROS 2 that not every installation has, imported where they are needed."""

from importlib import import_module
from types import ModuleType

from rclpy.action import get_action_names_and_types
from rclpy.node import Node

from affordance_grasp.errors import MissingPackage
from affordance_grasp.nodes.ros.action_client import ActionClient


def require(module: str, wanted_by: str) -> ModuleType:
    """Import a module of ROS 2; where it is missing, the sentence names the package to install."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingPackage(
            f"{wanted_by} needs {package}, which this ROS 2 does not have; install "
            f"ros-$ROS_DISTRO-{package.replace('_', '-')} ({error})"
        ) from error


def absent_action(node: Node, client: ActionClient) -> str:
    """Why an action is not served, and what is offered instead; empty when it is served.

    A server of another type under the same name counts as ready in Fast DDS, and never answers.
    """
    resolved, wanted = node.resolve_service_name(client.name), client.kind
    offered = {name: kinds for name, kinds in get_action_names_and_types(node) if kinds}
    others = [kind for kind in offered.get(resolved, []) if kind.rpartition("/")[2] != wanted]
    if others:
        return f"{resolved} is offered as {', '.join(others)} and not as {wanted}"
    if client.server_is_ready():
        return ""
    there = ", ".join(sorted(set(offered) - {resolved})) or "none"
    return f"no node offers {wanted} as {resolved}; actions that are there: {there}"
