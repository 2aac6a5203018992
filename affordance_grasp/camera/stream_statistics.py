"""Statistics of a camera stream: frames received, frames dropped, rate."""

from collections import deque
from dataclasses import dataclass

RATE_WINDOW_S = 5.0
MAX_GAP = 10_000  # a greater jump of a frame number is a camera that was reset


@dataclass(frozen=True)
class StreamStatistics:
    """Frames received, frames dropped between them, and the recent rate [1/s]."""

    frames: int
    dropped: int
    rate_hz: float


class FrameCounter:
    """Counts frames and gaps by the camera's frame numbers, per stream."""

    def __init__(self) -> None:
        """Nothing received yet."""
        self._frames = 0
        self._dropped = 0
        self._last: dict[str, int] = {}
        self._arrivals: deque[float] = deque()

    def add(self, numbers: dict[str, int], now_s: float) -> None:
        """One more frame: stream -> frame number; the stream with the largest gap counts."""
        self._frames += 1
        self._dropped += max(self._missing(stream, number) for stream, number in numbers.items())
        self._last.update(numbers)
        self._arrivals.append(now_s)
        self._forget(now_s)

    def restart(self) -> None:
        """The camera was reopened and may count from any number; totals stay."""
        self._last.clear()
        self._arrivals.clear()

    def at(self, now_s: float) -> StreamStatistics:
        """The statistics at a time [s] of the clock of ``add``."""
        self._forget(now_s)
        waited_s = now_s - self._arrivals[0] if self._arrivals else 0.0
        rate_hz = (len(self._arrivals) - 1) / waited_s if waited_s > 0 else 0.0
        return StreamStatistics(self._frames, self._dropped, rate_hz)

    def _missing(self, stream: str, number: int) -> int:
        gap = number - self._last.get(stream, number - 1) - 1
        return gap if 0 < gap <= MAX_GAP else 0

    def _forget(self, now_s: float) -> None:
        while self._arrivals and now_s - self._arrivals[0] > RATE_WINDOW_S:
            self._arrivals.popleft()
