"""Runs a program and ends all that it started, also what left its session or lost its parent.

A process of its own, with nothing but Python's standard library: orphans among its descendants
become its children, so that each of them is found below it, killed and waited for. It ends with
the program's exit code once none is left, or as soon as it is told to terminate, such as by the
death of whoever started it.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOT_STARTED = 127


def main(words: list[str]) -> int:
    """Run the program that the words are, and end its descendants."""
    control = ctypes.CDLL(None).prctl
    control(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    control(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    try:
        code = subprocess.Popen(words, stdin=subprocess.DEVNULL).wait()
    except OSError as error:
        print(error)
        return NOT_STARTED
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_descendants()
    return code if code >= 0 else 128 - code


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
