"""Action servers: goals with an owner, that end when nobody wants them, and before their node."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node

from affordance_grasp.nodes.ros.calls import MANY, Refused, answering
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import SILENT, Owner

Work = Callable[[ServerGoalHandle, Any], None]
LEAVE_S, DELIVERY_S = 3.0, 0.5
POLL_S = 0.1
UNFINISHED = "this goal did not end in time; see that the robot stands still"


class Actions:
    """The actions of a node, one client's goals at a time; see :mod:`.ownership`."""

    def __init__(self, node: Node, heartbeats: Heartbeats, server: str) -> None:
        """``server``: under which its clients know it."""
        self._node, self._owner = node, Owner(heartbeats, server)
        self._leaving, self._left = Event(), Event()
        self._executing, self._unsent = 0, 0
        self._change = Condition()

    def serve(self, kind: Any, name: str, work: Work, group: CallbackGroup) -> None:
        """Offer an action; ``work(handle, result)`` fills the result, or raises why it fails.

        A goal that was cancelled meanwhile ends as cancelled.
        """

        def execute(handle: ServerGoalHandle) -> Any:
            self._count(executing=1, unsent=1)
            result = self._worked_on(handle, kind, work)
            if handle.is_cancel_requested:
                handle.canceled()
            elif result.success:
                handle.succeed()
            else:
                handle.abort()
            self._count(executing=-1)
            return result

        ReportingServer(
            lambda: self._count(unsent=-1),
            self._node,
            kind,
            name,
            execute,
            callback_group=group,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            goal_service_qos_profile=MANY,
            result_service_qos_profile=MANY,
            cancel_service_qos_profile=MANY,
        )

    def unwanted(self, handle: ServerGoalHandle) -> str:
        """Why a goal must end now; empty while it is wanted."""
        if handle.is_cancel_requested:
            return "stopped on request"
        if self._leaving.is_set():
            return self._stops()
        return SILENT if self._owner.lost(bytes(handle.goal_id.uuid)) else ""

    def leave(self) -> bool:
        """End all goals and deliver their results; whether their work ended in time.

        A goal whose work does not end is aborted all the same, so that its client hears of it.
        """
        self._leaving.set()
        ended = self._await(lambda: self._executing == 0, LEAVE_S)
        self._left.set()
        self._await(lambda: self._unsent <= 0, DELIVERY_S)
        return ended

    def _await(self, reached: Callable[[], bool], timeout_s: float) -> bool:
        with self._change:
            return self._change.wait_for(reached, timeout_s)

    def _count(self, executing: int = 0, unsent: int = 0) -> None:
        with self._change:
            self._executing += executing
            self._unsent += unsent
            self._change.notify_all()

    def _stops(self) -> str:
        return f"the node {self._node.get_name()} is being stopped"

    def _worked_on(self, handle: ServerGoalHandle, kind: Any, work: Work) -> Any:
        """The result of the work, which is done in a thread that can be left behind."""
        result, done = kind.Result(), Event()

        def fill() -> None:
            with answering(self._node, result):
                if self._leaving.is_set():
                    raise Refused(self._stops())
                with self._owner.serving(bytes(handle.goal_id.uuid)):
                    work(handle, result)
            done.set()

        Thread(target=fill, name="goal", daemon=True).start()
        while not done.wait(POLL_S):
            if self._left.is_set():
                return kind.Result(message=f"{self._stops()}; {UNFINISHED}")
        return result


class ReportingServer(ActionServer):
    """An action server that reports every result that it sends to a client."""

    def __init__(self, on_sent: Callable[[], None], *arguments: Any, **options: Any) -> None:
        """``on_sent`` is called after each; the rest is of the base class."""
        self._on_sent = on_sent
        super().__init__(*arguments, **options)

    def _send_result_response(self, request_header: Any, future: Any) -> None:
        super()._send_result_response(request_header, future)
        self._on_sent()


class ExclusiveAction:
    """Executes one goal at a time and aborts any other at once; see :class:`Actions`."""

    def __init__(
        self, node: Node, heartbeats: Heartbeats, kind: Any, name: str, work: Work
    ) -> None:
        """Offer the action."""
        self._name, self._busy = name, Lock()
        self._actions = Actions(node, heartbeats, name)
        self.unwanted, self.leave = self._actions.unwanted, self._actions.leave
        self.serve(kind, name, work)

    def serve(self, kind: Any, name: str, work: Work) -> None:
        """Offer one more action, whose goals exclude those of the others."""

        def alone(handle: ServerGoalHandle, result: Any) -> None:
            with self.held_off():
                work(handle, result)

        self._actions.serve(kind, name, alone, ReentrantCallbackGroup())

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """No goal begins meanwhile; raises :class:`Refused` where one is under way."""
        if not self._busy.acquire(blocking=False):
            raise Refused(f"{self._name} is busy with another goal; cancel it or wait")
        try:
            yield
        finally:
            self._busy.release()


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
        return {stage: end - begun for (stage, begun), end in zip(self._begun, ends, strict=False)}
