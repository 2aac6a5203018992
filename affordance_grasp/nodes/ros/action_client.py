"""An action client that may be used from any thread.

``rclpy.action.ActionClient`` of Jazzy registers a request after sending it. An answer that another
thread takes in between is dropped as unexpected, and its future never ends (ros2/rclpy issue
1123). Here no data is taken while a request is being sent.
"""

from threading import Lock
from typing import Any

from rclpy import action
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future


class ActionClient(action.ActionClient):
    """As the base class, with one lock around sending and taking."""

    def __init__(self, node: Node, kind: Any, name: str, **options: Any) -> None:
        """``kind`` is the action's class; it and ``name`` are kept as attributes."""
        self._sending = Lock()
        self.kind, self.name = str(kind.__name__), name
        super().__init__(node, kind, name, **options)

    def send_goal_async(self, *arguments: Any, **options: Any) -> Future:
        """See the base class."""
        with self._sending:
            return super().send_goal_async(*arguments, **options)

    def _cancel_goal_async(self, goal_handle: ClientGoalHandle) -> Future:
        with self._sending:
            return super()._cancel_goal_async(goal_handle)

    def _get_result_async(self, goal_handle: ClientGoalHandle) -> Future:
        with self._sending:
            return super()._get_result_async(goal_handle)

    def take_data(self) -> dict[str, Any]:
        """See the base class."""
        with self._sending:
            return super().take_data()
