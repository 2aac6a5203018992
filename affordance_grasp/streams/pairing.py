"""Pairing of colour, depth, intrinsics and ground truth of one instant in a stream of messages.

A colour image is paired with the depth image nearest in stamp, at most 50 ms away. That is decided
as soon as depth has come up to its stamp, so at once where a driver stamps both alike, and at the
latest half a second after the colour image arrived. A depth image may serve several colour images:
some cameras have a lower depth rate. Where most images match more than four times as closely,
this one's depth was lost, and it is left out. Intrinsics are the nearest within 50 ms, else the
last.

The messages held meanwhile are bounded in time and in number.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from affordance_grasp.errors import InvalidInput
from affordance_grasp.streams.messages import Header

COLOR, DEPTH, INFO, TRUTH = "colour", "depth", "camera_info", "ground truth"
SLOP_NS = 50_000_000
PATIENCE_NS = 500_000_000
MOST_HELD = 64
MOST_REPEATS = 10
NEAR_NS = 5_000_000
"""No depth that is as near as this is taken for that of another image."""
CLOSER, MOST = 4, 0.75
"""A camera of half the depth rate matches every second image exactly, which is not most."""
FEWEST_COMPARED, MOST_COMPARED = 6, 16
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
    """The messages of one instant; ``header`` is that of the colour image.

    ``gap_ns``: how far the depth's stamp is from it.
    """

    header: Header
    color: M
    depth: M
    camera_info: M
    truth: M | None = None
    gap_ns: int = 0


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

    def __init__(
        self,
        losses: Losses,
        info: M | None = None,
        with_truth: bool = False,
        ahead: bool = False,
    ) -> None:
        """No messages yet.

        Args:
            losses: counts what is left out.
            info: intrinsics for images that have none near their stamp.
            with_truth: whether ground truth belongs to a frame.
            ahead: whether an image whose depth is not near waits until others can be compared;
                in a live stream the next may never come.
        """
        self._losses, self._last_info, self._ahead = losses, info, ahead
        self._gaps_ns: deque[int] = deque(maxlen=MOST_COMPARED)
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
            if not overdue and not (
                self._passed(color.header.stamp_ns)
                and known(color.header)
                and self._comparable(color)
            ):
                return
            yield from self._complete()

    def rest(self) -> Iterator[Paired[M]]:
        """The frames that are still held at the end of the stream."""
        while self._waiting:
            yield from self._complete()

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

    def _complete(self) -> Iterator[Paired[M]]:
        others_ns = self._others_ns()
        color = self._waiting.popleft()
        stamp_ns = color.header.stamp_ns
        depth, info, truth = (self._nearest(role, stamp_ns) for role in (DEPTH, INFO, TRUTH))
        camera_info = info.message if info else self._last_info
        for held in self._held.values():
            while held and held[0].header.stamp_ns < stamp_ns - PATIENCE_NS:
                held.popleft()
        gap_ns = _gap_ns(color, depth)
        if depth is not None:
            self._gaps_ns.append(gap_ns)
        if depth is None or camera_info is None or _is_lost(gap_ns, others_ns):
            self._losses.unpaired += 1
        else:
            shown = truth.message if truth else None
            yield Paired(color.header, color.message, depth.message, camera_info, shown, gap_ns)

    def _comparable(self, color: Stamped[M]) -> bool:
        """Whether enough is known of other images to tell that a depth image was lost."""
        near = _gap_ns(color, self._nearest(DEPTH, color.header.stamp_ns)) <= NEAR_NS
        return near or not self._ahead or len(self._others_ns()) >= FEWEST_COMPARED

    def _others_ns(self) -> list[int]:
        """The gaps of earlier images, and of those that wait behind the first where few came."""
        gaps_ns = list(self._gaps_ns)
        if len(gaps_ns) < FEWEST_COMPARED:
            behind = [c for c in islice(self._waiting, 1, None) if self._passed(c.header.stamp_ns)]
            pairs = ((c, self._nearest(DEPTH, c.header.stamp_ns)) for c in behind)
            gaps_ns += [_gap_ns(color, depth) for color, depth in pairs if depth]
        return gaps_ns

    def _nearest(self, role: str, stamp_ns: int) -> Stamped[M] | None:
        """The message of a role nearest in stamp, at most 50 ms away."""
        held = self._held.get(role, ())
        away = [abs(stamped.header.stamp_ns - stamp_ns) for stamped in held]
        if not away or min(away) > SLOP_NS:
            return None
        return held[away.index(min(away))]


def _gap_ns(color: Stamped[M], depth: Stamped[M] | None) -> int:
    return abs(depth.header.stamp_ns - color.header.stamp_ns) if depth else 0


def _is_lost(gap_ns: int, others_ns: list[int]) -> bool:
    """Whether most other images match so much more closely that this one's depth was lost."""
    closer = sum(CLOSER * other_ns < gap_ns for other_ns in others_ns)
    known = len(others_ns) >= FEWEST_COMPARED
    return known and gap_ns > NEAR_NS and closer > MOST * len(others_ns)
