"""The entry of a method, and networks built from stored configuration fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from affordance_grasp.configuration.read import build
from affordance_grasp.encoders.backbones import Backbone, load_backbone
from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.methods.network import GroundingNetwork, MethodConfig, NetworkConfig
from affordance_grasp.methods.table import method_module

UNBUILT = (TypeError, ValueError, RuntimeError, ArithmeticError, MemoryError)
"""What torch raises for impossible tensor sizes."""


def one_backbone(config: NetworkConfig, pretrained: bool) -> Backbone:
    """The image encoder that a configuration names."""
    return load_backbone(config.backbone, config.image_side, pretrained)


@dataclass(frozen=True)
class Method:
    """How to build a method.

    ``title`` and ``description``: for display. ``batch``: the type that the loss takes.
    ``backbone(config, pretrained)`` loads the encoder of the network's inputs, with random
    weights where ``pretrained`` is false.
    """

    title: str
    description: str
    config: type[Any]
    network: Callable[..., GroundingNetwork]
    batch: Callable[..., Any]
    backbone: Callable[[Any, bool], Backbone] = one_backbone


def find_method(name: str) -> Method:
    """The method ``name``; refuses unknown names."""
    method: Method = method_module(name, "method").METHOD
    return method


def make_config(name: str, fields: Mapping[str, Any]) -> MethodConfig:
    """The configuration of method ``name`` from stored fields."""
    method = find_method(name)
    try:
        return build(method.config, fields, "network")
    except (ArithmeticError, InvalidInput, UnknownName) as error:
        raise CheckpointError(f"configuration does not fit method {name}: {error}") from error


def make_network(
    name: str, fields: Mapping[str, Any], backbone: Backbone | None = None
) -> GroundingNetwork:
    """The network of method ``name`` from stored configuration fields."""
    method, config = find_method(name), make_config(name, fields)
    try:
        return method.network(config, backbone)
    except UNBUILT as error:
        raise CheckpointError(f"configuration makes no network of method {name}") from error
