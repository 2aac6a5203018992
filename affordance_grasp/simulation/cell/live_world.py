"""The simulated work cell running by itself, in step with the wall clock, in one thread.

Rendering contexts belong to the thread that made them, so everything about the world happens
there; others ask it questions (:meth:`LiveWorld.ask`) or wait for a motion to end.
"""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import TypeVar

from affordance_grasp.errors import MotionFault
from affordance_grasp.simulation.cell.world import World

TICK_S = 0.02
MAX_LAG_S = 0.5
ANSWER_TIMEOUT_S = 20.0
STOPPED = "the simulation has stopped; see its log and restart it"

Answer = TypeVar("Answer")
Ended = Callable[[World], bool]


def _nothing() -> None:
    """A question that nobody asks."""


class Motion:
    """Something going on in the world; ``ended`` is asked after every tick."""

    def __init__(self, ended: Ended) -> None:
        """Watch until ``ended`` says so."""
        self._ended = ended
        self._over = Event()
        self._interrupted = False

    def look(self, world: World) -> None:
        """Ask once."""
        if self._ended(world):
            self._over.set()

    def drop(self) -> None:
        """Nobody waits for its end any more."""
        self._over.set()

    def interrupt(self) -> None:
        """It will never end by itself: the world it went on in is no more."""
        self._interrupted = True
        self._over.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait a while [s]; True when it is over, :class:`MotionFault` when interrupted."""
        over = self._over.wait(timeout_s)
        if self._interrupted:
            raise MotionFault("the simulation was reset during the motion")
        return over

    @property
    def over(self) -> bool:
        """True when it is over."""
        return self._over.is_set()


class LiveWorld:
    """Runs a world at ``speed`` times real time and calls ``on_tick`` after every 20 ms of it."""

    def __init__(
        self,
        make_world: Callable[[], World],
        on_tick: Callable[[World], None],
        speed: float = 1.0,
    ) -> None:
        """Start the thread; :meth:`ask` waits until the first world stands."""
        self._on_tick = on_tick
        self._speed = speed
        self._questions: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._motions: list[Motion] = []
        self._stopping = Event()
        self._world: World | None = None
        self._thread = Thread(target=self._run, args=(make_world,), name="world", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False once the thread has ended, by :meth:`close` or by a fault."""
        return self._thread.is_alive()

    def ask(
        self, question: Callable[[World], Answer], timeout_s: float = ANSWER_TIMEOUT_S
    ) -> Answer:
        """The answer to a question that is put to the world in its own thread."""
        answer: Future[Answer] = Future()

        def put() -> None:
            try:
                answer.set_result(question(self._standing()))
            except Exception as error:  # handed to whoever asked, who raises it again
                answer.set_exception(error)

        if not self.alive:
            raise MotionFault(STOPPED)
        self._questions.put(put)
        try:
            return answer.result(timeout_s)
        except FutureTimeout as error:
            raise MotionFault(
                f"the simulation did not answer within {timeout_s:g} s; restart it"
            ) from error

    def start(self, begin: Callable[[World], None], ended: Ended) -> Motion:
        """Begin a motion and watch it."""
        motion = Motion(ended)

        def go(world: World) -> None:
            begin(world)
            self._motions.append(motion)

        self.ask(go)
        return motion

    def replace(self, make_world: Callable[[], World]) -> None:
        """Put another world in place; when it cannot be made, the old one stays."""

        def swap(old: World) -> None:
            self._world = make_world()
            old.close()
            for motion in self._motions:
                motion.interrupt()
            self._motions.clear()

        self.ask(swap)

    def close(self) -> None:
        """Stop the thread and free the renderers."""
        self._stopping.set()
        self._questions.put(_nothing)  # or it would go on waiting for one
        self._thread.join(ANSWER_TIMEOUT_S)

    def _standing(self) -> World:
        if self._world is None:
            raise MotionFault(STOPPED)
        return self._world

    def _run(self, make_world: Callable[[], World]) -> None:
        try:
            self._world = make_world()
            self._keep_pace()
            self._world.close()
        finally:
            self._world = None
            self._answer_questions()  # nobody waits for an answer that will not come

    def _keep_pace(self) -> None:
        due = monotonic()
        while not self._stopping.is_set():
            self._answer_questions(until=due)
            due = max(due + TICK_S / self._speed, monotonic() - MAX_LAG_S)
            self._tick(self._standing())

    def _tick(self, world: World) -> None:
        world.step(TICK_S)
        for motion in self._motions:
            motion.look(world)
        self._motions = [motion for motion in self._motions if not motion.over]
        self._on_tick(world)

    def _answer_questions(self, until: float = 0.0) -> None:
        """Those that wait, and those that come before a moment of the clock."""
        while not self._stopping.is_set() or not self._questions.empty():
            left_s = until - monotonic()
            try:
                self._questions.get(left_s > 0, left_s)()
            except Empty:
                return
