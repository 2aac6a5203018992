"""The optimisers of the methods' published recipes, and how their learning rates go on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, ClassVar, Protocol

import torch

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.methods.types import refuse_other_types


class OptimizerConfig(Protocol):
    """What every optimiser's settings say."""

    name: ClassVar[str]

    @property
    def learning_rate(self) -> float:
        """The base rate, which a network's parameter groups multiply."""

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """The optimiser of parameter groups that bring their own learning rates."""

    def factor(self, epoch: int) -> float:
        """What multiplies all learning rates in epoch ``epoch``, counted from 0."""


@dataclass(frozen=True)
class AdamW:
    """AdamW, the rate times ``decay`` every ``step_epochs``.

    The released step is never reached: the rate is constant.
    """

    name: ClassVar[str] = "adamw"

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    step_epochs: int = 5_000_000
    decay: float = 0.1

    def __post_init__(self) -> None:
        """Refuse figures that cannot train."""
        _refuse_rates(self.learning_rate, self.weight_decay)
        _refuse_staircase(self.step_epochs, self.decay)
        betas = tuple(float(beta) for beta in self.betas)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise InvalidInput(f"betas are {self.betas}; expected two numbers within 0..1")
        object.__setattr__(self, "betas", betas)

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """See :class:`OptimizerConfig`."""
        return torch.optim.AdamW(
            groups, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay
        )

    def factor(self, epoch: int) -> float:
        """A staircase."""
        return float(self.decay ** (epoch // self.step_epochs))


@dataclass(frozen=True)
class Sgd:
    """Nesterov momentum, the rate times ``decay`` every ``step_epochs``."""

    name: ClassVar[str] = "sgd"

    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    step_epochs: int = 5
    decay: float = 0.1

    def __post_init__(self) -> None:
        """Refuse figures that cannot train."""
        _refuse_rates(self.learning_rate, self.weight_decay)
        _refuse_staircase(self.step_epochs, self.decay)
        if not 0 < self.momentum < 1:
            raise InvalidInput(f"momentum is {self.momentum}; expected a number within 0..1")

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """See :class:`OptimizerConfig`."""
        return torch.optim.SGD(
            groups,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=True,
        )

    def factor(self, epoch: int) -> float:
        """A staircase."""
        return float(self.decay ** (epoch // self.step_epochs))


OPTIMIZERS: dict[str, type[AdamW] | type[Sgd]] = {kind.name: kind for kind in (AdamW, Sgd)}


def parse_optimizer(values: Mapping[str, Any]) -> OptimizerConfig:
    """Settings from plain values with a ``name`` among :data:`OPTIMIZERS`."""
    settings = dict(values)
    name = settings.pop("name", None)
    if name not in OPTIMIZERS:
        raise UnknownName("optimizer", str(name), tuple(OPTIMIZERS))
    refuse_other_types(OPTIMIZERS[name], settings, "optimizer")
    return OPTIMIZERS[name](**settings)


def plain_optimizer(optimizer: Any) -> dict[str, Any]:
    """What :func:`parse_optimizer` reads."""
    values = {n: list(v) if isinstance(v, tuple) else v for n, v in asdict(optimizer).items()}
    return {"name": optimizer.name, **values}


def _refuse_rates(learning_rate: float, weight_decay: float) -> None:
    for name, value in (("learning_rate", learning_rate), ("weight_decay", weight_decay)):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidInput(f"{name} is {value!r}; expected a number")
    if not 0 < learning_rate < inf or not weight_decay >= 0:
        raise InvalidInput(
            f"training needs a learning_rate ({learning_rate}) above 0 and a weight_decay "
            f"({weight_decay}) that is not negative"
        )


def _refuse_staircase(step_epochs: int, decay: float) -> None:
    if step_epochs < 1 or not 0 < decay <= 1:
        raise InvalidInput(
            f"the rate is multiplied by {decay} every {step_epochs} epochs; "
            f"expected a factor above 0 and up to 1, and at least 1 epoch"
        )
