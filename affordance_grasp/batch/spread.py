"""One function over many jobs in several processes, with results in the order of the jobs."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from affordance_grasp.batch.backends import PROCESSES
from affordance_grasp.batch.worker import (
    DIED,
    begin,
    call,
    in_order,
    loading_error,
    threads_each,
)
from affordance_grasp.errors import WorkerDied

Setup = TypeVar("Setup")
Job = TypeVar("Job")
Result = TypeVar("Result")


@contextmanager
def spread(
    function: Callable[[Setup, Job], Result],
    setup: Callable[[], Setup],
    workers: int,
    backend: str = PROCESSES,
) -> Iterator[Callable[[Iterable[Job]], Iterator[Result]]]:
    """A function from jobs to the results of ``function(setup(), job)``, in their order.

    ``setup`` is called once in each of the ``workers`` processes before this returns; with one
    worker all happens in this process. Jobs are asked for as results are taken. The processes end
    with this one, however it ends.

    ``backend``: processes of this machine; ``dask``, a cluster of Dask on this machine; or the
    address of a Dask scheduler, whose workers then see the same files under the same names.

    Raises:
        WorkerDied: a process died.
        InvalidInput: there is no such scheduler.
        AffordanceGraspError: ``setup`` or ``function`` raised it.
    """
    if backend != PROCESSES:
        from affordance_grasp.batch.dask_cluster import dask_cluster

        with dask_cluster(backend, workers, setup) as run:
            yield partial(run, function)
        return
    if workers <= 1:
        yield partial(map, partial(function, setup()))
        return
    beginning = (threads_each(workers), pickle.dumps(setup))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), begin, beginning)
    try:
        for complaint in filter(None, pool.map(loading_error, range(workers))):
            raise complaint
        yield partial(in_order, pool, partial(call, function), ahead=2 * workers)
    except BrokenProcessPool as error:
        raise WorkerDied(DIED) from error
    finally:
        pool.shutdown(cancel_futures=True)
