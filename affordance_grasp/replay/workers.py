"""Planning frames in several processes, answered in the order in which they were asked."""

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.replay.planner import FramePlanner, PlannerSetup
from affordance_grasp.replay.results import FrameResult
from affordance_grasp.replay.source import NumberedFrame

Job = tuple[NumberedFrame, bool, dict[str, Any]]
"""A frame, whether it is drawn, and what was left out before it."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_setup: PlannerSetup | None = None


def plan_here(setup: PlannerSetup, jobs: Iterable[Job]) -> Iterator[FrameResult]:
    """Plan one frame after the other in this process."""
    planner = FramePlanner(setup)
    for frame, drawn, lost in jobs:
        yield replace(planner.plan(frame, drawn), lost=lost)


def plan_in_processes(
    setup: PlannerSetup, jobs: Iterable[Job], workers: int
) -> Iterator[FrameResult]:
    """Plan in ``workers`` processes, at most two frames ahead of each.

    Raises:
        InvalidInput: the setup cannot be loaded, or a process died.
    """
    context = get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // workers)
    with (
        _threads_of_children(threads),
        ProcessPoolExecutor(workers, context, _begin, (setup, threads)) as pool,
    ):
        try:
            complaint = pool.submit(_load).result()
            if complaint:
                raise InvalidInput(complaint)
            yield from _in_order(pool, jobs, 2 * workers)
        except BrokenProcessPool as error:
            raise InvalidInput(
                "a planning process died, perhaps for lack of memory; run it again to go on, "
                "with --workers 1"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _threads_of_children(count: int) -> Iterator[None]:
    """Numerical libraries read once, when they are loaded, in how many threads they compute."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({name: value} if value is not None else {})


def _in_order(pool: ProcessPoolExecutor, jobs: Iterable[Job], ahead: int) -> Iterator[FrameResult]:
    asked: deque[tuple[Future[FrameResult], dict[str, Any]]] = deque()
    for frame, drawn, lost in jobs:
        asked.append((pool.submit(_plan, frame, drawn), lost))
        if len(asked) > ahead:
            yield _answer(asked)
    while asked:
        yield _answer(asked)


def _answer(asked: deque[tuple[Future[FrameResult], dict[str, Any]]]) -> FrameResult:
    future, lost = asked.popleft()
    return replace(future.result(), lost=lost)


# In the processes.


def _begin(setup: PlannerSetup, threads: int) -> None:
    """Share the cores, leave Ctrl-C to the parent, and end with it."""
    global _setup  # noqa: PLW0603 - a process of the pool has no other place of its own
    import cv2
    import torch

    _setup = setup
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed closes no queue, and its children would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


@cache
def _planner() -> FramePlanner:
    """The planner of this process, made once."""
    if _setup is None:
        raise InvalidInput("a planning process was asked before it was told how to plan")
    return FramePlanner(_setup)


def _load() -> str:
    """A sentence when the planner cannot be made; errors do not travel well between processes."""
    try:
        _planner()
    except AffordanceGraspError as error:
        return str(error)
    return ""


def _plan(frame: NumberedFrame, drawn: bool) -> FrameResult:
    return _planner().plan(frame, drawn)
