"""Action servers: any goal may be cancelled, and one of them executes one goal at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.nodes.ros.calls import Refused, answering

Work = Callable[[ServerGoalHandle, Any], None]


def serve_action(node: Node, kind: Any, name: str, work: Work, group: CallbackGroup) -> None:
    """Offer an action; ``work(handle, result)`` fills the result, or raises why it fails.

    A goal that was cancelled meanwhile ends as cancelled.
    """

    def execute(handle: ServerGoalHandle) -> Any:
        result = kind.Result()
        with answering(node, result):
            work(handle, result)
        if not handle.is_active:
            return result  # the work has ended it as cancelled
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.success:
            handle.succeed()
        else:
            handle.abort()
        return result

    accept = CancelResponse.ACCEPT
    ActionServer(node, kind, name, execute, callback_group=group, cancel_callback=lambda _: accept)


class ExclusiveAction:
    """Executes one goal at a time and aborts any other at once; see :func:`serve_action`."""

    def __init__(self, node: Node, kind: Any, name: str, work: Work) -> None:
        """Offer the action."""
        self._name, self._work, self._busy = name, work, Lock()
        serve_action(node, kind, name, self._execute, ReentrantCallbackGroup())

    def wait_idle(self, timeout_s: float) -> bool:
        """Whether the current goal, if any, ends within a time [s]."""
        if not self._busy.acquire(timeout=timeout_s):
            return False
        self._busy.release()
        return True

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """No goal begins meanwhile; raises :class:`Refused` where one is under way."""
        if not self._busy.acquire(blocking=False):
            raise Refused(f"{self._name} is busy with another goal; cancel it or wait")
        try:
            yield
        finally:
            self._busy.release()

    def _execute(self, handle: ServerGoalHandle, result: Any) -> None:
        with self.held_off():
            self._work(handle, result)


class Stages:
    """Reports each stage of a goal as it begins, and records their durations."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """``report`` is called with the name of every stage."""
        self._report = report
        self._begun: list[tuple[str, float]] = []

    def __call__(self, stage: str) -> None:
        """Begin a stage, which ends the one before."""
        self._begun.append((stage, monotonic()))
        self._report(stage)

    def timings_s(self) -> dict[str, float]:
        """Stage -> duration [s], of the last one until now."""
        ends = [begun for _, begun in self._begun[1:]] + [monotonic()]
        return {stage: end - begun for (stage, begun), end in zip(self._begun, ends, strict=True)}
