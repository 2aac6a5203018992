"""The grounding methods by name; a method is one module, one configuration, one entry here."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from affordance_grasp.encoders.backbones import Backbone, load_backbone
from affordance_grasp.encoders.weights import load_strictly, tensors_sha256
from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.methods.checkpoint import Checkpoint
from affordance_grasp.methods.looptrans.network import LoopTrans, LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.network import GroundingNetwork, MethodConfig, NetworkConfig
from affordance_grasp.methods.plsp.network import Plsp, PlspBatch, PlspConfig
from affordance_grasp.methods.selectivecl.affinity import load_affinity_backbone
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl

UNBUILT = (TypeError, ValueError, RuntimeError, ArithmeticError, MemoryError)
"""What torch raises of sizes that no tensor has."""


def _one_backbone(config: NetworkConfig, pretrained: bool) -> Backbone:
    return load_backbone(config.backbone, config.image_side, pretrained)


def _selectivecl_backbone(config: SelectiveClConfig, pretrained: bool) -> Backbone:
    return load_affinity_backbone(config.backbone, config.affinity, config.image_side, pretrained)


@dataclass(frozen=True)
class Method:
    """How to build a method.

    ``checkpoint`` ships with the package. ``backbone(config, pretrained)`` loads what feeds the
    network, with random weights where ``pretrained`` is false.
    ``batch``: what the loss takes.
    """

    description: str
    config: Callable[..., MethodConfig]
    network: Callable[..., GroundingNetwork]
    batch: Callable[..., Any]
    checkpoint: str
    backbone: Callable[[Any, bool], Backbone] = _one_backbone


METHODS = {
    "plsp": Method(
        "part-level semantic priors: a verb's text feature queries the image (ICLR 2025)",
        PlspConfig,
        Plsp,
        PlspBatch,
        "models/plsp_simulated.safetensors",
    ),
    "looptrans": Method(
        "closed-loop transfer: class maps that exocentric views teach (ICCV 2025)",
        LoopTransConfig,
        LoopTrans,
        LoopTransBatch,
        "models/looptrans_simulated.safetensors",
    ),
    "selectivecl": Method(
        "selective contrastive learning: class maps, calibrated by object affinity (ICCV 2025)",
        SelectiveClConfig,
        SelectiveCl,
        SelectiveClBatch,
        "models/selectivecl_simulated.safetensors",
        _selectivecl_backbone,
    ),
}


def find_method(name: str) -> Method:
    """The method ``name``; refuses unknown names."""
    if name not in METHODS:
        raise UnknownName("method", name, tuple(METHODS))
    return METHODS[name]


def make_config(name: str, fields: Mapping[str, Any]) -> MethodConfig:
    """The configuration of method ``name`` from stored fields."""
    method = find_method(name)
    try:
        _refuse_other_kinds(method.config, fields)
        return method.config(**fields)
    except (TypeError, ArithmeticError, InvalidInput, UnknownName) as error:
        raise CheckpointError(f"configuration does not fit method {name}: {error}") from error


def _refuse_other_kinds(config: Any, fields: Mapping[str, Any]) -> None:
    """Raise TypeError where a number is stored as something else than the default is."""
    for name, value in fields.items():
        default = getattr(config, name, None)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if type(default) is int and not whole:
            raise TypeError(f"{name} is {value!r}, expected a whole number")
        if type(default) is float and not (
            whole or (isinstance(value, float) and math.isfinite(value))
        ):
            raise TypeError(f"{name} is {value!r}, expected a finite number")


def restore_network(stored: Checkpoint, owner: str) -> GroundingNetwork:
    """The network of a checkpoint with its weights and its backbone's.

    The backbone is the installed one, which must be the one that the head was trained on, unless
    the checkpoint brings its own, whose digest is then taken. ``owner`` names the checkpoint in
    errors.
    """
    info = stored.info
    config = make_config(info.method, info.config)
    own = bool(config.train_backbone) or any(n.startswith("backbone.") for n in stored.tensors)
    _refuse_other_queries(stored, config, owner)
    with torch.device("meta" if own else "cpu"):
        backbone = _make_backbone(info.method, config, not own)
    if not own and backbone.sha256 != info.backbone_sha256:
        raise CheckpointError(
            f"{owner} was trained on backbone {info.backbone} with sha256 "
            f"{info.backbone_sha256[:12]}..., but the installed weights have "
            f"{backbone.sha256[:12]}...; a head works only on the backbone it was trained on"
        )
    with torch.device("meta"):  # the checkpoint has every tensor: none is drawn, none copied
        network = make_network(info.method, info.config, backbone)
    frozen = {} if own else {f"backbone.{n}": t for n, t in backbone.state_dict().items()}
    load_strictly(network, {**stored.tensors, **frozen}, owner)
    if own:
        backbone.sha256 = tensors_sha256(backbone.state_dict())
    return network


def _refuse_other_queries(stored: Checkpoint, config: MethodConfig, owner: str) -> None:
    """Refuse affordances and texts that the network of ``config`` cannot be asked for."""
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


def _make_backbone(name: str, config: NetworkConfig, pretrained: bool) -> Backbone:
    try:
        return find_method(name).backbone(config, pretrained)
    except UNBUILT as error:
        raise CheckpointError(f"configuration makes no backbone of method {name}") from error


def make_network(
    name: str, fields: Mapping[str, Any], backbone: Backbone | None = None
) -> GroundingNetwork:
    """The network of method ``name`` from stored configuration fields."""
    method, config = find_method(name), make_config(name, fields)
    try:
        return method.network(config, backbone)
    except UNBUILT as error:
        raise CheckpointError(f"configuration makes no network of method {name}") from error
