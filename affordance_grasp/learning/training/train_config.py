"""What a training run is asked to do; read from YAML, written into the run folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.training.optimizers import parse_optimizer, plain_optimizer
from affordance_grasp.methods.method import find_method, make_config, make_network
from affordance_grasp.methods.network import GroundingNetwork, NetworkConfig
from affordance_grasp.methods.recipe import Recipe, find_recipe
from affordance_grasp.methods.table import DEFAULT_METHOD
from affordance_grasp.methods.types import is_whole, refuse_other_types


@dataclass(frozen=True)
class TrainConfig:
    """One training run, by default on cached features.

    ``batch``: samples per gradient, ``accumulate``: gradients per optimiser step. ``optimizer``
    (an :class:`~affordance_grasp.learning.training.optimizers.OptimizerConfig`), ``views`` and
    ``sampling``: by default those of the method's recipe. ``network``: fields of the method's
    configuration that differ from its defaults. ``cached``: the frozen backbone's features of a
    fixed set of views are kept on disk; otherwise every step augments anew and runs the backbone.
    ``bfloat16``: autocast in forward passes (mixed precision).
    """

    method: str = DEFAULT_METHOD
    text_encoder: str = "minilm"
    epochs: int = 40
    batch: int = 20
    accumulate: int = 1
    optimizer: Any = None
    seed: int = 10000
    views: Any = None
    sampling: Any = None
    network: Mapping[str, Any] = field(default_factory=dict)
    cached: bool = True
    bfloat16: bool = False

    def __post_init__(self) -> None:
        """Refuse an unknown method and figures that cannot train."""
        _refuse_other_types(self)
        recipe = self.recipe
        for name, make in (
            ("optimizer", lambda: parse_optimizer(recipe.optimizer)),
            ("views", recipe.plan),
            ("sampling", recipe.sampling),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, make())
        if min(self.epochs, self.batch, self.accumulate) < 1 or self.seed < 0:
            raise InvalidInput(
                f"training needs epochs ({self.epochs}), batch ({self.batch}) and accumulate "
                f"({self.accumulate}) of at least 1 and a seed ({self.seed}) of at least 0"
            )
        network = self.network_config
        if self.cached and network.train_backbone:
            raise InvalidInput("a backbone that is trained has no features to keep; cached: false")
        if self.views.side != network.image_side:
            raise InvalidInput(
                f"views have a side of {self.views.side} pixels, the network takes images of "
                f"{network.image_side}; set views: side and network: image_side alike"
            )

    @property
    def network_config(self) -> NetworkConfig:
        """The method's configuration, but for the number of classes, which the data decide."""
        return make_config(self.method, self.network)

    @property
    def recipe(self) -> Recipe:
        """How the method is trained."""
        return find_recipe(self.method)

    def make_network(self, classes: int, backbone: Backbone) -> GroundingNetwork:
        """The method's network for a number of affordances, on a backbone."""
        return make_network(self.method, {**self.network, "classes": classes}, backbone)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are read from YAML."""
        return {**asdict(self), "optimizer": plain_optimizer(self.optimizer)}


TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "method": (str, "a name"),
    **dict.fromkeys(
        ("epochs", "batch", "accumulate", "seed"), (int, "a whole number below 2**63")
    ),
    **dict.fromkeys(("cached", "bfloat16"), (bool, "true or false")),
    "text_encoder": (str, "a name"),
    "network": (Mapping, "a mapping of names to values"),
}


def _refuse_other_types(config: TrainConfig) -> None:
    for name, (kind, words) in TYPES.items():
        value = getattr(config, name)
        if not isinstance(value, kind) or (kind is int and not is_whole(value)):
            raise InvalidInput(f"training setting {name} is {value!r}; expected {words}")


def parse_config(values: Mapping[str, Any], where: str = "training configuration") -> TrainConfig:
    """A configuration from plain values; unknown keys are refused with the known ones."""
    values = dict(values)
    method = values.setdefault("method", TrainConfig.method)
    if not isinstance(method, str):
        raise InvalidInput(f"training setting method is {method!r}; expected a name")
    network = find_method(method).config
    recipe = find_recipe(method)
    kinds = {"views": recipe.plan, "sampling": recipe.sampling, "network": network}
    for group, kind in kinds.items():
        refuse_other_types(kind, values.get(group), group)
    parsers = {
        "views": lambda given: recipe.plan(**given),
        "sampling": lambda given: recipe.sampling(**given),
        "optimizer": parse_optimizer,
    }
    try:
        nested = {name: parse(values[name]) for name, parse in parsers.items() if name in values}
        return TrainConfig(**{**values, **nested})
    except (TypeError, ValueError) as error:
        known = ", ".join(f.name for f in fields(TrainConfig))
        raise InvalidInput(f"{where}: {error}; known keys: {known}") from error


def load_config(path: Path, method: str | None = None) -> TrainConfig:
    """Read a YAML file such as ``config/train_plsp_simulated.yaml``.

    ``method``: the one that was asked for elsewhere; the file may leave it out, but name no other.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"training configuration {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"training configuration {path} is not valid YAML: {reason}") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"training configuration {path} must be a mapping of keys to values")
    if method is not None and values.setdefault("method", method) != method:
        raise InvalidInput(
            f"training configuration {path} is for method {values['method']!r}, but --method is "
            f"{method}; name one of them only"
        )
    return parse_config(values, str(path))
