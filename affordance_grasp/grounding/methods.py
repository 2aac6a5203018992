"""The grounding methods by name; a method is one module, one configuration, one entry here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.grounding.backbones import Backbone
from affordance_grasp.grounding.plsp import Plsp, PlspConfig


@dataclass(frozen=True)
class Method:
    """How to build a method, and the checkpoint that ships with the package.

    A ``network`` takes ``(config, backbone=None)`` and offers ``tokens(images)``,
    ``loss(batch, epoch) -> {term: scalar, "total": scalar}`` and
    ``maps(tokens, text, label) -> (Q, h, w)`` raw heatmaps of Q queries on one image.
    """

    description: str
    config: type[PlspConfig]
    network: type[Plsp]
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


def make_network(name: str, config: Mapping[str, Any], backbone: Backbone | None = None) -> Plsp:
    """The network of method ``name`` from stored configuration fields."""
    method = find_method(name)
    try:
        settings = method.config(**config)
    except (TypeError, InvalidInput) as error:
        raise CheckpointError(f"configuration does not fit method {name}: {error}") from error
    return method.network(settings, backbone)
