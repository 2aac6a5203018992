"""One function over many jobs in several processes, with results in the order of the jobs."""

import ctypes
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from affordance_grasp.errors import AffordanceGraspError, WorkerDied

Setup = TypeVar("Setup")
Job = TypeVar("Job")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KEPT_MEMORY = {-3: 32 * 2**20, -1: 256 * 2**20}
"""glibc's ``mallopt``: M_MMAP_THRESHOLD and M_TRIM_THRESHOLD [bytes].

A frame takes and frees the same megabytes again and again; returning them to the system each
time costs a tenth of its planning.
"""

_setup: Any = None
_complaint: AffordanceGraspError | None = None


@contextmanager
def spread(
    function: Callable[[Setup, Job], Result], setup: Callable[[], Setup], workers: int
) -> Iterator[Callable[[Iterable[Job]], Iterator[Result]]]:
    """A function from jobs to the results of ``function(setup(), job)``, in their order.

    ``setup`` is called once in each of the ``workers`` processes before this returns; with one
    worker all happens in this process. Jobs are asked for as results are taken. The processes end
    with this one, however it ends.

    Raises:
        WorkerDied: a process died.
        AffordanceGraspError: ``setup`` or ``function`` raised it.
    """
    if workers <= 1:
        yield partial(map, partial(function, setup()))
        return
    beginning = (threads_each(workers), pickle.dumps(setup))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, beginning)
    try:
        for complaint in filter(None, pool.map(_loading_error, range(workers))):
            raise complaint
        yield partial(_in_order, pool, partial(_call, function), ahead=2 * workers)
    except BrokenProcessPool as error:
        raise WorkerDied(
            "a process died, perhaps for lack of memory; run it again with --workers 1; in the "
            "same folder it goes on"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
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


def _begin(threads: int, setup: bytes) -> None:
    """Share the cores, leave Ctrl-C to the parent, end with it, and set up.

    With one core for a process, two threads in it would compete for it. Errors of setting up are
    returned on request; a pool would only report that a process died.
    """
    global _setup, _complaint  # noqa: PLW0603 - a process of the pool has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
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


def _end_with_parent() -> None:
    """A parent that was killed closes no queue, and its children would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _loading_error(_: int) -> AffordanceGraspError | None:
    """Why nothing can be set up; None where it can."""
    return _complaint


def _call(function: Callable[[Any, Job], Result], job: Job) -> Result:
    return function(_setup, job)
