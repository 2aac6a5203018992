"""The simulated work cell running in real time, in one thread.

Rendering contexts belong to the thread that made them, so the world is only touched there; other
threads call into it (:meth:`LiveWorld.ask`) or wait for a motion to end.
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


class Motion:
    """A motion in progress; ``ended`` is evaluated after every tick."""

    def __init__(self, ended: Ended) -> None:
        """Until ``ended`` returns True."""
        self._ended = ended
        self._over = Event()
        self._interrupted = False

    def update(self, world: World) -> None:
        """Evaluate ``ended``."""
        if self._ended(world):
            self._over.set()

    def drop(self) -> None:
        """Stop watching it."""
        self._over.set()

    def interrupt(self) -> None:
        """End it with a fault: its world was replaced."""
        self._interrupted = True
        self._over.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait up to a time [s]; True when over, raises :class:`MotionFault` when interrupted."""
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
        """Start the thread; :meth:`ask` waits until the first world is made."""
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
        """Call a function of the world in the world's thread and return its result."""
        answer: Future[Answer] = Future()

        def put() -> None:
            try:
                answer.set_result(question(self._standing()))
            except Exception as error:  # raised again in the calling thread
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
        """Replace the world; when the new one cannot be made, the old one stays."""

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
        self._questions.put(lambda: None)  # ends the wait for the next one
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
            self._answer_questions()  # with STOPPED, so that no caller waits in vain

    def _keep_pace(self) -> None:
        due = monotonic()
        while not self._stopping.is_set():
            self._answer_questions(until=due)
            due = max(due + TICK_S / self._speed, monotonic() - MAX_LAG_S)
            self._tick(self._standing())

    def _tick(self, world: World) -> None:
        world.step(TICK_S)
        for motion in self._motions:
            motion.update(world)
        self._motions = [motion for motion in self._motions if not motion.over]
        self._on_tick(world)

    def _answer_questions(self, until: float = 0.0) -> None:
        """Answer the pending questions, and those that arrive before ``until`` (monotonic, s)."""
        while not self._stopping.is_set() or not self._questions.empty():
            left_s = until - monotonic()
            try:
                self._questions.get(left_s > 0, left_s)()
            except Empty:
                return
