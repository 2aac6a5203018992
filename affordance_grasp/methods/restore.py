"""The network of a checkpoint, on the backbone that it was trained on."""

import torch

from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.encoders.weights import load_strictly, tensors_sha256
from affordance_grasp.errors import CheckpointError
from affordance_grasp.methods.checkpoint import Checkpoint
from affordance_grasp.methods.method import UNBUILT, find_method, make_config, make_network
from affordance_grasp.methods.network import GroundingNetwork, MethodConfig, NetworkConfig


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
        backbone = _make_backbone(info.method, config, not own)
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


def _make_backbone(name: str, config: NetworkConfig, pretrained: bool) -> Backbone:
    try:
        return find_method(name).backbone(config, pretrained)
    except UNBUILT as error:
        raise CheckpointError(f"configuration makes no backbone of method {name}") from error
