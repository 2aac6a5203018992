"""LoopTrans as its released code computes it: full encoder, losses in loops over samples."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.methods.looptrans.config import LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.looptrans.network import LoopTrans
from benchmark.contestant import ASKED, Contestant
from benchmark.inputs import VIEWS, frozen_tokens, idle_sgd, labels, random_image, random_views
from benchmark.plain_encoders import dino_features
from benchmark.plain_heads import heatmap, project, scaled, spread

SALIENT = [0, 1, 3]
NOISE = 15


def contestant(side: int) -> Contestant:
    """LoopTrans on DINO ViT-S/16, with its trained cluster module, batches of 16."""
    config = replace(LoopTransConfig.paper(), image_side=side, clusters="concepts")
    network = LoopTrans(config, load_backbone(config.backbone, side, pretrained=False))

    def batch(count: int) -> LoopTransBatch:
        return LoopTransBatch(*random_views(count, side), labels(count))

    def cached(images: LoopTransBatch) -> LoopTransBatch:
        ego, exo = frozen_tokens(network, images.ego), frozen_tokens(network, images.exo)
        clusters = network.clusters(network.features(ego).keys)
        return replace(images, ego=ego, exo=exo, clusters=clusters)

    return Contestant(
        network=network,
        image=random_image(side),
        text=torch.empty(len(ASKED), 0),
        infer=lambda image, label: infer(network, image, label),
        losses=lambda images: losses(network, images),
        batch=batch,
        cached=cached,
        optimizer=idle_sgd(network),
        batch_size=16,
        images=1 + VIEWS,
    )


def infer(network: Any, image: Tensor, label: int) -> Tensor:
    """A LoopTrans, one image (1, 3, S, S) and one query -> its heatmap (S, S)."""
    keys = dino_features(network.backbone.visual, image).keys
    cams = network.aff_fc(network.pixel_dec(keys + project(network.aff_proj, keys)))
    return heatmap(cams[0, label], image.shape[-1])


def losses(network: Any, batch: LoopTransBatch) -> dict[str, Tensor]:
    """The terms of a LoopTrans' training loss by our names, and ``total``."""
    with torch.no_grad():
        ego = dino_features(network.backbone.visual, batch.ego)
        exo_keys = dino_features(network.backbone.visual, batch.exo.flatten(0, 1)).keys
        clusters = network.cluster(ego.keys).argmax(dim=2)
    views = batch.exo.shape[1]
    ego_hidden = ego.keys + project(network.aff_proj, ego.keys)
    exo_hidden = exo_keys + project(network.aff_proj, exo_keys)
    exo = network.aff_fc(network.scam(exo_hidden)).unflatten(0, (-1, views))
    shared = network.aff_fc(network.scam(ego_hidden))
    pixel = network.aff_fc(network.pixel_dec(ego_hidden))
    keys = exo_keys.unflatten(0, (-1, views))
    saliency = ego.attention[:, SALIENT].mean(dim=1).view(-1, *pixel.shape[2:])
    terms = {
        "cls": functional.cross_entropy(shared.mean(dim=(2, 3)), batch.label),
        "corr": _correlation(pixel, exo),
        **{name: torch.zeros(()) for name in ("mse", "dice", "denoise", "con")},
    }
    for view in range(views):
        logits = exo[:, view].mean(dim=(2, 3))
        terms["cls"] = terms["cls"] + functional.cross_entropy(logits, batch.label) / views
    count = len(batch.label)
    for i, label in enumerate(batch.label.tolist()):
        heat = scaled(pixel[i, label], 1e-15)
        mask = _part(scaled(shared[i, label].detach(), 1e-15), clusters[i], saliency[i])
        overlap, sizes = (heat * mask).sum(), heat.sum() + mask.sum()
        terms["mse"] = terms["mse"] + functional.mse_loss(heat, mask) / count
        terms["dice"] = terms["dice"] + (1 - (2 * overlap + 1) / (sizes + 1)) / count
        terms["denoise"] = (
            terms["denoise"]
            + _denoising(exo[i], keys[i], pixel[i, label], ego.keys[i], label) / count
        )
        for channel in pixel[i]:
            terms["con"] = terms["con"] + spread(channel) / (count * pixel.shape[1])
    weights = {"cls": 1, "mse": 10, "dice": 2, "corr": 1.5, "denoise": 0.05, "con": 0.07}
    return {**terms, "total": torch.stack([weights[n] * t for n, t in terms.items()]).sum()}


def _correlation(pixel: Tensor, exo: Tensor) -> Tensor:
    flat = pixel.flatten(2)
    other = torch.cat(list(exo.flatten(3).unbind(dim=1)), dim=2)
    ego_matrix, exo_matrix = flat @ flat.transpose(1, 2), other @ other.transpose(1, 2)
    return 1 - functional.cosine_similarity(ego_matrix, exo_matrix, dim=1).mean()


def _part(cam: Tensor, clusters: Tensor, saliency: Tensor) -> Tensor:
    """The cluster (g, g) of one sample that overlaps the hot CAM most, without the background."""
    hot, salient = (cam > 0.92).flatten(), scaled(saliency, 1e-15).flatten()
    overlaps, means = [], []
    for k in range(4):
        member = clusters == k
        union = (hot | member).sum() + 1e-6
        overlaps.append((hot & member).sum() / union)
        means.append(salient[member].mean() if member.any() else torch.tensor(-1.0))
    overlaps[int(torch.stack(means).argmin())] = torch.tensor(-1.0)
    return (clusters == torch.stack(overlaps).argmax()).float().view_as(cam)


def _denoising(
    exo: Tensor, exo_keys: Tensor, pixel: Tensor, ego_keys: Tensor, label: int
) -> Tensor:
    """The distillation of one sample: CAMs (E, C, g, g), keys (E, D, g, g) and (D, g, g)."""
    target = functional.normalize((exo[:, label, None] * exo_keys).mean(dim=(0, 2, 3)), dim=0)
    own = functional.normalize((pixel[None] * ego_keys).mean(dim=(1, 2)), dim=0)
    others = torch.zeros(())
    for m in range(exo.shape[1] - NOISE, exo.shape[1]):
        noise = functional.normalize((exo[:, m, None] * exo_keys).mean(dim=(0, 2, 3)), dim=0)
        others = others + (target @ noise).exp()
    agreement = (target @ own).exp()
    return -(agreement / (agreement + others)).log()
