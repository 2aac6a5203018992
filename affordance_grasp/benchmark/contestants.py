"""The three methods in their papers' configurations, each beside its plain counterpart.

All weights are random: they cost the same as trained ones, and none are needed. Both sides share
every parameter, so that their results must agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.benchmark import plain_looptrans, plain_selectivecl
from affordance_grasp.benchmark.plain_encoders import plain_copy
from affordance_grasp.benchmark.plain_plsp import PlainPlsp
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.encoders.clearclip import ClipText, make_text_tower
from affordance_grasp.methods.looptrans.network import LoopTrans, LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.plsp.fuser import DropPath
from affordance_grasp.methods.plsp.network import Plsp, PlspBatch, PlspConfig
from affordance_grasp.methods.selectivecl.affinity import load_affinity_backbone, prompt_table
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl
from affordance_grasp.vocabulary import AFFORDANCES

ASKED = AFFORDANCES[:8]
"""The affordances that occur in the benchmark's queries and batches."""
VIEWS = 3
"""Exocentric images of a sample of LoopTrans and SelectiveCL."""


@dataclass(frozen=True)
class Contestant:
    """A method's network and the plain way to do the same.

    ``image`` (1, 3, S, S). ``text`` (8, text_dim): of :data:`ASKED`, computed once. ``infer(image,
    label)``: the plain heatmap (S, S); ``losses(batch)``: the plain losses. ``batch(count)`` makes
    a training batch of images; ``cached(batch)`` is the same of tokens, None where the encoder is
    trained. ``batch_size``, ``images`` per sample: those of the released training.
    """

    network: GroundingNetwork
    image: Tensor
    text: Tensor
    infer: Callable[[Tensor, int], Tensor]
    losses: Callable[[Any], dict[str, Tensor]]
    batch: Callable[[int], Any]
    cached: Callable[[Any], Any] | None
    optimizer: torch.optim.Optimizer
    batch_size: int
    images: int


def looptrans(side: int) -> Contestant:
    """LoopTrans on DINO ViT-S/16, with its trained cluster module, batches of 16."""
    config = replace(LoopTransConfig.paper(), image_side=side, clusters="concepts")
    network = LoopTrans(config, load_backbone(config.backbone, side, pretrained=False))

    def batch(count: int) -> LoopTransBatch:
        return LoopTransBatch(*_views(count, side), _labels(count))

    def cached(images: LoopTransBatch) -> LoopTransBatch:
        ego, exo = _tokens(network, images.ego), _tokens(network, images.exo)
        clusters = network.clusters(network.features(ego).keys)
        return replace(images, ego=ego, exo=exo, clusters=clusters)

    return Contestant(
        network=network,
        image=_image(side),
        text=torch.empty(len(ASKED), 0),
        infer=lambda image, label: plain_looptrans.infer(network, image, label),
        losses=lambda images: plain_looptrans.losses(network, images),
        batch=batch,
        cached=cached,
        optimizer=_sgd(network),
        batch_size=16,
        images=1 + VIEWS,
    )


def selectivecl(side: int) -> Contestant:
    """SelectiveCL on DINO ViT-S/16 and ClearCLIP, batches of 8, its first epoch."""
    config = replace(SelectiveClConfig.paper(), image_side=side)
    encoders = load_affinity_backbone(config.backbone, config.affinity, side, pretrained=False)
    network = SelectiveCl(config, encoders)
    encoder = ClipText(make_text_tower().state_dict())
    table = prompt_table(encoder, ASKED)

    def batch(count: int) -> SelectiveClBatch:
        labels = _labels(count)
        initial = torch.arange(config.clusters).expand(count, -1)
        return SelectiveClBatch(*_views(count, side), labels, table[labels], initial)

    def losses(images: SelectiveClBatch) -> dict[str, Tensor]:
        names = [ASKED[label] for label in images.label.tolist()]
        return plain_selectivecl.losses(network, images, encoder.encode, names)

    return Contestant(
        network=network,
        image=_image(side),
        text=table,
        infer=lambda image, label: plain_selectivecl.infer(
            network, encoder.encode, image, ASKED[label], label
        ),
        losses=losses,
        batch=batch,
        cached=lambda images: replace(
            images, ego=_tokens(network, images.ego), exo=_tokens(network, images.exo)
        ),
        optimizer=_sgd(network),
        batch_size=8,
        images=1 + VIEWS,
    )


def plsp(side: int) -> Contestant:
    """PLSP on CLIP ViT-B/16, which is trained with the rest, batches of 10."""
    config = replace(PlspConfig.paper(), image_side=side)
    network = Plsp(config, load_backbone(config.backbone, side, pretrained=False))
    for module in network.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0  # both sides do the same work
    plain = PlainPlsp(network, plain_copy(network))
    texts = torch.nn.functional.normalize(torch.randn(3, len(ASKED), config.text_dim), dim=2)

    def batch(count: int) -> PlspBatch:
        labels, patches = _labels(count), (side // 16) ** 2
        target = torch.rand(count, side, side)
        return PlspBatch(
            ego=torch.randn(count, 3, side, side),
            exo=torch.randn(count, 3, side, side),
            target=target / target.sum(dim=(1, 2), keepdim=True),
            object_patches=(torch.rand(count, patches) > 0.5).float(),
            text=texts[0, labels],
            noun=texts[1, labels],
            part=texts[2, labels],
            label=labels,
        )

    groups = network.parameter_groups(0.0)
    return Contestant(
        network=network,
        image=_image(side),
        text=texts[0],
        infer=lambda image, label: plain.infer(image, texts[0, label : label + 1]),
        losses=plain.losses,
        batch=batch,
        cached=None,
        optimizer=torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), weight_decay=0.01),
        batch_size=10,
        images=2,
    )


CONTESTANTS: dict[str, Callable[[int], Contestant]] = {
    "looptrans": looptrans,
    "selectivecl": selectivecl,
    "plsp": plsp,
}


def _image(side: int) -> Tensor:
    return torch.randn(1, 3, side, side)


def _labels(count: int) -> Tensor:
    return torch.arange(count) % len(ASKED)


def _views(count: int, side: int) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 3, side, side), torch.randn(count, VIEWS, 3, side, side)


def _tokens(network: GroundingNetwork, images: Tensor) -> Tensor:
    with torch.no_grad():
        return network.tokens(images.flatten(0, -4)).unflatten(0, images.shape[:-3])


def _sgd(network: GroundingNetwork) -> torch.optim.Optimizer:
    """The family's optimiser at learning rate 0: all of its work, and every step the same."""
    groups = network.parameter_groups(0.0)
    return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True, weight_decay=5e-4)
