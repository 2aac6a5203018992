"""Pictures of a world that goes on meanwhile: drawn in a thread of their own from copies of it."""

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
class Moment:
    """A world as it was at a stamp, and who can draw it."""

    world: World
    state: Any
    stamp_ns: int


@dataclass
class Feed:
    """Pictures to draw ``rate_hz`` times a second while it is ``wanted``."""

    rate_hz: float
    wanted: Callable[[], bool]
    draw: Callable[[Observer, Moment], None]
    due_s: float = field(default=0.0, init=False)


class Drawing:
    """Draws what is due, one moment at a time; on a slow machine seldom enough to leave time.

    Drawing takes a tenth of a second; a world that waited for it would stand, and every command
    to it wait as long.
    """

    def __init__(self, feeds: Sequence[Feed], now_ns: Callable[[], int]) -> None:
        """Start the thread; ``now_ns`` stamps moments."""
        self._feeds, self._now_ns = feeds, now_ns
        self._free = Event()
        self._free.set()
        self._moments: SimpleQueue[Moment | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="drawing", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False once the thread has ended, by :meth:`close` or by a fault."""
        return self._thread.is_alive()

    def offer(self, world: World) -> None:
        """Take a copy of the world as it is now, if something is due and nothing being drawn."""
        if self._free.is_set() and self._due():
            self._free.clear()
            self._moments.put(Moment(world, world.state(), self._now_ns()))

    def close(self) -> None:
        """Finish the picture that is being drawn, and free the renderers."""
        self._moments.put(None)
        self._thread.join(CLOSE_S)

    def _due(self) -> list[Feed]:
        now = monotonic()
        return [feed for feed in self._feeds if now >= feed.due_s and feed.wanted()]

    def _run(self) -> None:
        world, observer = None, None
        while (moment := self._moments.get()) is not None:
            if moment.world is not world or observer is None:
                if observer is not None:
                    observer.close()
                world, observer = moment.world, moment.world.observer()
            for feed in self._due():
                _draw(feed, observer, moment)
            self._free.set()
        if observer is not None:
            observer.close()


def _draw(feed: Feed, observer: Observer, moment: Moment) -> None:
    begun, worked = monotonic(), thread_time()
    feed.draw(observer, moment)
    # Time in which others had the processor does not count, or frames were scarce just then.
    cost_s = thread_time() - worked
    feed.due_s = begun + max(1 / feed.rate_hz, cost_s / MAX_SHARE)
