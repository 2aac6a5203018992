"""The optimisers of the methods' published recipes, and their learning rate schedules."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from msgspec import Meta

from affordance_grasp.configuration.read import build
from affordance_grasp.configuration.settings import (
    Count,
    NotNegative,
    Positive,
    PositiveShare,
    Settings,
    record,
)
from affordance_grasp.errors import look_up

Beta = Annotated[float, Meta(ge=0, lt=1)]


class OptimizerConfig(Settings, ABC, title="optimizer"):
    """The settings of an optimiser: the rate times ``decay`` every ``step_epochs``.

    ``learning_rate``: the base rate, which a network's parameter groups multiply.
    """

    name: ClassVar[str]
    learning_rate: float
    step_epochs: int
    decay: float

    @abstractmethod
    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """The optimiser of parameter groups that bring their own learning rates."""

    def factor(self, epoch: int) -> float:
        """What multiplies all learning rates in epoch ``epoch``, counted from 0: a staircase."""
        return float(self.decay ** (epoch // self.step_epochs))


@dataclass(frozen=True)
class AdamW(OptimizerConfig):
    """AdamW; the released step is never reached: the rate is constant."""

    name: ClassVar[str] = "adamw"

    learning_rate: Positive = 1e-4
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    weight_decay: NotNegative = 0.01
    step_epochs: Count = 5_000_000
    decay: PositiveShare = 0.1

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """See :class:`OptimizerConfig`."""
        return torch.optim.AdamW(
            groups, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay
        )


@dataclass(frozen=True)
class Sgd(OptimizerConfig):
    """Nesterov momentum."""

    name: ClassVar[str] = "sgd"

    learning_rate: Positive = 1e-3
    momentum: Annotated[float, Meta(gt=0, lt=1)] = 0.9
    weight_decay: NotNegative = 5e-4
    step_epochs: Count = 5
    decay: PositiveShare = 0.1

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """See :class:`OptimizerConfig`."""
        return torch.optim.SGD(
            groups,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=True,
        )


OPTIMIZERS: dict[str, type[AdamW] | type[Sgd]] = {kind.name: kind for kind in (AdamW, Sgd)}


def parse_optimizer(values: Mapping[str, Any]) -> OptimizerConfig:
    """Settings from plain values with a ``name`` among :data:`OPTIMIZERS`."""
    settings = dict(values)
    kind = look_up("optimizer", str(settings.pop("name", None)), OPTIMIZERS)
    return build(kind, settings, "optimizer")


def plain_optimizer(optimizer: Any) -> dict[str, Any]:
    """The inverse of :func:`parse_optimizer`."""
    return {"name": optimizer.name, **record(optimizer)}


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Take up what ``state_dict`` gave; ValueError where its moments are of other shapes."""
    optimizer.load_state_dict(dict(state))
    for parameter, moments in optimizer.state.items():
        for moment in moments.values():
            if moment is not None and moment.shape not in ((), parameter.shape):
                raise ValueError(f"moments of shape {tuple(moment.shape)} for {parameter.shape}")
