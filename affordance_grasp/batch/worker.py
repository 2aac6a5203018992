"""What a process of a long run does: it is set up once, and answers jobs."""

import ctypes
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from multiprocessing import parent_process
from threading import Thread
from typing import Any, TypeVar

from affordance_grasp.errors import AffordanceGraspError

Job = TypeVar("Job")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KEPT_MEMORY = {-3: 32 * 2**20, -1: 256 * 2**20}
"""glibc's ``mallopt``: M_MMAP_THRESHOLD and M_TRIM_THRESHOLD [bytes].

A frame takes and frees the same megabytes again and again; returning them to the system each
time costs a tenth of its planning.
"""

DIED = (
    "a process died, perhaps for lack of memory; run it again with --workers 1; in the same "
    "folder it goes on"
)

_setup: Any = None
_complaint: AffordanceGraspError | None = None


def in_order(
    pool: Executor, call: Callable[[Job], Result], jobs: Iterable[Job], ahead: int
) -> Iterator[Result]:
    """Ask for at most ``ahead`` jobs before the next result."""
    pending: deque[Future[Result]] = deque()
    for job in jobs:
        pending.append(pool.submit(call, job))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def threads_each(workers: int) -> int:
    """How many threads a process has when ``workers`` share the cores."""
    return max(1, (os.cpu_count() or 1) // workers)


# In the processes.


def begin(threads: int, setup: bytes) -> None:
    """Leave Ctrl-C to the parent, end with it, and set up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    prepare(threads, setup)


def prepare(threads: int, setup: bytes) -> AffordanceGraspError | None:
    """Share the cores and set up this process; returns why that cannot be done, or None.

    With one core for a process, two threads in it would compete for it. Errors of setting up are
    returned on request; a pool would only report that a process died.
    """
    global _setup, _complaint  # noqa: PLW0603 - a process of the pool has no other place
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))  # read when numpy is loaded
    allocate = getattr(ctypes.CDLL(None), "mallopt", None)
    if allocate is not None:
        for option, size in KEPT_MEMORY.items():
            allocate(option, size)
    import cv2

    cv2.setNumThreads(threads)
    try:
        _setup = pickle.loads(setup)()
    except AffordanceGraspError as error:
        _complaint = error
    return _complaint


def _end_with_parent() -> None:
    """A parent that was killed closes no queue, and its children would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def loading_error(_: int) -> AffordanceGraspError | None:
    """Why nothing can be set up; None where it can."""
    return _complaint


def call(function: Callable[[Any, Job], Result], job: Job) -> Result:
    """The result of a job in a process that is set up."""
    return function(_setup, job)
