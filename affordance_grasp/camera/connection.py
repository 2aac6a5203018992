"""A camera that may be unplugged: frames while it is connected, reconnection when it is not."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from affordance_grasp.camera.realsense import CameraFrame, CameraLost, RealSenseCamera
from affordance_grasp.datatypes import TextEnum

RATE_WINDOW_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
MAX_GAP = 10_000  # a greater jump of a frame number is a camera that was reset

Log = Callable[[str], None]


class State(TextEnum):
    """State of the connection."""

    SEARCHING = "searching"
    STREAMING = "streaming"


def wait_s(attempt: int) -> float:
    """The wait [s] after a failed attempt to connect, counted from 0: longer each time."""
    # The exponent is bounded, or a night without a camera would overflow.
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt, 64))


@dataclass(frozen=True)
class StreamStatistics:
    """Frames received, frames dropped between them, and the recent rate [1/s]."""

    frames: int
    dropped: int
    rate_hz: float


class FrameCounter:
    """Counts frames and gaps by the camera's frame numbers, per stream."""

    def __init__(self) -> None:
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


@dataclass(frozen=True)
class CameraStatus:
    """State of the connection and of the camera at one moment."""

    state: State
    name: str
    serial: str
    statistics: StreamStatistics
    reconnections: int
    temperature_c: float | None
    host_stamp: bool
    fault: str


class CameraConnection:
    """Opens the camera, returns its frames, and opens it again after it was lost.

    One thread calls :meth:`next`; any thread may call :meth:`status`.
    """

    def __init__(
        self,
        connect: Callable[[], RealSenseCamera],
        pause: Callable[[float], object],
        log: Log,
        frame_timeout_s: float,
    ) -> None:
        """Nothing is opened yet.

        Args:
            connect: opens the camera, or raises :class:`CameraLost`.
            pause: waits for some seconds, less when the caller is shut down.
            log: called with one sentence when the camera connects or is lost.
            frame_timeout_s: a camera that sends nothing for this long [s] is lost.
        """
        self._connect, self._pause, self._log = connect, pause, log
        self._timeout_s = frame_timeout_s
        self._lock = Lock()
        self._camera: RealSenseCamera | None = None
        self._count = FrameCounter()
        self._attempt = 0
        self._openings = 0
        self._fault = ""
        self._host_stamp = False
        self._known = ("", "")

    def next(self) -> CameraFrame | None:
        """The next frame; None, after a pause, while the camera is not connected."""
        camera = self._camera or self._open()
        if camera is None:
            return None
        try:
            taken = camera.next(self._timeout_s)
        except CameraLost as error:
            self._lose(f"{error}; looking for it again")
            return None
        with self._lock:
            self._count.add(taken.numbers, monotonic())
            self._host_stamp = taken.host_stamp
        return taken

    def status(self) -> CameraStatus:
        """The present status."""
        with self._lock:
            camera = self._camera
            return CameraStatus(
                state=State.SEARCHING if camera is None else State.STREAMING,
                name=self._known[0],
                serial=self._known[1],
                statistics=self._count.at(monotonic()),
                reconnections=max(0, self._openings - 1),
                temperature_c=None if camera is None else camera.temperature_c(),
                host_stamp=self._host_stamp,
                fault=self._fault,
            )

    def close(self) -> None:
        """Close the camera."""
        with self._lock:
            camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def _open(self) -> RealSenseCamera | None:
        try:
            camera = self._connect()
        except CameraLost as error:
            if str(error) != self._fault:  # once, not at every attempt
                self._fault = str(error)
                self._log(self._fault)
            self._pause(wait_s(self._attempt))
            self._attempt += 1
            return None
        with self._lock:
            self._camera = camera
            self._known = (camera.name, camera.serial)
            self._count.restart()
            self._attempt, self._fault = 0, ""
            self._openings += 1
        again = " again" if self._openings > 1 else ""
        self._log(f"{camera.name} {camera.serial} is streaming{again}")
        return camera

    def _lose(self, sentence: str) -> None:
        self.close()
        self._fault = sentence
        self._log(sentence)
        self._pause(wait_s(0))
