"""Batches that worker processes read and augment, the same whatever their number."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from affordance_grasp.errors import AffordanceGraspError, WorkerDied
from affordance_grasp.methods.recipe import Draws, Samples

TIMEOUT_S = 900
"""Longest wait for a batch of a worker."""
Request = tuple[Draws, Sequence[int]]


class BatchLoader:
    """Reads batches in ``workers`` processes ahead of the training, or in this one without any.

    A sample's random numbers follow from its own number (:class:`Draws`), so that the batches do
    not depend on who reads them. The processes live as long as this object.
    """

    def __init__(self, samples: Samples, workers: int, pinned: bool) -> None:
        """``pinned``: batches lie in memory that an accelerator copies from by itself."""
        self._requests = _Requests()
        self._loader: DataLoader[Any] = DataLoader(
            cast(Dataset[Any], _Reader(samples)),
            batch_size=None,
            sampler=cast(Sampler[Any], self._requests),
            collate_fn=_as_it_is,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pinned,
            timeout=TIMEOUT_S if workers else 0,
            generator=torch.Generator(),  # not the global one, which the network draws from
            multiprocessing_context="fork" if workers else None,
        )

    def batches(self, draws: Draws, chosen: Sequence[Sequence[int]]) -> Iterator[Any]:
        """The batches of the samples ``chosen``, in that order.

        Raises:
            WorkerDied: a process that reads was killed, or gave no batch in time.
        """
        self._requests.due = [(draws, indices) for indices in chosen]
        read = iter(self._loader)
        while True:
            try:
                batch = next(read)
            except StopIteration:
                return
            except RuntimeError as error:
                raise WorkerDied(
                    f"a process that reads training images has died or stands still ({error}); "
                    "give --workers 0, or more shared memory (docker run --shm-size)"
                ) from error
            if isinstance(batch, AffordanceGraspError):
                raise batch
            yield batch


class _Requests:
    """Which batches are due; the loader asks for them anew in every epoch."""

    due: Sequence[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.due)

    def __len__(self) -> int:
        return len(self.due)


class _Reader:
    """What runs in a worker: requests -> batches, or what was wrong with one."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitem__(self, request: Request) -> Any:
        draws, chosen = request
        try:
            return self._samples.batch(chosen, draws)
        except AffordanceGraspError as error:  # a loader would put its stack into the sentence
            return error

    def __len__(self) -> int:
        return len(self._samples)


def _as_it_is(batch: Any) -> Any:
    return batch
