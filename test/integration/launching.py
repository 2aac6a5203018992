"""The launch file as a process of its own, as `ros2 launch` runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread
from types import TracebackType

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "grasp.launch.py"
RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

file, *given = sys.argv[1:]
arguments = [tuple(argument.split(":=", 1)) for argument in given]
source = PythonLaunchDescriptionSource(file)
included = IncludeLaunchDescription(source, launch_arguments=arguments)
service = LaunchService(argv=given)
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""
STOP_S = 120.0


class Launch:
    """A running launch file; leaving the ``with`` block is a Ctrl-C."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._lines: list[str] = []

    def __enter__(self) -> "Launch":
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", RUN, str(LAUNCH_FILE), *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            text=True,
        )
        self._reading = Thread(target=self._read, daemon=True)
        self._reading.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Press Ctrl-C, once; kill what is left after that."""
        try:
            self.interrupt()
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._reading.join(STOP_S)

    def interrupt(self) -> int:
        """Ctrl-C reaches the whole foreground group, as in a terminal; the exit code."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(STOP_S)

    @property
    def output(self) -> str:
        """All that was printed so far."""
        return "\n".join(self._lines)

    def check(self) -> None:
        """Raise when it has ended by itself."""
        if self._process.poll() is not None:
            raise AssertionError(f"the launch file ended:\n{self.output}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip("\n"))
