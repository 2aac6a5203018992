"""The configuration of a training run; read from YAML, written into the run folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from affordance_grasp.configuration.read import build, read_mapping
from affordance_grasp.configuration.settings import (
    Count,
    Seed,
    Settings,
    Word,
    one_of,
    record,
    settings_of,
)
from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.training.optimizers import parse_optimizer, plain_optimizer
from affordance_grasp.methods.method import find_method, make_config, make_network
from affordance_grasp.methods.network import GroundingNetwork, NetworkConfig
from affordance_grasp.methods.recipe import Recipe, find_recipe
from affordance_grasp.methods.table import DEFAULT_METHOD


@dataclass(frozen=True)
class TrainConfig(Settings, title="training"):
    """One training run, by default on cached features.

    ``batch``: samples per gradient, ``accumulate``: gradients per optimiser step. ``optimizer``
    (an :class:`~affordance_grasp.learning.training.optimizers.OptimizerConfig`), ``views`` and
    ``sampling``: by default those of the method's recipe. ``network``: fields of the method's
    configuration that differ from its defaults. ``cached``: the frozen backbone's features of a
    fixed set of views are cached; otherwise every step augments anew and runs the backbone.
    ``bfloat16``: autocast in forward passes (mixed precision).
    """

    method: Annotated[Word, one_of("method", "affordance_grasp.methods.table:METHODS")] = (
        DEFAULT_METHOD
    )
    text_encoder: Word = "minilm"
    epochs: Count = 40
    batch: Count = 20
    accumulate: Count = 1
    optimizer: Any = None
    seed: Seed = 10000
    views: Any = None
    sampling: Any = None
    network: dict[str, Any] = field(default_factory=dict)
    cached: bool = True
    bfloat16: bool = False

    def check(self) -> None:
        """Complete with the method's recipe, and refuse what does not fit together."""
        recipe = self.recipe
        for name, make in (
            ("optimizer", lambda: parse_optimizer(recipe.optimizer)),
            ("views", recipe.plan),
            ("sampling", recipe.sampling),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, make())
        network = self.network_config
        recipe.agree(network, self.sampling)
        if self.cached and network.train_backbone:
            raise InvalidInput(
                "a backbone that is trained has no features to cache; set cached: false"
            )
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
        return {**record(self), "optimizer": plain_optimizer(self.optimizer)}


def parse_config(values: Mapping[str, Any], where: str = "training configuration") -> TrainConfig:
    """A configuration from plain values; unknown keys are refused with the known ones."""
    values = dict(values)
    chosen = next(each for each in settings_of(TrainConfig) if each.name == "method")
    method = chosen.convert(values.get("method", DEFAULT_METHOD), f"{where}: method")
    recipe = find_recipe(method)
    build(find_method(method).config, values.get("network", {}), f"{where}: network")
    for name, kind in (("views", recipe.plan), ("sampling", recipe.sampling)):
        if name in values:
            values[name] = build(kind, values[name], f"{where}: {name}")
    if "optimizer" in values:
        values["optimizer"] = parse_optimizer(values["optimizer"])
    return build(TrainConfig, values, where)


def load_config(path: Path, method: str | None = None) -> TrainConfig:
    """Read a YAML file such as ``config/train_plsp_simulated.yaml``.

    ``method``: the method asked for; the file may omit it, but name no other.
    """
    values = read_mapping(path)
    if method is not None and values.setdefault("method", method) != method:
        raise InvalidInput(
            f"training configuration {path} is for method {values['method']!r}, but --method is "
            f"{method}; name one of them only"
        )
    return parse_config(values, str(path))
