"""Pairing of colour, depth, intrinsics and ground truth of one instant in a stream of messages.

A colour image is paired with the depth image nearest in stamp, at most 50 ms away. That is decided
as soon as depth has come up to its stamp, so at once where a driver stamps both alike, and at the
latest half a second after the colour image arrived. A depth image may serve several colour images:
some cameras have a lower depth rate. Intrinsics are the nearest within 50 ms, else the last.

The messages held meanwhile are bounded in time and in number.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from affordance_grasp.errors import InvalidInput
from affordance_grasp.streams.messages import Header

COLOR, DEPTH, INFO, TRUTH = "colour", "depth", "camera_info", "ground truth"
SLOP_NS = 50_000_000
PATIENCE_NS = 500_000_000
MOST_HELD = 64
MOST_REPEATS = 10
MUST_STAMP = "the driver must stamp each with the time at which it was taken"

M = TypeVar("M")


@dataclass(frozen=True)
class Stamped(Generic[M]):
    """A message, its header, and when it came by the receiver's clock [ns]."""

    header: Header
    message: M
    arrived_ns: int


@dataclass(frozen=True)
class Paired(Generic[M]):
    """The messages of one instant; ``header`` is that of the colour image."""

    header: Header
    color: M
    depth: M
    camera_info: M
    truth: M | None = None


@dataclass
class Losses:
    """Messages lost since the last :meth:`clear`, and the first reason."""

    unpaired: int = 0
    broken: int = 0
    first: str = ""

    def lose(self, reason: str) -> None:
        """Count a broken message."""
        self.broken += 1
        self.first = self.first or reason

    def clear(self) -> None:
        """Begin counting again."""
        self.unpaired, self.broken, self.first = 0, 0, ""


class Pairer(Generic[M]):
    """Takes the camera's messages as they arrive; yields frames in the order of the colour images.

    A colour image without depth or intrinsics in time is counted as unpaired.
    """

    def __init__(self, losses: Losses, info: M | None = None, with_truth: bool = False) -> None:
        """``info``: intrinsics for images that have none near their stamp."""
        self._losses, self._last_info = losses, info
        self._waiting: deque[Stamped[M]] = deque()
        roles = (DEPTH, INFO, TRUTH) if with_truth else (DEPTH, INFO)
        self._held: dict[str, deque[Stamped[M]]] = {
            role: deque(maxlen=MOST_HELD) for role in roles
        }
        self._stamps: dict[str, tuple[int, int]] = {}

    def take(self, role: str, stamped: Stamped[M]) -> None:
        """Keep a message of the camera.

        Raises:
            InvalidInput: images have no stamps of their own and cannot be paired.
        """
        if role == INFO:
            self._last_info = stamped.message
        elif self._repeated(role, stamped.header.stamp_ns):
            return
        (self._waiting if role == COLOR else self._held[role]).append(stamped)

    def ready(
        self, now_ns: int, known: Callable[[Header], bool] = lambda header: True
    ) -> Iterator[Paired[M]]:
        """Frames that are complete now.

        Args:
            now_ns: the present time, by the clock of ``arrived_ns``.
            known: whether all other data at a frame's stamp has arrived.
        """
        while self._waiting:
            color = self._waiting[0]
            overdue = now_ns - color.arrived_ns > PATIENCE_NS or len(self._waiting) > MOST_HELD
            if not overdue and not (self._passed(color.header.stamp_ns) and known(color.header)):
                return
            yield from self._complete(self._waiting.popleft())

    def rest(self) -> Iterator[Paired[M]]:
        """The frames that are still held at the end of the stream."""
        while self._waiting:
            yield from self._complete(self._waiting.popleft())

    def clear(self) -> None:
        """Forget the images that are held."""
        self._waiting.clear()
        self._held[DEPTH].clear()

    def _repeated(self, role: str, stamp_ns: int) -> bool:
        """Whether an image is there already; refuses images without stamps of their own."""
        last_ns, count = self._stamps.get(role, (0, 0))
        count = count + 1 if stamp_ns == last_ns else 0
        self._stamps[role] = stamp_ns, count
        if stamp_ns <= 0:
            raise InvalidInput(f"{role} images have no stamp; {MUST_STAMP}")
        if count >= MOST_REPEATS:
            raise InvalidInput(
                f"the last {count + 1} {role} images have one stamp, {stamp_ns * 1e-9:.3f} s; "
                f"{MUST_STAMP}"
            )
        return count > 0

    def _passed(self, stamp_ns: int) -> bool:
        """Whether depth, and ground truth where it is used, have come up to a stamp."""
        held = (self._held[role] for role in self._held if role != INFO)
        come = all(window and window[-1].header.stamp_ns >= stamp_ns for window in held)
        return come and self._last_info is not None

    def _complete(self, color: Stamped[M]) -> Iterator[Paired[M]]:
        depth, info, truth = (
            self._nearest(role, color.header.stamp_ns) for role in (DEPTH, INFO, TRUTH)
        )
        info = info or self._last_info
        for held in self._held.values():
            while held and held[0].header.stamp_ns < color.header.stamp_ns - PATIENCE_NS:
                held.popleft()
        if depth is None or info is None:
            self._losses.unpaired += 1
        else:
            yield Paired(color.header, color.message, depth, info, truth)

    def _nearest(self, role: str, stamp_ns: int) -> M | None:
        """The message of a role nearest in stamp, at most 50 ms away."""
        held = self._held.get(role, ())
        away = [abs(stamped.header.stamp_ns - stamp_ns) for stamped in held]
        if not away or min(away) > SLOP_NS:
            return None
        return held[away.index(min(away))].message
