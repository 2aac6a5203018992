"""One client at a time owns a server, as long as its heart beats, and hears the server's.

The first half of the id of every goal names its client, which says with its heartbeat that it
still wants its goals. The server's heartbeat names the client whom it serves. A client without a
heartbeat, such as ``ros2 action send_goal``, is served while nobody else is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from time import monotonic
from uuid import uuid4

from unique_identifier_msgs.msg import UUID

from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.heartbeats import LEASE_S, Heartbeats

HALF = 8
NOBODY = bytes(2 * HALF)
SERVER_LEASE_S = 1.0
SILENT = (
    f"the node that asked for it has been silent for {LEASE_S:g} s: it hangs, was stopped or has "
    "ended"
)


def client_of(goal_id: bytes) -> bytes:
    """The client's id in that of its goal, as long as a goal's."""
    return bytes(goal_id[:HALF]) + bytes(HALF)


class Owner:
    """The client whom a server serves: the first to be heard, until it falls silent."""

    def __init__(self, heartbeats: Heartbeats, server: str) -> None:
        """Of a server's name, such as ``robot``, which its clients know."""
        self._server = server
        self._client, self._heard_s = NOBODY, 0.0
        self._served: list[bytes] = []
        self._lock = Lock()
        heartbeats.hear(f"{server}/_client", self.hear)
        heartbeats.send(f"{server}/_server", lambda: self.current)

    @property
    def current(self) -> bytes:
        """The owner; ``NOBODY`` without one."""
        with self._lock:
            return NOBODY if self._silent() else self._client

    def hear(self, client: bytes) -> None:
        """A client's heartbeat; it becomes the owner where the server is free."""
        with self._lock:
            if client != self._client and not self._free_for(client):
                return
            self._client, self._heard_s = client, monotonic()

    @contextmanager
    def serving(self, goal_id: bytes) -> Iterator[None]:
        """While a goal is executed; raises :class:`Refused` where another client is served."""
        client = client_of(goal_id)
        with self._lock:
            if not self._free_for(client):
                raise Refused(
                    f"{self._server} serves another client; cancel its goal, or wait until it has "
                    "ended"
                )
            self._served.append(client)
        try:
            yield
        finally:
            with self._lock:
                self._served.remove(client)

    def lost(self, goal_id: bytes) -> bool:
        """Whether the heart of a goal's client has stopped; False where it never beat."""
        with self._lock:
            return self._client == client_of(goal_id) and self._silent()

    def _free_for(self, client: bytes) -> bool:
        owned = self._client not in (NOBODY, client) and not self._silent()
        return not owned and all(served == client for served in self._served)

    def _silent(self) -> bool:
        return monotonic() - self._heard_s > LEASE_S


class Lease:
    """A client's side of :class:`Owner`."""

    def __init__(self, heartbeats: Heartbeats, server: str, owns: bool = True) -> None:
        """Hear a server; with ``owns`` its goals also end as soon as this client does."""
        self._heartbeats, self._server, self._owns = heartbeats, server, owns
        self._id = client_of(uuid4().bytes)
        self._holding = False
        self._owner, self._heard_s = NOBODY, 0.0
        self._heard = Condition()
        heartbeats.hear(self._topic, self._hear)
        if owns:
            heartbeats.send(f"{server}/_client", lambda: self._id if self._holding else None)

    def goal_id(self) -> UUID:
        """A new id for a goal of this client."""
        return UUID(uuid=list(self._id[:HALF] + uuid4().bytes[HALF:]))

    def hold(self, timeout_s: float, what: str) -> None:
        """Own the server until :meth:`release`, by a new id: an old one may be about to expire.

        A server that has no heartbeat, such as one of another package, cannot be owned.

        Raises:
            Refused: it serves another client.
            NoAnswer: it is silent.
        """
        if not self._heartbeats.sent_by_another(self._topic):
            return
        with self._heard:
            if self._owns and not self._holding:
                self._id, self._holding = client_of(uuid4().bytes), True
            if not self._heard.wait_for(self._serves_us, timeout_s):
                if self._fresh() and self._owner != NOBODY:
                    raise Refused(f"{what}: {self._server} serves another client; try again later")
                raise NoAnswer(f"{what}: {self._server} is silent; is its node running?")

    def release(self) -> None:
        """Fall silent, so that the server is free for others a moment later."""
        self._holding = False

    def lost(self) -> bool:
        """Whether the server's heart has stopped; False where it never beat."""
        with self._heard:
            return self._heard_s > 0 and not self._fresh()

    @property
    def _topic(self) -> str:
        return f"{self._server}/_server"

    def _serves_us(self) -> bool:
        return self._fresh() and (not self._owns or self._owner == self._id)

    def _fresh(self) -> bool:
        return monotonic() - self._heard_s <= SERVER_LEASE_S

    def _hear(self, owner: bytes) -> None:
        with self._heard:
            self._owner, self._heard_s = owner, monotonic()
            self._heard.notify_all()
