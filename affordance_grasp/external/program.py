"""External programs: started under an overseer, bounded in time, ended with all they started."""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from weakref import finalize

from affordance_grasp.errors import ExternalFault
from affordance_grasp.external import overseer

KILL_S = 10.0
"""Longest wait for the overseer, which is quick where the machine is not busy."""
PIECE_BYTES = 2**16


class OutOfTime(Exception):
    """The program went on for longer than it may."""


class Program:
    """A running program; it ends with this process, or with this object, whichever ends first."""

    def __init__(self, words: list[str], name: str) -> None:
        """Start it.

        Raises:
            ExternalFault: it cannot be started; ``name`` begins the sentence.
        """
        if shutil.which(words[0]) is None:
            raise ExternalFault(f"{name}: {words[0]} cannot be started (no such program)")
        # closed when this process ends, however it ends: then the overseer ends the program
        lifeline, ours = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", overseer.__file__, str(lifeline), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[lifeline],
                start_new_session=True,
            )
        except OSError as error:
            os.close(ours)
            raise ExternalFault(f"{name}: {words[0]} cannot be started ({error})") from error
        finally:
            os.close(lifeline)
        self.end = finalize(self, _end, self._process, ours)

    @property
    def exit_code(self) -> int | None:
        """Known after :attr:`end`."""
        return self._process.returncode

    def close_input(self) -> None:
        """Tell it that nothing more is sent."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def write(self, line: str) -> None:
        """Send a line to its input, unless it has ended, which its output will tell."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def output(self, timeout_s: float) -> Iterator[bytes]:
        """What it prints, in pieces, until it and all that it started have ended.

        Raises:
            OutOfTime: they go on for longer than that.
        """
        assert self._process.stdout is not None
        deadline, output = monotonic() + timeout_s, self._process.stdout.fileno()
        poller = select.poll()
        poller.register(output, select.POLLIN)
        while (left_s := deadline - monotonic()) > 0:
            if poller.poll(left_s * 1e3):
                said = os.read(output, PIECE_BYTES)
                if not said:
                    return
                yield said
        raise OutOfTime


def _end(process: "subprocess.Popen[bytes]", lifeline: int) -> None:
    """Have the overseer kill what it started and leave, or kill it."""
    process.terminate()
    try:
        process.wait(KILL_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    os.close(lifeline)
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()
