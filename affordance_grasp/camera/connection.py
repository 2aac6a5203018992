"""A camera that may be unplugged: frames while it is there, and patience while it is not."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from time import monotonic

from affordance_grasp.camera.continuity import FrameCount, Steadiness
from affordance_grasp.camera.realsense import CameraFrame, CameraLost, RealSenseCamera
from affordance_grasp.errors import InvalidInput

Tell = Callable[[str], None]


class State(str, Enum):
    """What the camera is doing."""

    SEARCHING = "searching"
    STREAMING = "streaming"

    def __str__(self) -> str:
        """The word that people and reports read."""
        return self.value


@dataclass(frozen=True)
class Backoff:
    """How long to wait before looking for the camera again [s]: longer each time, to a limit."""

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse waits that shrink or never happen."""
        if not (0 < self.first_s <= self.longest_s and self.factor >= 1):
            raise InvalidInput("backoff: first_s must be > 0, longest_s no less, factor >= 1")

    def delay_s(self, attempt: int) -> float:
        """The wait after the given failed attempt, counted from 0."""
        # The exponent is bounded so that a night without a camera does not overflow.
        return min(self.longest_s, self.first_s * self.factor ** min(attempt, 64))


@dataclass(frozen=True)
class CameraStatus:
    """What there is to know about the camera at one moment."""

    state: State
    name: str
    serial: str
    steadiness: Steadiness
    reconnections: int
    temperature_c: float | None
    host_stamp: bool
    fault: str


class CameraConnection:
    """Opens the camera, hands out its frames, and opens it again after it was gone.

    One thread calls :meth:`next`; any thread may ask for the :meth:`status`.
    """

    def __init__(
        self,
        connect: Callable[[], RealSenseCamera],
        pause: Callable[[float], object],
        tell: Tell,
        frame_timeout_s: float,
        backoff: Backoff | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            connect: opens the camera, or raises :class:`CameraLost`.
            pause: waits for some seconds, and no longer than the caller wants to live.
            tell: hears one sentence when the camera comes or goes.
            frame_timeout_s: a camera that sends nothing for this long [s] is gone.
            backoff: how to wait between attempts.
        """
        self._connect, self._pause, self._tell = connect, pause, tell
        self._timeout_s = frame_timeout_s
        self._backoff = backoff or Backoff()
        self._lock = Lock()
        self._camera: RealSenseCamera | None = None
        self._count = FrameCount()
        self._attempt = 0
        self._openings = 0
        self._fault = ""
        self._host_stamp = False
        self._known = ("", "")

    def next(self) -> CameraFrame | None:
        """The next frame; None where the camera is not there, after a pause."""
        if self._camera is None and not self._open():
            return None
        camera = self._camera
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
        """How things stand now."""
        with self._lock:
            camera = self._camera
            return CameraStatus(
                state=State.SEARCHING if camera is None else State.STREAMING,
                name=self._known[0],
                serial=self._known[1],
                steadiness=self._count.at(monotonic()),
                reconnections=max(0, self._openings - 1),
                temperature_c=None if camera is None else camera.temperature_c(),
                host_stamp=self._host_stamp,
                fault=self._fault,
            )

    def close(self) -> None:
        """Let go of the camera."""
        with self._lock:
            camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def _open(self) -> bool:
        try:
            camera = self._connect()
        except CameraLost as error:
            if str(error) != self._fault:  # say it once, not at every attempt
                self._fault = str(error)
                self._tell(self._fault)
            self._pause(self._backoff.delay_s(self._attempt))
            self._attempt += 1
            return False
        with self._lock:
            self._camera = camera
            self._known = (camera.name, camera.serial)
            self._count.restart()
            self._attempt, self._fault = 0, ""
            self._openings += 1
        again = " again" if self._openings > 1 else ""
        self._tell(f"{camera.name} {camera.serial} is streaming{again}")
        return True

    def _lose(self, sentence: str) -> None:
        self.close()
        self._fault = sentence
        self._tell(sentence)
        self._pause(self._backoff.delay_s(0))
