"""Planning frames in several processes, with results in the order of the frames."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

from affordance_grasp.errors import AffordanceGraspError, WorkerDied
from affordance_grasp.replay.options import ReplayOptions
from affordance_grasp.replay.planner import FramePlanner
from affordance_grasp.replay.report.results import FrameResult
from affordance_grasp.replay.source import NumberedFrame
from affordance_grasp.rules import RULES

Job = tuple[NumberedFrame, bool, dict[str, Any]]
"""A frame, whether it is drawn, and what was left out before it."""
Plan = Callable[[Iterable[Job]], Iterator[FrameResult]]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}
"""For glibc [bytes]; other C libraries ignore it."""

_planner: FramePlanner | None = None
_complaint: AffordanceGraspError | None = None


@contextmanager
def planner(options: ReplayOptions) -> Iterator[Plan]:
    """A planner of frames, with everything loaded, in ``workers`` processes; 1: in this one.

    Raises:
        WorkerDied: a process died.
        AffordanceGraspError: a checkpoint or robot of the options cannot be loaded.
    """
    if options.workers > 1:
        with _processes(options) as pool:
            yield partial(_in_order, pool, ahead=2 * options.workers)
    else:
        yield partial(_one_by_one, FramePlanner(options))


def _one_by_one(planner: FramePlanner, jobs: Iterable[Job]) -> Iterator[FrameResult]:
    for frame, drawn, lost in jobs:
        yield replace(planner.plan(frame, drawn), lost=lost)


@contextmanager
def _processes(options: ReplayOptions) -> Iterator[ProcessPoolExecutor]:
    context, workers = get_context("spawn"), options.workers
    threads = max(1, (os.cpu_count() or 1) // workers)
    with (
        _surroundings(threads),
        ProcessPoolExecutor(workers, context, _begin, (options, threads)) as pool,
    ):
        try:
            for complaint in filter(None, pool.map(_loading_error, range(workers))):
                raise complaint
            yield pool
        except BrokenProcessPool as error:
            raise WorkerDied(
                "a planning process died, perhaps for lack of memory; run it again to continue, "
                "with --workers 1"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _surroundings(threads: int) -> Iterator[None]:
    """The environment that child processes read at start: threads, and memory that is retained.

    A frame takes and frees the same megabytes again and again; returning them to the system
    each time costs a tenth of the planning.
    """
    wanted = dict.fromkeys(THREAD_VARIABLES, str(threads)) | KEPT_MEMORY
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({name: value} if value is not None else {})


def _in_order(pool: ProcessPoolExecutor, jobs: Iterable[Job], ahead: int) -> Iterator[FrameResult]:
    """Plan, at most ``ahead`` frames before the next result."""
    pending: deque[tuple[Future[FrameResult], dict[str, Any]]] = deque()
    for frame, drawn, lost in jobs:
        pending.append((pool.submit(_plan, frame, drawn), lost))
        if len(pending) > ahead:
            yield _next_result(pending)
    while pending:
        yield _next_result(pending)


def _next_result(pending: deque[tuple[Future[FrameResult], dict[str, Any]]]) -> FrameResult:
    future, lost = pending.popleft()
    return replace(future.result(), lost=lost)


# In the processes.


def _begin(options: ReplayOptions, threads: int) -> None:
    """Share the cores, leave Ctrl-C to the parent, end with it, and load.

    With one core for a process, two threads in it would compete for it. Errors
    of loading are returned on request; a pool would only report that a process died.
    """
    global _planner, _complaint  # noqa: PLW0603 - a process of the pool has no other place
    import cv2

    cv2.setNumThreads(threads)
    if RULES[options.rule].needs_heat:
        from affordance_grasp.encoders.device import limit_threads

        limit_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        _planner = FramePlanner(options, at_once=threads > 1)
    except AffordanceGraspError as error:
        _complaint = error


def _end_with_parent() -> None:
    """A parent that was killed closes no queue, and its children would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _loading_error(_: int) -> AffordanceGraspError | None:
    """Why nothing can be planned; None where it can."""
    return _complaint


def _plan(frame: NumberedFrame, drawn: bool) -> FrameResult:
    if _planner is None:
        raise _complaint or WorkerDied("a planning process has not begun")
    return _planner.plan(frame, drawn)
