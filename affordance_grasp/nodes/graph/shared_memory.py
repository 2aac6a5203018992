"""Shared memory that Fast DDS processes leave behind when they are killed.

Every participant keeps files in ``/dev/shm`` and, beside those that it reads, a file ``NAME_el``
that it holds locked as long as it lives. A process that ends removes its own files; one that is
killed cannot, and megabytes of memory stay taken.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic, time

SHARED_MEMORY = Path("/dev/shm")
LOCK = "_el"
YOUNG_S = 2.0
"""Younger files may belong to a participant that has yet to lock or map them."""

TURNS_S, TURN_S = 5.0, 0.05


def sweep(folder: Path = SHARED_MEMORY, *, ending: bool = False) -> None:
    """Remove what killed processes of this user have left; what any process uses stays.

    ``ending``: this process uses no more of what it maps, which is not too young then, and ends
    right after; of several the last sees what the others have let go.
    """
    if ending:
        _take_turns(folder)
    own = Path("/proc") / str(os.getpid())
    done = _mapped(own) if ending else set()
    others = (
        process for process in Path("/proc").glob("[0-9]*") if not (ending and process == own)
    )
    used = set().union(*map(_mapped, others))
    for file in folder.glob("fastrtps_*"):
        with suppress(OSError):  # locked, of another user, or gone meanwhile: not ours to remove
            old = str(file) in done or time() - file.stat().st_mtime > YOUNG_S
            if old and str(file) not in used:
                _remove(file.with_name(file.name.removesuffix(LOCK)))


def _take_turns(folder: Path) -> None:
    """Wait until no other process sweeps to its end; the lock is held until this one has ended."""
    descriptor, deadline = os.open(folder, os.O_RDONLY), monotonic() + TURNS_S
    while monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        Event().wait(TURN_S)


def _mapped(process: Path) -> set[str]:
    """The files in a process's memory; none of one that we may not look into."""
    try:
        maps = (process / "maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {"/" + line.partition("/")[2] for line in maps.splitlines()}


def _remove(file: Path) -> None:
    """Remove a file with what belongs to it; raises where its lock is somebody's."""
    lock = file.with_name(file.name + LOCK)
    left = [file, file.with_name(f"sem.{file.name}_mutex")]
    if not lock.exists():
        _unlink(left)
        return
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _unlink([*left, lock])
    finally:
        os.close(descriptor)


def _unlink(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
