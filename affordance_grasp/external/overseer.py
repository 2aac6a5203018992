"""Runs a program and ends all that it started, also what left its session or lost its parent.

A process of its own, with nothing but Python's standard library: orphans among its descendants
become its children, so that each of them is found below it, killed and waited for. It ends with
the program's exit code once none is left, or as soon as it is told to terminate. So it is by the
death of whoever started it, who holds the other end of a pipe, its first argument.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread

PR_SET_CHILD_SUBREAPER = 36
NOT_STARTED = 127


def main(words: list[str]) -> int:
    """Run the program that all words but the first are, and end its descendants."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    Thread(target=_await_death, args=[int(words[0])], daemon=True).start()
    try:
        code = subprocess.Popen(words[1:]).wait()
    except OSError as error:
        print(error)
        return NOT_STARTED
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_descendants()
    return code if code >= 0 else 128 - code


def _await_death(lifeline: int) -> None:
    """Terminate once nobody holds the other end of a pipe any more."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def end_descendants() -> None:
    """Kill until nothing is left; what is killed may have started more meanwhile."""
    while True:
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _descendants(ancestor: int) -> list[int]:
    parents: dict[int, int] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:  # may end meanwhile
            parents[int(pid)] = int(file.read().rpartition(b")")[2].split()[1])
    found = [ancestor]
    for each in found:  # grows meanwhile
        found += (pid for pid, parent in parents.items() if parent == each)
    return found[1:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
