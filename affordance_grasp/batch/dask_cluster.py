"""Jobs spread over the workers of a Dask cluster, through the standard library's executors.

joblib, which speaks to Dask too, asks for the jobs in a thread of its own, where an error of what
gives them, such as a torn recording, is a traceback of that thread and not the run's one sentence.
"""

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from affordance_grasp.batch.backends import DASK
from affordance_grasp.batch.worker import DIED, call, in_order, prepare, threads_each
from affordance_grasp.errors import AffordanceGraspError, InvalidInput, WorkerDied
from affordance_grasp.extras import require

CONNECT_S = 10.0

Beginning = tuple[int, bytes]
Run = Callable[[Callable[[Any, Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def dask_cluster(address: str, workers: int, setup: Callable[[], Any]) -> Iterator[Run]:
    """What runs a function of the setup and a job over many jobs, in order.

    Args:
        address: of a scheduler; ``dask``: a cluster of ``workers`` processes on this machine.
        workers: how many processes share the cores of a machine.
        setup: called once in every worker before this returns.

    Raises:
        WorkerDied: a worker died, again and again.
        InvalidInput: there is no such scheduler, or it has no workers.
    """
    distributed = require("distributed", f"--backend {address}")
    beginning = (threads_each(workers), pickle.dumps(setup))
    with _client(distributed, address, workers) as client:
        places = list(client.nthreads())
        if not places:
            raise InvalidInput(f"the Dask scheduler {address} has no workers; start some")
        try:
            for place in places:
                asked = client.submit(_prepared, beginning, workers=[place], pure=False)
                if complaint := asked.result():
                    raise complaint
            executor = client.get_executor(pure=False)
            try:
                yield partial(_run, executor, beginning, 2 * len(places))
            finally:
                executor.shutdown(wait=False)
        except distributed.KilledWorker as error:
            raise WorkerDied(DIED) from error


def _client(distributed: Any, address: str, workers: int) -> Any:
    if address == DASK:
        return distributed.Client(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    try:
        return distributed.Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"--backend {address} is no Dask scheduler that answers ({error}); it is processes, "
            "dask, or an address such as tcp://10.0.0.5:8786"
        ) from error


def _run(
    executor: Executor,
    beginning: Beginning,
    ahead: int,
    function: Callable[[Any, Any], Any],
    jobs: Iterable[Any],
) -> Iterator[Any]:
    for result in in_order(executor, partial(_answer, beginning, function), jobs, ahead):
        if isinstance(result, BaseException):
            raise result
        yield result


# In the workers.


@cache
def _prepared(beginning: Beginning) -> AffordanceGraspError | None:
    """Set up once; returns why that cannot be done."""
    return prepare(*beginning)


def _answer(beginning: Beginning, function: Callable[[Any, Any], Any], job: Any) -> Any:
    """The result, or the error, which a worker would log with its traceback if it were raised.

    A worker that came later, in place of one that died, is set up first.
    """
    try:
        if complaint := _prepared(beginning):
            return complaint
        return call(function, job)
    except Exception as error:  # noqa: BLE001 - raised where the result is taken
        return error
