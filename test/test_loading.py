import os
import signal

import pytest
import torch

from affordance_grasp.errors import InvalidInput, WorkerDied
from affordance_grasp.learning.training.loading import BatchLoader
from affordance_grasp.methods.recipe import Draws

pytestmark = pytest.mark.processes


class Numbers:
    """Samples that are random numbers."""

    def __len__(self):
        return 9

    def batch(self, chosen, draws):
        if 8 in chosen:
            raise InvalidInput("image 8 is corrupt")
        if 7 in chosen:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.tensor([draws.of(i).random() for i in chosen])


def read(workers, batches, epoch=0):
    loader = BatchLoader(Numbers(), workers, pinned=False)
    return list(loader.batches(Draws(3, epoch), batches))


def test_batches_are_the_same_whatever_the_number_of_workers():
    batches = [[0, 4], [2, 1, 5], [3], [6]]
    alone = read(0, batches)
    for workers in (1, 3):
        assert all(map(torch.equal, read(workers, batches), alone))
    shuffled = read(0, [[4, 6], [1]])
    assert shuffled[0].tolist() == [alone[0][1], alone[3][0]]
    assert read(0, batches, epoch=1)[0].tolist() != alone[0].tolist()


def test_a_loader_serves_epoch_after_epoch_and_leaves_torchs_numbers_alone():
    torch.manual_seed(0)
    loader, state = BatchLoader(Numbers(), 1, pinned=False), torch.get_rng_state()
    epochs = [list(loader.batches(Draws(3, epoch), [[0], [1]])) for epoch in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_wrong_with_an_image_is_one_sentence(workers):
    with pytest.raises(InvalidInput, match=r"^image 8 is corrupt$"):
        read(workers, [[0], [8]])


def test_a_killed_worker_ends_the_training_with_a_sentence():
    with pytest.raises(WorkerDied, match="--workers 0"):
        read(1, [[0], [7]])


def test_samples_have_different_numbers():
    draws = Draws(0, 0)
    first = {draws.of(i).random() for i in range(50)} | {draws.order.random()}
    assert len(first) == 51
