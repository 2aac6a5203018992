"""What a training run is asked to do; read from YAML, written into the run folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
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
        if min(self.epochs, self.batch) < 1 or not self.learning_rate > 0:
            raise InvalidInput(
                f"training needs epochs ({self.epochs}) and batch ({self.batch}) of at least 1 "
                f"and a learning rate ({self.learning_rate}) above 0"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are read from YAML."""
        return {**asdict(self), "betas": list(self.betas)}


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
    except TypeError as error:
        known = ", ".join(f.name for f in fields(TrainConfig))
        raise InvalidInput(f"{where}: {error}; known keys: {known}") from error


def load_config(path: Path) -> TrainConfig:
    """Read a YAML file such as ``config/train_plsp_simulated.yaml``."""
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InvalidInput(f"training configuration {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise InvalidInput(f"training configuration {path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"training configuration {path} must be a mapping of keys to values")
    return parse_config(values, str(path))
