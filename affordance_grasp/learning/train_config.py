"""What a training run is asked to do; read from YAML, written into the run folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any

import yaml

from affordance_grasp.errors import InvalidInput
from affordance_grasp.grounding.methods import find_method
from affordance_grasp.learning.plsp_samples import SamplingConfig
from affordance_grasp.learning.views import ViewPlan


@dataclass(frozen=True)
class TrainConfig:
    """One training run; the defaults are PLSP's published recipe (ICLR 2025, released code).

    ``batch``: samples per optimiser step (paper: 10 x 2 accumulated). ``network``: fields of the
    method's configuration that differ from its defaults. ``bfloat16``: autocast in forward passes.
    """

    method: str = "plsp"
    backbone: str = "dinov2_vits14"
    text_encoder: str = "minilm"
    epochs: int = 40
    batch: int = 20
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    seed: int = 10000
    views: ViewPlan = ViewPlan()
    sampling: SamplingConfig = SamplingConfig()
    network: Mapping[str, Any] = field(default_factory=dict)
    bfloat16: bool = False

    def __post_init__(self) -> None:
        """Refuse an unknown method and figures that cannot train."""
        find_method(self.method)
        _refuse_other_kinds(self)
        if min(self.epochs, self.batch) < 1 or not 0 < self.learning_rate < inf:
            raise InvalidInput(
                f"training needs epochs ({self.epochs}) and batch ({self.batch}) of at least 1 "
                f"and a learning rate ({self.learning_rate}) above 0"
            )
        if self.seed < 0 or not self.weight_decay >= 0:
            raise InvalidInput(
                f"seed ({self.seed}) and weight decay ({self.weight_decay}) must not be negative"
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InvalidInput(f"betas are {self.betas}; expected two numbers within 0..1")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are read from YAML."""
        return {**asdict(self), "betas": list(self.betas)}


KINDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(("epochs", "batch", "seed"), (int, "a whole number")),
    **dict.fromkeys(("learning_rate", "weight_decay"), ((int, float), "a number")),
    "bfloat16": (bool, "true or false"),
    "network": (Mapping, "a mapping of names to values"),
}


def _refuse_other_kinds(config: TrainConfig) -> None:
    for name, (kind, words) in KINDS.items():
        value = getattr(config, name)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise InvalidInput(f"training setting {name} is {value!r}; expected {words}")


def parse_config(values: Mapping[str, Any], where: str = "training configuration") -> TrainConfig:
    """A configuration from plain values; unknown keys are refused with the known ones."""
    values = dict(values)
    nested = {"views": ViewPlan, "sampling": SamplingConfig}
    try:
        for name, kind in nested.items():
            if name in values:
                values[name] = kind(**values[name])
        if "betas" in values:
            values["betas"] = tuple(float(beta) for beta in values["betas"])
        return TrainConfig(**values)
    except (TypeError, ValueError) as error:
        known = ", ".join(f.name for f in fields(TrainConfig))
        raise InvalidInput(f"{where}: {error}; known keys: {known}") from error


def load_config(path: Path) -> TrainConfig:
    """Read a YAML file such as ``config/train_plsp_simulated.yaml``."""
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"training configuration {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"training configuration {path} is not valid YAML: {reason}") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"training configuration {path} must be a mapping of keys to values")
    return parse_config(values, str(path))
