"""A history of stamped values, read at any stamp.

Joint positions and transforms follow the same rules, live and in a replay:

- Values are interpolated where the nearer neighbour is within 0.15 s; before the first and after
  the last, these hold for as long.
- An equal stamp replaces the entry: drivers and bridges repeat messages.
- A stamp up to a second old is inserted in order; an older one means that the clock was set back,
  and clears the history.
- Values that alternate faster than any motion come from two contradicting publishers.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from affordance_grasp.errors import AffordanceGraspError

KEPT_NS = 20_000_000_000
"""A busy machine may take seconds to render or send an image."""
MOST_KEPT = 20_000
MAX_GAP_NS = 150_000_000
STEP_BACK_NS = 1_000_000_000
CONTRADICTIONS, CONTRADICTED_NS = 3, 3_000_000_000
LOOKED_BACK = 8

T = TypeVar("T")


class NotKnown(AffordanceGraspError):
    """There is no data at a stamp, or none yet."""


class Timeline(Generic[T]):
    """Values in the order of their stamps."""

    def __init__(self, apart: Callable[[T, T, float], bool]) -> None:
        """``apart``: whether no motion gets from one value to the other within some seconds."""
        self._apart = apart
        self._stamps: list[int] = []
        self._values: list[T] = []
        self._contradictions: deque[int] = deque(maxlen=CONTRADICTIONS)

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def newest_ns(self) -> int:
        """The newest stamp [ns]; there must be one."""
        return self._stamps[-1]

    @property
    def newest(self) -> T:
        """The value of the newest stamp; there must be one."""
        return self._values[-1]

    @property
    def contradicts_itself(self) -> bool:
        """Whether values have alternated three times within the last three seconds."""
        seen = self._contradictions
        return len(seen) == CONTRADICTIONS and self.newest_ns - seen[0] < CONTRADICTED_NS

    def knows(self, stamp_ns: int) -> bool:
        """Whether the history has come up to a stamp."""
        return bool(self._stamps) and self._stamps[-1] >= stamp_ns

    def insert(self, stamp_ns: int, value: T) -> None:
        """Insert a value by its stamp."""
        if self._stamps and stamp_ns < self._stamps[-1] - STEP_BACK_NS:
            self._stamps.clear()
            self._values.clear()
            self._contradictions.clear()
        at = bisect_left(self._stamps, stamp_ns)
        if self._stamps[at : at + 1] == [stamp_ns]:
            contradicted = self._apart(self._values[at], value, 0.0)
            self._values[at] = value
        else:
            contradicted = self._comes_back(at, stamp_ns, value)
            self._stamps.insert(at, stamp_ns)
            self._values.insert(at, value)
        if contradicted:
            self._contradictions.append(stamp_ns)
        old = bisect_left(self._stamps, self._stamps[-1] - KEPT_NS)
        old = max(old, len(self._stamps) - MOST_KEPT)
        del self._stamps[:old], self._values[:old]

    def since(self, stamp_ns: int) -> list[T]:
        """Values from the last one at or before a stamp; none where there is no such."""
        first = bisect_left(self._stamps, stamp_ns + 1) - 1
        return self._values[first:] if first >= 0 else []

    def around(self, stamp_ns: int, what: str) -> tuple[T, T, float]:
        """The values before and after a stamp, and its position between them, in 0..1.

        Raises:
            NotKnown: no value is near the stamp; the sentence begins with ``what``.
        """
        if not self._stamps:
            raise NotKnown(f"nothing arrives on {what}; is its publisher running?")
        at = bisect_left(self._stamps, stamp_ns)
        first, last = max(at - 1, 0), min(at, len(self._stamps) - 1)
        before_ns, after_ns = self._stamps[first], self._stamps[last]
        if min(abs(stamp_ns - before_ns), abs(after_ns - stamp_ns)) > MAX_GAP_NS:
            raise NotKnown(f"{what} {_distance(before_ns - stamp_ns, after_ns - stamp_ns)}")
        span = after_ns - before_ns  # 0 beyond the ends, where one value holds
        share = (stamp_ns - before_ns) / span if span else 0.0
        return self._values[first], self._values[last], share

    def _comes_back(self, at: int, stamp_ns: int, value: T) -> bool:
        """Whether a value is far from the previous one and near an earlier one.

        The previous one must be far from that as well: a fast motion comes back nowhere.
        """
        if not at:
            return False
        previous_ns, previous = self._stamps[at - 1], self._values[at - 1]
        if not self._apart(previous, value, (stamp_ns - previous_ns) * 1e-9):
            return False
        return any(
            self._apart(self._values[i], previous, (previous_ns - self._stamps[i]) * 1e-9)
            and not self._apart(self._values[i], value, (stamp_ns - self._stamps[i]) * 1e-9)
            for i in range(at - 2, max(at - 1 - LOOKED_BACK, -1), -1)
        )


def _distance(before_ns: int, after_ns: int) -> str:
    """The gap at an image: its neighbours are ``before_ns`` and ``after_ns`` from it."""
    if after_ns < 0:
        return (
            f"ends {-after_ns * 1e-9:.2f} s before the image; its publisher is late, has stopped "
            "or has another clock"
        )
    if before_ns > 0:
        return (
            f"begins {before_ns * 1e-9:.2f} s after the image; the image is too old or the camera "
            "has another clock"
        )
    return (
        f"has nothing from {-before_ns * 1e-9:.2f} s before the image to {after_ns * 1e-9:.2f} s "
        "after it; its publisher leaves gaps"
    )
