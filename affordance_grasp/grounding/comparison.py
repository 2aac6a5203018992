"""Losses and raw maps of a checkpoint on plain tensors, to compare with other implementations.

For example, with a released checkpoint that was imported by ``affordance-grasp checkpoint
import``::

    losses = training_losses("imported.safetensors", {"ego": ego, "exo": exo, "label": label})
    maps = raw_maps("imported.safetensors", images, label)
"""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path

import torch
from torch import Tensor

from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.checkpoint import Checkpoint, load_checkpoint
from affordance_grasp.methods.method import find_method, restore_network
from affordance_grasp.methods.network import DropPath, GroundingNetwork


def training_losses(
    checkpoint: Checkpoint | Path | str, batch: Mapping[str, Tensor], epoch: int = 0
) -> dict[str, Tensor]:
    """The unweighted terms of the method's training loss by name, and ``total``.

    ``batch``: the fields of the method's batch by name, see :attr:`Method.batch`; for example
    ``ego`` (B, 3, 224, 224), ``exo`` (B, E, 3, 224, 224), normalised, and ``label`` (B,). Where a
    batch has ``text`` and none is given, it is the checkpoint's. As in training, batch norms use
    the batch's statistics; drop-path is off, so that the figures repeat. The losses keep their
    graph and may be differentiated with :func:`training_network`.
    """
    stored, owner = _stored(checkpoint)
    takes_text = "text" in signature(find_method(stored.info.method).batch).parameters
    if takes_text and "label" in batch:
        batch = {"text": stored.text[batch["label"]], **batch}
    return network_losses(_training(stored, owner), batch, epoch)


def training_network(checkpoint: Checkpoint | Path | str) -> GroundingNetwork:
    """The network of a checkpoint in training mode, without drop-path."""
    return _training(*_stored(checkpoint))


def _training(stored: Checkpoint, owner: str) -> GroundingNetwork:
    network = restore_network(stored, owner).train()
    for module in network.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0
    return network


def network_losses(
    network: GroundingNetwork, batch: Mapping[str, Tensor], epoch: int = 0
) -> dict[str, Tensor]:
    """See :func:`training_losses`, for a network that is loaded already."""
    try:
        fields = find_method(network.name).batch(**batch)
    except TypeError as error:
        raise InvalidInput(f"a batch of {network.name} has other fields: {error}") from error
    return network.loss(fields, epoch)


@torch.inference_mode()
def raw_maps(
    checkpoint: Checkpoint | Path | str,
    images: Tensor,
    label: Tensor,
    text: Tensor | None = None,
) -> Tensor:
    """The method's raw map of every image for its own query: (B, h, w).

    ``images`` (B, 3, 224, 224) as the method normalises them; ``label`` (B,) indices in the
    checkpoint's list of affordances; ``text`` (B, text dim) instead of the checkpoint's features.
    See the network's ``maps`` for its meaning: a probability map, or a signed CAM on the grid of
    patches.
    """
    stored, owner = _stored(checkpoint)
    network = restore_network(stored, owner).eval()
    if text is None:
        text = stored.text[label]
    tokens = network.tokens(images)
    queries = zip(tokens.split(1), text.split(1), label.split(1), strict=True)
    return torch.cat([network.maps(*query) for query in queries])


def _stored(checkpoint: Checkpoint | Path | str) -> tuple[Checkpoint, str]:
    if isinstance(checkpoint, Checkpoint):
        return checkpoint, f"{checkpoint.info.method} checkpoint"
    return load_checkpoint(Path(checkpoint)), f"checkpoint {checkpoint}"
