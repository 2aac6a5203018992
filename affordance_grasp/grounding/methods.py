"""The grounding methods by name; a method is one module, one configuration, one entry here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.grounding.backbones import Backbone
from affordance_grasp.grounding.network import GroundingNetwork, NetworkConfig
from affordance_grasp.grounding.plsp import Plsp, PlspConfig


@dataclass(frozen=True)
class Method:
    """How to build a method, and the checkpoint that ships with the package."""

    description: str
    config: Callable[..., NetworkConfig]
    network: Callable[..., GroundingNetwork]
    checkpoint: str


METHODS = {
    "plsp": Method(
        "part-level semantic priors: a verb's text feature queries the image (ICLR 2025)",
        PlspConfig,
        Plsp,
        "models/plsp_simulated.safetensors",
    ),
}


def find_method(name: str) -> Method:
    """The method ``name``; refuses unknown names."""
    if name not in METHODS:
        raise UnknownName("method", name, tuple(METHODS))
    return METHODS[name]


def make_config(name: str, fields: Mapping[str, Any]) -> NetworkConfig:
    """The configuration of method ``name`` from stored fields."""
    method = find_method(name)
    try:
        return method.config(**fields)
    except (TypeError, InvalidInput, UnknownName) as error:
        raise CheckpointError(f"configuration does not fit method {name}: {error}") from error


def make_network(
    name: str, fields: Mapping[str, Any], backbone: Backbone | None = None
) -> GroundingNetwork:
    """The network of method ``name`` from stored configuration fields."""
    return find_method(name).network(make_config(name, fields), backbone)
