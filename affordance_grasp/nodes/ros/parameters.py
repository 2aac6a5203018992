"""A frozen dataclass as the ROS parameters of a node.

Each field is one parameter: its name, its default, its type, and ``describe`` for the words that
``ros2 param describe`` shows. Values are read once, when the node is made, and validated by the
dataclass itself.
"""

from dataclasses import MISSING, field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, ParameterUninitializedException
from rclpy.node import Node

from affordance_grasp.errors import InvalidInput

T = TypeVar("T")
DESCRIPTION = "description"


def describe(default: Any, description: str) -> Any:
    """A dataclass field with a default and a description for the ROS parameter."""
    return field(default=default, metadata={DESCRIPTION: description})


def declare(node: Node, kind: type[T]) -> T:
    """Declare every field of ``kind`` as a read-only parameter of ``node``; return the values."""
    values = {}
    for entry in fields(kind):  # type: ignore[arg-type]
        if entry.default is MISSING:
            raise InvalidInput(f"parameter {entry.name} of {kind.__name__} has no default")
        descriptor = ParameterDescriptor(
            description=entry.metadata.get(DESCRIPTION, ""), read_only=True
        )
        values[entry.name] = _declare_one(node, entry.name, entry.default, descriptor)
    return kind(**values)


def _declare_one(node: Node, name: str, default: Any, descriptor: ParameterDescriptor) -> Any:
    try:
        return node.declare_parameter(name, default, descriptor).value
    except (InvalidParameterTypeException, ParameterUninitializedException) as error:
        raise InvalidInput(
            f"parameter {name} of node {node.get_name()} must be of type "
            f"{type(default).__name__}, such as {default!r}"
        ) from error
