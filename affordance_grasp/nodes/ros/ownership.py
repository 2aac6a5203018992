"""One client at a time owns a server, as long as its heart beats, and hears the server's.

The first half of the id of every goal names its client, and so does the client's heartbeat, whose
second half says whether it wants the server now. The server's heartbeat names the client whom it
serves. A client without a heartbeat, such as ``ros2 action send_goal``, is served while nobody
else is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from time import monotonic
from uuid import uuid4

from unique_identifier_msgs.msg import UUID

from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.heartbeats import (
    LEASE_S,
    PERIOD_S,
    WATCH_S,
    Heartbeats,
    Pulse,
)

HALF = 8
STALE_S = 2 * PERIOD_S
"""After a process was stopped and goes on, it first reads what had been sent to it meanwhile."""
RESTS, WANTS = bytes(HALF), b"\x01" * HALF
NOBODY = bytes(2 * HALF)
SILENT = "the node that asked for it has fallen silent: it hangs, was stopped or has ended"


def wanting(client: bytes) -> bytes:
    """The heartbeat of a client who wants its server, of any id that names it."""
    return bytes(client[:HALF]) + WANTS


class Owner:
    """The client whom a server serves: the first to want it, until it rests or falls silent."""

    def __init__(self, heartbeats: Heartbeats, server: str) -> None:
        """Of a server's name, such as ``robot``, which its clients know."""
        self._server, self._client, self._pulse = server, NOBODY, Pulse()
        self._left = NOBODY
        self._served: list[bytes] = []
        self._news = Condition()
        self._told_s, self._trusted_s = monotonic(), 0.0
        heartbeats.hear(f"{server}/_client", self.hear, self._pulse.live)
        heartbeats.send(f"{server}/_server", self._tell)

    @property
    def current(self) -> bytes:
        """The owner's heartbeat; ``NOBODY`` without one."""
        with self._news:
            return NOBODY if self._pulse.stopped else self._client

    def hear(self, beat: bytes) -> None:
        """A client's heartbeat; one who wants the server has it where it is free."""
        client = wanting(beat)
        with self._news:
            if beat == client and self._free_for(client):
                self._client = client
                self._left = NOBODY if self._left == client else self._left
                self._pulse.beat()
            elif client == self._client:
                self._client, self._left = NOBODY, client
            self._news.notify_all()

    @contextmanager
    def serving(self, goal_id: bytes) -> Iterator[None]:
        """While a goal is executed; raises :class:`Refused` where another client is served."""
        client = wanting(goal_id)
        with self._news:
            if not self._free_for(client):
                raise Refused(
                    f"{self._server} serves another client; cancel its goal, or wait until it has "
                    "ended"
                )
            self._served.append(client)
        try:
            yield
        finally:
            with self._news:
                self._served.remove(client)

    def lost(self, goal_id: bytes) -> bool:
        """Whether a goal's client rests, or its heart has stopped; False where it never beat.

        A process that was stopped itself waits a moment for what its client wants now; a client
        that says nothing is lost.
        """
        client = wanting(goal_id)
        with self._news:
            self._notice_own_silence()
            while client == self._client and not self._sure() and monotonic() < self._decided_s:
                self._news.wait(PERIOD_S)
            silent = self._pulse.stopped or not self._sure()
            return client == self._left or (client == self._client and silent)

    def _tell(self) -> bytes:
        with self._news:
            self._notice_own_silence()
            self._told_s = monotonic()
        return self.current

    def _notice_own_silence(self) -> None:
        """Whoever of the two threads goes on first must notice."""
        if monotonic() - self._told_s > LEASE_S:
            self._trusted_s = monotonic() + STALE_S

    def _sure(self) -> bool:
        return self._pulse.stopped or self._pulse.heard_s >= self._trusted_s

    @property
    def _decided_s(self) -> float:
        """When a client that wants the server must have said so."""
        return self._trusted_s + 2 * STALE_S

    def _free_for(self, client: bytes) -> bool:
        free = self._client in (NOBODY, client) or self._pulse.stopped
        return free and all(served == client for served in self._served)


class Lease:
    """A client's side of :class:`Owner`."""

    def __init__(self, heartbeats: Heartbeats, server: str, owns: bool = True) -> None:
        """Hear a server; with ``owns`` its goals also end as soon as this client does."""
        self._heartbeats, self._server, self.owns = heartbeats, server, owns
        self._wanting, self._holding = wanting(uuid4().bytes), False
        self._owner, self._news = NOBODY, Condition()
        self._pulse = Pulse(LEASE_S if owns else WATCH_S)
        heartbeats.hear(self._topic, self._hear, self._pulse.live)
        if owns:
            heartbeats.send(f"{server}/_client", self._beat)

    def goal_id(self) -> UUID:
        """A new id for a goal of this client."""
        return UUID(uuid=list(self._wanting[:HALF] + uuid4().bytes[HALF:]))

    def hold(self, timeout_s: float, what: str) -> None:
        """Own the server until :meth:`release`.

        A server that has no heartbeat, such as one of another package, cannot be owned.

        Raises:
            Refused: it serves another client.
            NoAnswer: it is silent.
        """
        if not self._heartbeats.sent_by_another(self._topic):
            return
        self._holding = True
        with self._news:
            if not self._news.wait_for(self._serves_us, timeout_s):
                if not self._pulse.stopped and self._owner != NOBODY:
                    raise Refused(f"{what}: {self._server} serves another client; try again later")
                raise NoAnswer(f"{what}: {self._server} is silent; is its node running?")

    def release(self) -> None:
        """Leave the server to others."""
        self._holding = False

    def lost(self) -> bool:
        """Whether the server's heart has stopped; False where it never beat."""
        return self._pulse.heard and self._pulse.stopped

    @property
    def _topic(self) -> str:
        return f"{self._server}/_server"

    def _beat(self) -> bytes:
        return self._wanting if self._holding else self._wanting[:HALF] + RESTS

    def _serves_us(self) -> bool:
        return not self._pulse.stopped and (not self.owns or self._owner == self._wanting)

    def _hear(self, owner: bytes) -> None:
        with self._news:
            self._owner = owner
            self._pulse.beat()
            self._news.notify_all()
