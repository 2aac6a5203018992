"""Goals to action servers, with a time limit and cancellation."""

from collections import deque
from collections.abc import Callable
from math import inf
from threading import Event, Lock
from time import monotonic, process_time
from typing import Any
from uuid import uuid4

from rclpy import action
from rclpy.action import get_action_names_and_types
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future
from unique_identifier_msgs.msg import UUID

from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.ros.calls import MANY, NoAnswer, Refused, publishers, wait
from affordance_grasp.nodes.ros.ownership import Lease

ANSWER_TIMEOUT_S = 3.0
END_TIMEOUT_S = 3.0
PROBE_S = 0.3
POLL_S = 0.005
GONE_S = 1.0
GONE = "the node that does it has gone; see that the robot stands still, then restart it"


class ActionClient(action.ActionClient):
    """An action client that may be used from any thread.

    The base class of Jazzy registers a request after sending it. An answer that another thread
    takes in between is dropped as unexpected, and its future never ends (ros2/rclpy issue 1123).
    Here no data is taken while a request is being sent. The answers to all clients reach each of
    them, which picks its own: they must not crowd it out.
    """

    def __init__(
        self, node: Node, kind: Any, name: str, lease: Lease | None = None, **options: Any
    ) -> None:
        """``kind`` is the action's class; it, ``name`` and ``lease`` are kept as attributes."""
        self._sending, self._twice = Lock(), Event()
        self._answered: deque[int] = deque(maxlen=16)
        self.kind, self.name, self.lease = str(kind.__name__), name, lease
        many = {f"{part}_service_qos_profile": MANY for part in ("goal", "result", "cancel")}
        super().__init__(node, kind, name, **many, **options)

    def await_matched(self, timeout_s: float) -> bool:
        """Whether its server is there, and answers this client, within a time [s].

        A server that has just started may take a goal before its answers find their way. So it is
        asked, until it answers, for the result of a goal that never was.
        """
        end, answered = monotonic() + timeout_s, Event()
        if not self.wait_for_server(timeout_s):
            return False
        while monotonic() < end and not answered.is_set():
            asked = self._get_result_async(self.handle(UUID(uuid=list(uuid4().bytes))))
            asked.add_done_callback(lambda _: answered.set())
            answered.wait(PROBE_S)  # an answer to an earlier question will do as well
        return answered.is_set()

    def servers(self) -> list[str]:
        """The nodes that offer the action, one that was killed for up to 20 s more."""
        names = publishers(self._node, f"{self.name}/_action/status")
        return [name.rpartition("/")[2] for name in names]

    def rivals(self) -> list[str]:
        """The servers where more than one answers; a goal would go to all of them."""
        if len(servers := self.servers()) < 2:
            return []
        self._twice.clear()
        self._get_result_async(self.handle(UUID(uuid=list(uuid4().bytes))))
        return servers if self._twice.wait(GONE_S) else []

    def handle(self, goal_id: UUID) -> ClientGoalHandle:
        """The handle of a goal of which no answer has come."""
        return ClientGoalHandle(self, goal_id, self._action_type.Impl.SendGoalService.Response())

    def new_goal_id(self) -> UUID:
        """For one more goal, in the name of the lease if there is one."""
        return UUID(uuid=list(uuid4().bytes)) if self.lease is None else self.lease.goal_id()

    @property
    def drives(self) -> bool:
        """Whether its goals may go on only while it watches them."""
        return self.lease is None or self.lease.owns

    def lost(self) -> bool:
        """Whether the server's heart has stopped; False where it never beat."""
        return self.lease is not None and self.lease.lost()

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

    async def execute(self, taken_data: dict[str, Any]) -> None:
        """See the base class; also notices when a question has two answers."""
        if "result" in taken_data:
            number = taken_data["result"][0]
            if number in self._answered:
                self._twice.set()
            self._answered.append(number)
        await super().execute(taken_data)

    def take_data(self) -> dict[str, Any]:
        """See the base class."""
        with self._sending:
            return super().take_data()


class Goals:
    """Sends one goal after another; cancels the current one when it is not wanted any more."""

    def __init__(
        self,
        guard: Callable[[], None] | None = None,
        accept_timeout_s: float = ANSWER_TIMEOUT_S,
        end_timeout_s: float = END_TIMEOUT_S,
    ) -> None:
        """No goal yet.

        Args:
            guard: called repeatedly; raises ``MotionFault`` when the motion must stop.
            accept_timeout_s: how long a server may take to accept a goal.
            end_timeout_s: how long it may take to end one that is cancelled.
        """
        self._guard = guard
        self._accept_s, self._end_s = accept_timeout_s, end_timeout_s
        self._stopped = Event()
        self._unwanted: Callable[[], str] = lambda: ""
        self._leases: list[Lease] = []

    def begin(self, unwanted: Callable[[], str]) -> None:
        """Clear an earlier stop; ``unwanted`` is polled from now on and tells why to stop."""
        self._stopped.clear()
        self._unwanted = unwanted

    def end(self) -> None:
        """No more goals follow: others may have the servers."""
        while self._leases:
            self._leases.pop().release()

    def stop(self) -> None:
        """Cancel the current goal and refuse others until :meth:`begin`."""
        self._stopped.set()

    def check(self) -> None:
        """Raise when stopped or unwanted, or when the guard raises."""
        if self._stopped.is_set():
            raise MotionFault("stopped on request")
        if why := self._unwanted():
            raise MotionFault(why)
        if self._guard is not None:
            self._guard()

    def pause(self, duration_s: float) -> None:
        """Wait [s], unless stopped or unwanted."""
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
        if not client.await_matched(self._accept_s):
            raise NoAnswer(f"{what}: no action server answers; is its node running?")
        if rivals := client.rivals():
            raise Refused(
                f"{what}: {' and '.join(rivals)} offer {client.name}, and each would do it; stop "
                "all but one"
            )
        if client.lease is not None:
            self._leases.append(client.lease)
            client.lease.hold(self._accept_s, what)
        self.check()  # this node may have stood still meanwhile
        handle = self._accepted(client, goal, what, on_feedback)
        if not handle.accepted:
            raise Refused(f"{what}: the goal was not accepted; see the log of its server")
        return self._await(client, handle, timeout_s, what)

    def _accepted(
        self,
        client: ActionClient,
        goal: Any,
        what: str,
        on_feedback: Callable[[Any], None] | None,
    ) -> ClientGoalHandle:
        """The goal's handle; without an answer the goal is cancelled, now and if one comes."""
        relay = None if on_feedback is None else lambda message: on_feedback(message.feedback)
        goal_id = client.new_goal_id()
        sent = client.send_goal_async(goal, feedback_callback=relay, goal_uuid=goal_id)
        try:
            return wait(sent, self._accept_s, what)
        except NoAnswer:
            client.handle(goal_id).cancel_goal_async()
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
            fate = self._fate(client, done)
            if not isinstance(error, MotionFault):
                raise
            if fate:
                raise NoAnswer(f"{what}: {error}; {fate}") from error
            raise MotionFault(f"{what}: {error}") from error
        return future.result()

    def _watch(self, client: ActionClient, done: Event, deadline: float, what: str) -> None:
        """Return when it is done; raise when its server is gone, on a timeout or a stop."""
        seen = last = monotonic()
        awake, computed = -inf, process_time()
        while not done.wait(POLL_S):
            now = monotonic()
            if now - last > GONE_S:
                if client.drives:
                    raise MotionFault(
                        f"this node itself stood still for {now - last:.1f} s, "
                        f"{process_time() - computed:.1f} s of which its process computed"
                    )
                seen = awake = now  # what was sent to it meanwhile is read first
            last, computed = now, process_time()
            self.check()
            seen = now if client.server_is_ready() else seen
            if (client.lost() and now - awake > GONE_S) or now - seen > GONE_S:
                raise NoAnswer(f"{what}: {GONE}")
            if now > deadline:
                raise MotionFault("it took too long and was cancelled")

    def _fate(self, client: ActionClient, done: Event) -> str:
        """Why a cancelled goal does not end; empty when it has ended."""
        end = monotonic() + self._end_s
        while not done.wait(POLL_S):
            if client.lost():
                return GONE
            if monotonic() > end:
                return "it was cancelled and did not end, use the robot's own stop"
        return ""


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
