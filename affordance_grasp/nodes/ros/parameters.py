"""A class of settings as the ROS parameters of a node.

Each setting is one parameter: ``ros2 param describe`` shows its description and its range, and
``ros2 param set`` changes those that may change while the node runs.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from msgspec import inspect
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, ParameterUninitializedException
from rclpy.node import Node
from rclpy.parameter import Parameter

from affordance_grasp.configuration.settings import MAX_WHOLE, Setting, Settings, settings_of
from affordance_grasp.errors import AffordanceGraspError, InvalidInput

T = TypeVar("T", bound=Settings)


def declare(node: Node, kind: type[T]) -> T:
    """Declare every setting of a class as a parameter of ``node``; return the values."""
    settings = settings_of(kind)
    values = kind(**{setting.name: _declare_one(node, setting) for setting in settings})
    for setting in settings:
        # Only now: rclpy would refuse a value out of the range without a sentence.
        descriptor = ParameterDescriptor(
            type=node.describe_parameter(setting.name).type,
            description=setting.help,
            read_only=not setting.live,
            **_range(setting),
        )
        node.set_descriptor(setting.name, descriptor)
    return values


class LiveParameters(Generic[T]):
    """The parameters of a node, some of which may change while it runs."""

    def __init__(self, node: Node, kind: type[T], take: Callable[[T], None] = lambda _: None):
        """Declare them.

        Args:
            node: whose parameters.
            kind: their class.
            take: called with every new state before it applies; raises to refuse it.
        """
        self._now, self._take, self._lock = declare(node, kind), take, Lock()
        self._settings = {setting.name: setting for setting in settings_of(kind)}
        node.add_on_set_parameters_callback(self._change)

    @property
    def now(self) -> T:
        """All of them as they are; read it once for one piece of work."""
        return self._now

    def _change(self, changes: Iterable[Parameter]) -> SetParametersResult:
        """Apply all changes or none, with the reason."""
        ours = {each.name: each.value for each in changes if each.name in self._settings}
        if not ours:  # such as those that a subscription declares while we take a change
            return SetParametersResult(successful=True)
        with self._lock:
            try:
                values = {name: _plain(self._settings[name], ours[name]) for name in ours}
                changed = cast(T, replace(cast(Any, self._now), **values))
                if changed != self._now:
                    self._take(changed)
                    self._now = changed
            except AffordanceGraspError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _declare_one(node: Node, setting: Setting) -> Any:
    default = setting.default
    default = "" if default is None else str(default) if isinstance(default, Path) else default
    try:
        value = node.declare_parameter(setting.name, default).value
    except (InvalidParameterTypeException, ParameterUninitializedException) as error:
        raise InvalidInput(
            f"parameter {setting.name} of node {node.get_name()} must be of type "
            f"{type(default).__name__}, such as {default!r}"
        ) from error
    return _plain(setting, value)


def _plain(setting: Setting, value: Any) -> Any:
    """ROS has no parameter without a value: an empty text means none."""
    if value == "" and setting.optional:
        return None
    return Path(value) if isinstance(setting.default, Path) else value


def _range(setting: Setting) -> dict[str, Any]:
    """The bounds as ROS has them, which are part of the range; the class itself is stricter."""
    kind = setting.kind
    if not isinstance(kind, (inspect.FloatType, inspect.IntType)):
        return {}
    low = next((bound for bound in (kind.ge, kind.gt) if bound is not None), None)
    high = next((bound for bound in (kind.le, kind.lt) if bound is not None), None)
    if low is None and high is None:
        return {}
    whole = isinstance(kind, inspect.IntType)
    most = MAX_WHOLE if whole else sys.float_info.max
    low, high = -most if low is None else low, most if high is None else high
    if whole:
        return {"integer_range": [IntegerRange(from_value=low, to_value=high)]}
    bounds = FloatingPointRange(from_value=float(low), to_value=float(high))
    return {"floating_point_range": [bounds]}
