"""The entry of a method, and networks built from stored configurations and checkpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from affordance_grasp.configuration.read import build
from affordance_grasp.encoders.backbones import Backbone, load_backbone
from affordance_grasp.encoders.weights import load_strictly, tensors_sha256
from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.methods.checkpoint import Checkpoint
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

    ``title``: for display. ``batch``: the type that the loss takes.
    ``backbone(config, pretrained)`` loads the encoder of the network's inputs, with random
    weights where ``pretrained`` is false.
    """

    title: str
    config: type[Any]
    network: Callable[..., GroundingNetwork]
    batch: Callable[..., Any]
    backbone: Callable[[Any, bool], Backbone] = one_backbone


def find_method(name: str) -> Method:
    """The method ``name``; refuses unknown names."""
    method: Method = method_module(name, "network").METHOD
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


def restore_network(stored: Checkpoint, owner: str) -> GroundingNetwork:
    """The network of a checkpoint with its weights and its backbone's.

    The backbone is the installed one, which must be the one that the head was trained with, unless
    the checkpoint contains its own, whose digest is then taken. ``owner`` names the checkpoint in
    errors.
    """
    info = stored.info
    config = make_config(info.method, info.config)
    own = bool(config.train_backbone) or any(n.startswith("backbone.") for n in stored.tensors)
    _refuse_other_queries(stored, config, owner)
    with torch.device("meta" if own else "cpu"):
        backbone = find_method(info.method).backbone(config, not own)
    if not own and backbone.sha256 != info.backbone_sha256:
        raise CheckpointError(
            f"{owner} was trained on backbone {info.backbone} with sha256 "
            f"{info.backbone_sha256[:12]}..., but the installed weights have "
            f"{backbone.sha256[:12]}...; a head works only on the backbone it was trained on"
        )
    with torch.device("meta"):  # the checkpoint has every tensor: none is initialised, none copied
        network = make_network(info.method, info.config, backbone)
    frozen = {} if own else {f"backbone.{n}": t for n, t in backbone.state_dict().items()}
    load_strictly(network, {**stored.tensors, **frozen}, owner)
    network.compare_with(stored.text)
    if own:
        backbone.sha256 = tensors_sha256(backbone.state_dict())
    return network


def _refuse_other_queries(stored: Checkpoint, config: MethodConfig, owner: str) -> None:
    """Refuse affordances and texts that do not fit the network of ``config``."""
    if len(stored.info.affordances) > config.classes:
        raise CheckpointError(
            f"{owner} names {len(stored.info.affordances)} affordances, its network has "
            f"{config.classes} classes"
        )
    if stored.text.shape[1] != config.text_dim:
        raise CheckpointError(
            f"{owner} holds text features of {stored.text.shape[1]} channels, its network takes "
            f"{config.text_dim}"
        )
