"""Rendering of a running world in a separate thread, from copies of its state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic, thread_time
from typing import Any

from affordance_grasp.simulation.cell.observer import Observer
from affordance_grasp.simulation.cell.world import World

MAX_SHARE = 0.5
CLOSE_S = 20.0


@dataclass(frozen=True)
class Snapshot:
    """The state of a world at a stamp."""

    world: World
    state: Any
    stamp_ns: int


@dataclass
class ImageFeed:
    """Images rendered ``rate_hz`` times a second while ``wanted()`` is true."""

    rate_hz: float
    wanted: Callable[[], bool]
    render: Callable[[Observer, Snapshot], None]
    due_s: float = field(default=0.0, init=False)


class RenderThread:
    """Renders the feeds that are due, one snapshot at a time, with a limited share of one core.

    Rendering takes a tenth of a second, during which the world and its commands must not wait.
    """

    def __init__(self, feeds: Sequence[ImageFeed], now_ns: Callable[[], int]) -> None:
        """Start the thread; ``now_ns`` stamps the snapshots."""
        self._feeds, self._now_ns = feeds, now_ns
        self._free = Event()
        self._free.set()
        self._snapshots: SimpleQueue[Snapshot | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="rendering", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False once the thread has ended, by :meth:`close` or by a fault."""
        return self._thread.is_alive()

    def offer(self, world: World) -> None:
        """Take a snapshot of the world, if a feed is due and the thread is idle."""
        if self._free.is_set() and self._due():
            self._free.clear()
            self._snapshots.put(Snapshot(world, world.state(), self._now_ns()))

    def close(self) -> None:
        """Finish the present image and free the renderers."""
        self._snapshots.put(None)
        self._thread.join(CLOSE_S)

    def _due(self) -> list[ImageFeed]:
        now = monotonic()
        return [feed for feed in self._feeds if now >= feed.due_s and feed.wanted()]

    def _run(self) -> None:
        world, observer = None, None
        while (snapshot := self._snapshots.get()) is not None:
            if snapshot.world is not world or observer is None:
                if observer is not None:
                    observer.close()
                world, observer = snapshot.world, snapshot.world.observer()
            for feed in self._due():
                _render(feed, observer, snapshot)
            self._free.set()
        if observer is not None:
            observer.close()


def _render(feed: ImageFeed, observer: Observer, snapshot: Snapshot) -> None:
    begun, worked = monotonic(), thread_time()
    feed.render(observer, snapshot)
    # CPU time, not wall time: a busy machine must not slow the feeds further.
    cost_s = thread_time() - worked
    feed.due_s = begun + max(1 / feed.rate_hz, cost_s / MAX_SHARE)
