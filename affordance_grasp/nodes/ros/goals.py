"""Goals to action servers, with a time limit and cancellation."""

from collections.abc import Callable
from threading import Event, Lock
from time import monotonic
from typing import Any

from rclpy import action
from rclpy.action import get_action_names_and_types
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused, wait

ANSWER_TIMEOUT_S = 3.0
POLL_S = 0.005
GONE_S = 1.0


class ActionClient(action.ActionClient):
    """An action client that may be used from any thread.

    The base class of Jazzy registers a request after sending it. An answer that another thread
    takes in between is dropped as unexpected, and its future never ends (ros2/rclpy issue 1123).
    Here no data is taken while a request is being sent.
    """

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


class Goals:
    """Sends one goal after another; cancels the current one on a cancellation or stop."""

    def __init__(
        self, guard: Callable[[], None] | None = None, accept_timeout_s: float | None = None
    ) -> None:
        """No goal yet.

        Args:
            guard: called repeatedly; raises ``MotionFault`` when the motion must stop.
            accept_timeout_s: how long a server may take to accept a goal, if not 3 s.
        """
        self._guard = guard
        self._accept_s = accept_timeout_s or ANSWER_TIMEOUT_S
        self._stopped = Event()
        self._cancelled: Callable[[], bool] = lambda: False

    def begin(self, cancelled: Callable[[], bool]) -> None:
        """Clear an earlier stop; ``cancelled`` is polled from now on."""
        self._stopped.clear()
        self._cancelled = cancelled

    def stop(self) -> None:
        """Cancel the current goal and refuse others until :meth:`begin`."""
        self._stopped.set()

    def check(self) -> None:
        """Raise when stopped or cancelled, or when the guard raises."""
        if self._stopped.is_set() or self._cancelled():
            raise MotionFault("stopped on request")
        if self._guard is not None:
            self._guard()

    def pause(self, duration_s: float) -> None:
        """Wait [s], unless stopped or cancelled."""
        end = monotonic() + duration_s
        while monotonic() < end:
            self.check()
            self._stopped.wait(POLL_S)

    def send(
        self,
        client: ActionClient,
        goal: Any,
        timeout_s: float,
        what: str,
        on_feedback: Callable[[Any], None] | None = None,
    ) -> Any:
        """Send a goal of this package and return its result; refuse one without success."""
        result = self.run(client, goal, timeout_s, what, on_feedback).result
        if not result.success:
            raise Refused(result.message)
        return result

    def run(
        self,
        client: ActionClient,
        goal: Any,
        timeout_s: float,
        what: str,
        on_feedback: Callable[[Any], None] | None = None,
    ) -> Any:
        """Send a goal and return its end: ``status`` (``GoalStatus``) and ``result``.

        On a timeout, stop or cancellation the goal is cancelled and its end awaited.
        """
        self.check()
        if not client.wait_for_server(self._accept_s):
            raise NoAnswer(f"{what}: no action server answers; is its node running?")
        relay = None if on_feedback is None else lambda message: on_feedback(message.feedback)
        handle = self._accepted(client.send_goal_async(goal, feedback_callback=relay), what)
        if not handle.accepted:
            raise Refused(f"{what}: the goal was not accepted; see the log of its server")
        return self._await(client, handle, timeout_s, what)

    def _accepted(self, sent: Future, what: str) -> ClientGoalHandle:
        """The goal's handle; a goal that is accepted too late is cancelled then."""
        try:
            return wait(sent, self._accept_s, what)
        except NoAnswer:
            sent.add_done_callback(_cancel)
            raise

    def _await(
        self, client: ActionClient, handle: ClientGoalHandle, timeout_s: float, what: str
    ) -> Any:
        done = Event()
        future = handle.get_result_async()
        future.add_done_callback(lambda _: done.set())
        try:
            self._watch(client, done, monotonic() + timeout_s, what)
        except NoAnswer:
            handle.cancel_goal_async()
            raise
        except BaseException as error:  # also on Ctrl-C, so that no arm keeps moving
            handle.cancel_goal_async()
            ended = done.wait(ANSWER_TIMEOUT_S)
            if not isinstance(error, MotionFault):
                raise
            if not ended:
                raise NoAnswer(
                    f"{what}: {error}; it was cancelled and did not end, use the robot's own stop"
                ) from error
            raise MotionFault(f"{what}: {error}") from error
        return future.result()

    def _watch(self, client: ActionClient, done: Event, deadline: float, what: str) -> None:
        """Return when it is done; raise when its server is gone, on a timeout or a stop."""
        seen = monotonic()
        while not done.wait(POLL_S):
            self.check()
            now = monotonic()
            seen = now if client.server_is_ready() else seen
            if now - seen > GONE_S:
                raise NoAnswer(
                    f"{what}: the node that does it has gone; see that the robot stands still, "
                    "then restart it"
                )
            if now > deadline:
                raise MotionFault("it took too long and was cancelled")


def _cancel(sent: Future) -> None:
    handle = sent.result()
    if handle is not None and handle.accepted:
        handle.cancel_goal_async()


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
