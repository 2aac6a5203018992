"""How a training computes: precision, compilation, and processes that share its batches."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from affordance_grasp.errors import EnvironmentFault
from affordance_grasp.learning.flags import Computing
from affordance_grasp.methods.network import GroundingNetwork

LONGEST_WAIT = timedelta(hours=6)
"""For a process that encodes images or scores an epoch while the others wait."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes of a training: this one's ``rank`` among ``size`` of them."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files and scores epochs."""
        return self.rank == 0

    def own(self, chosen: Sequence[int]) -> tuple[list[int], float]:
        """This process's samples of a batch, and their share of the work of all.

        A batch too small to be divided is computed by everyone.
        """
        if len(chosen) < self.size:
            return list(chosen), 1 / self.size
        own = list(chosen[self.rank :: self.size])
        return own, len(own) / len(chosen)

    def total(self, values: Tensor) -> Tensor:
        """The sum of every process's ``values``."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def share(self, value: Value) -> Value:
        """The first process's ``value``, in all of them."""
        values = [value]
        if self.size > 1:
            distributed.broadcast_object_list(values)
        return values[0]

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process passes before the others, which find what it left."""
        if not self.first:
            distributed.barrier()
        yield
        if self.first and self.size > 1:
            distributed.barrier()


@dataclass(frozen=True)
class Machine:
    """Where and how a training computes; ``workers``: processes that read its images."""

    device: str = "cpu"
    workers: int = 0
    computing: Computing = Computing()
    group: Group = Group()


ALONE = Machine()


@contextmanager
def joined_group(device: str) -> Iterator[tuple[Group, str]]:
    """The group that ``torchrun`` started this process in, and its device.

    On ``cuda`` every process has the GPU of its local rank.

    Raises:
        EnvironmentFault: the others are not found.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group(), device
        return
    on_gpu = device.startswith("cuda")
    if on_gpu:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    try:
        distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:
        raise EnvironmentFault(
            f"the {size} processes of this training do not find each other ({error}); start them "
            "with torchrun"
        ) from error
    try:
        yield Group(distributed.get_rank(), size), device
    finally:
        distributed.destroy_process_group()


def prepare(network: GroundingNetwork, computing: Computing) -> None:
    """Set what holds for the whole process, and the network's memory format."""
    torch.set_float32_matmul_precision("high" if computing.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = computing.tf32
    if computing.channels_last:
        network.to(memory_format=torch.channels_last)


def loss_function(network: GroundingNetwork, machine: Machine) -> Callable[..., dict[str, Tensor]]:
    """The network's loss of a batch and an epoch; gradients are the mean over the processes.

    On GPUs batch norms take their statistics from all processes.
    """
    loss: nn.Module = _Loss(network)
    on_gpu = machine.device.startswith("cuda")
    if machine.group.size > 1:
        if on_gpu:
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
        devices = [torch.device(machine.device)] if on_gpu else None
        # some terms begin with a later epoch: until then their parameters are unused
        loss = nn.parallel.DistributedDataParallel(loss, devices, find_unused_parameters=True)
    return torch.compile(loss) if machine.computing.compile else loss


class _Loss(nn.Module):
    """A network whose forward pass is its loss, as wrappers of modules ask for it."""

    def __init__(self, network: GroundingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Any, epoch: int) -> dict[str, Tensor]:
        return self.network.loss(batch, epoch)


def gradient_scaler(machine: Machine) -> torch.amp.GradScaler:
    """Scales losses so that float16 holds their gradients; it does nothing otherwise."""
    kind = torch.device(machine.device).type
    return torch.amp.GradScaler(kind, enabled=machine.computing.float16)
