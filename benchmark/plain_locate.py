"""LOCATE as its released code computes it, once the exocentric maps choose parts.

Full encoder; part selection and losses go sample by sample.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.methods.locate.config import LocateBatch, LocateConfig
from affordance_grasp.methods.locate.network import Locate
from affordance_grasp.methods.shared.class_maps import KeyFeatures
from benchmark.contestant import ASKED, Contestant
from benchmark.inputs import VIEWS, frozen_tokens, idle_sgd, labels, random_image, random_views
from benchmark.plain_encoders import dino_features
from benchmark.plain_heads import foreground, heatmap, kmeans, project, scaled, spread

CLUSTERS = 3


def contestant(side: int) -> Contestant:
    """LOCATE on DINO ViT-S/16, batches of 16, from its second epoch on."""
    # untrained maps seldom choose a part that would count
    config = replace(LocateConfig.paper(), image_side=side, overlap=0.3)
    network = Locate(config, load_backbone(config.backbone, side, pretrained=False))

    def batch(count: int) -> LocateBatch:
        initial = torch.arange(CLUSTERS).expand(count, -1)
        return LocateBatch(*random_views(count, side), labels(count), initial)

    return Contestant(
        network=network,
        image=random_image(side),
        text=torch.empty(len(ASKED), 0),
        infer=lambda image, label: infer(network, image, label),
        losses=lambda images: losses(network, images),
        batch=batch,
        cached=lambda images: replace(
            images,
            ego=frozen_tokens(network, images.ego),
            exo=frozen_tokens(network, images.exo),
        ),
        optimizer=idle_sgd(network),
        batch_size=16,
        images=1 + VIEWS,
        epoch=1,
    )


def infer(network: Any, image: Tensor, label: int) -> Tensor:
    """A LOCATE, one image (1, 3, S, S) and one query -> its heatmap (S, S)."""
    keys = dino_features(network.backbone.visual, image).keys
    cams = network.aff_fc(network.aff_ego_proj(keys + project(network.aff_proj, keys)))
    return heatmap(cams[0, label], image.shape[-1])


def losses(network: Any, batch: LocateBatch) -> dict[str, Tensor]:
    """The terms of a LOCATE's training loss by our names, and ``total``."""
    with torch.no_grad():
        ego = dino_features(network.backbone.visual, batch.ego)
        exo_keys = dino_features(network.backbone.visual, batch.exo.flatten(0, 1)).keys
    views, count = batch.exo.shape[1], len(batch.label)
    exo_hidden = exo_keys + project(network.aff_proj, exo_keys)
    exo = network.aff_fc(network.aff_exo_proj(exo_hidden)).unflatten(0, (-1, views))
    ego_hidden = ego.keys + project(network.aff_proj, ego.keys)
    cams = network.aff_fc(network.aff_ego_proj(ego_hidden))
    terms = {
        "cls": functional.cross_entropy(cams.mean(dim=(2, 3)), batch.label),
        "proto": torch.zeros(()),
        "con": torch.zeros(()),
    }
    for view in range(views):
        logits = exo[:, view].mean(dim=(2, 3))
        terms["cls"] = terms["cls"] + functional.cross_entropy(logits, batch.label) / views
    guided = []
    for i, label in enumerate(batch.label.tolist()):
        for channel in cams[i]:
            terms["con"] = terms["con"] + spread(channel) / (count * cams.shape[1])
        assert batch.initial is not None
        points = _points(exo[i, :, label].detach(), exo_keys[i * views : (i + 1) * views])
        prototype, overlap = _prototype(points, ego, i, batch.initial[i])
        if prototype is not None and overlap >= network.config.overlap:
            weight = scaled(cams[i, label], 1e-15)
            embedding = (ego.keys[i] * weight).sum(dim=(1, 2)) / weight.sum()
            cosine = functional.cosine_similarity(embedding, prototype, dim=0)
            guided.append((1 - cosine - 0.5).clamp(min=0))
    if guided:
        terms["proto"] = torch.stack(guided).mean()
    return {**terms, "total": terms["cls"] + terms["proto"] + 0.07 * terms["con"]}


def _points(cams: Tensor, keys: Tensor) -> Tensor:
    """Keys (N, D) of (E, D, g, g) on which the CAMs (E, g, g) are high."""
    chosen = [scaled(cam, 1e-15) > 0.6 for cam in cams]
    return torch.cat([one[:, where].T for one, where in zip(keys, chosen, strict=True)])


def _prototype(
    points: Tensor, ego: KeyFeatures, i: int, initial: Tensor
) -> tuple[Tensor | None, float]:
    """The centroid (D,) of sample i that fits best, and its PartIoU."""
    if len(points) < CLUSTERS:
        return None, 0.0
    centroids = functional.normalize(kmeans(points, points[initial]), dim=1)
    own, whole = functional.normalize(ego.keys[i].flatten(1), dim=0), foreground(ego, i)
    overlaps = []
    for centroid in centroids:
        likeness = scaled((centroid @ own).view_as(whole), 1e-12)
        part = likeness > likeness.mean()
        shared = (part & whole).sum() / part.sum()
        overlaps.append((shared + whole.sum() / (part | whole).sum()) / 2)
    best = int(torch.stack(overlaps).argmax())
    return centroids[best], float(overlaps[best])
