"""SelectiveCL as its released code computes it, in its first epoch.

Prompts are encoded in every step, CLIP's last block runs twice, every conv block is evaluated for
the maps and again for the contrast, and part discovery and losses go sample by sample. Part
discovery indexes the exocentric maps as the paper says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.clearclip import ClipText, make_text_tower
from affordance_grasp.methods.selectivecl.affinity import (
    action_prompt,
    entity_prompt,
    load_affinity_backbone,
    prompt_table,
)
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl
from affordance_grasp.methods.shared.class_maps import KeyFeatures
from benchmark.contestant import ASKED, Contestant
from benchmark.inputs import VIEWS, frozen_tokens, idle_sgd, labels, random_image, random_views
from benchmark.plain_encoders import clearclip_tokens, dino_features
from benchmark.plain_heads import foreground, heatmap, kmeans, project, scaled

Encode = Callable[[Sequence[str]], Tensor]
TEMPERATURE, BASE_TEMPERATURE = 0.5, 0.07


def contestant(side: int) -> Contestant:
    """SelectiveCL on DINO ViT-S/16 and ClearCLIP, batches of 8, its first epoch."""
    config = replace(SelectiveClConfig.paper(), image_side=side)
    encoders = load_affinity_backbone(config.backbone, config.affinity, side, pretrained=False)
    network = SelectiveCl(config, encoders)
    encoder = ClipText(make_text_tower().state_dict())
    table = prompt_table(encoder, ASKED)

    def batch(count: int) -> SelectiveClBatch:
        label = labels(count)
        initial = torch.arange(config.clusters).expand(count, -1)
        return SelectiveClBatch(*random_views(count, side), label, table[label], initial)

    def plain_losses(images: SelectiveClBatch) -> dict[str, Tensor]:
        names = [ASKED[label] for label in images.label.tolist()]
        return losses(network, images, encoder.encode, names)

    return Contestant(
        network=network,
        image=random_image(side),
        text=table,
        infer=lambda image, label: infer(network, encoder.encode, image, ASKED[label], label),
        losses=plain_losses,
        batch=batch,
        cached=lambda images: replace(
            images, ego=frozen_tokens(network, images.ego), exo=frozen_tokens(network, images.exo)
        ),
        optimizer=idle_sgd(network),
        batch_size=8,
        images=1 + VIEWS,
    )


@dataclass(frozen=True)
class _Frozen:
    """What carries no gradient: keys and affinities of B samples with E exo images each."""

    ego: KeyFeatures
    affinity: Tensor
    exo_keys: Tensor
    action: Tensor
    exo_affinity: Tensor


@dataclass(frozen=True)
class _Part:
    """The part maps (g, g) and (E, g, g) of one sample, and whether a part was found."""

    ego: Tensor
    exo: Tensor
    reliable: bool


def infer(network: SelectiveCl, encode: Encode, image: Tensor, name: str, label: int) -> Tensor:
    """One image (1, 3, S, S) and one query -> its heatmap (S, S), calibrated."""
    backbone: Any = network.backbone
    patches = _patches(backbone, image)
    affinity = _cosine(patches, encode([action_prompt(name)]))[0]
    keys = dino_features(backbone.encoder.visual, image).keys
    cams = network.aff_classifier(network.aff_ego_proj(project(network.aff_proj, keys)))
    _mean3x3(cams[0, label])  # for the third of the released maps
    return heatmap(scaled(affinity, 0) * cams[0, label], image.shape[-1])


def losses(
    network: SelectiveCl, batch: SelectiveClBatch, encode: Encode, names: Sequence[str]
) -> dict[str, Tensor]:
    """The terms of the first epoch's loss by our names, and ``total``; ``names`` of the labels."""
    with torch.no_grad():
        frozen = _see(network, batch, encode, names)
        parts = [_find_part(frozen, i, _initial(batch)[i]) for i in range(len(batch.label))]
    views = batch.exo.shape[1]
    ego_rows = project(network.aff_proj, frozen.ego.keys)
    exo_rows = project(network.aff_proj, frozen.exo_keys.flatten(0, 1))
    ego_cam = network.aff_classifier(network.aff_ego_proj(ego_rows))
    exo_cam = network.aff_classifier(network.aff_exo_proj(exo_rows)).unflatten(0, (-1, views))
    ego_hidden = network.aff_ego_proj(ego_rows)
    exo_contrast = network.K_contrast_projection(network.aff_exo_proj(exo_rows))
    ego_contrast = network.K_contrast_projection(ego_hidden)
    exo_logits = [exo_cam[:, view].mean(dim=(2, 3)) for view in range(views)]
    exo_terms = [functional.cross_entropy(logits, batch.label) for logits in exo_logits]
    terms = {
        "ce_ego": functional.cross_entropy(ego_cam.mean(dim=(2, 3)), batch.label),
        "ce_exo": torch.stack(exo_terms).mean(),
        "pixel": _pixel_loss(network.pixel_contrast_projection(ego_hidden), frozen),
        "proto": _prototype_loss(
            ego_contrast, exo_contrast.unflatten(0, (-1, views)), frozen, parts, batch.label
        ),
    }
    return {**terms, "total": torch.stack(list(terms.values())).sum()}


def _see(
    network: SelectiveCl, batch: SelectiveClBatch, encode: Encode, names: Sequence[str]
) -> _Frozen:
    backbone: Any = network.backbone
    actions = encode([action_prompt(name) for name in names])
    entities = encode([entity_prompt(name) for name in names])
    views = batch.exo.shape[1]
    exo_images = batch.exo.flatten(0, 1)
    exo_patches = _patches(backbone, exo_images)
    action = _cosine(exo_patches, actions.repeat_interleave(views, dim=0))
    entity = _cosine(exo_patches, entities.repeat_interleave(views, dim=0))
    smooth = torch.stack([_mean3x3(one) for one in entity])
    return _Frozen(
        ego=dino_features(backbone.encoder.visual, batch.ego),
        affinity=_cosine(_patches(backbone, batch.ego), actions),
        exo_keys=dino_features(backbone.encoder.visual, exo_images).keys.unflatten(0, (-1, views)),
        action=action.unflatten(0, (-1, views)),
        exo_affinity=(smooth * action).unflatten(0, (-1, views)),
    )


def _patches(backbone: Any, images: Tensor) -> Tensor:
    return clearclip_tokens(backbone.affinity.visual, images)[:, 1:]


def _cosine(patches: Tensor, text: Tensor) -> Tensor:
    """Patches (B, N, D) and a text each (B, D) -> (B, g, g)."""
    side = round(patches.shape[1] ** 0.5)
    return functional.cosine_similarity(patches, text[:, None], dim=2).unflatten(1, (side, side))


def _mean3x3(one_map: Tensor) -> Tensor:
    out = torch.zeros_like(one_map)
    for i in range(one_map.shape[0]):
        for j in range(one_map.shape[1]):
            out[i, j] = one_map[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].mean()
    return out


def _initial(batch: SelectiveClBatch) -> Tensor:
    """The places that start K-means, as ours; the released code draws them."""
    return torch.zeros(len(batch.label), 3).long() if batch.initial is None else batch.initial


def _find_part(frozen: _Frozen, i: int, initial: Tensor) -> _Part:
    affinity, exo_keys = frozen.affinity[i], frozen.exo_keys[i]
    none = _Part(affinity, frozen.exo_affinity[i], False)
    chosen = [scaled(one, 1e-10) > 0.6 for one in frozen.exo_affinity[i]]
    points = torch.cat([keys[:, c].T for keys, c in zip(exo_keys, chosen, strict=True)])
    if len(points) < 3:
        return none
    centroids = functional.normalize(kmeans(points, points[initial]), dim=1)
    weighted = functional.normalize((frozen.ego.keys[i] * affinity).flatten(1), dim=0)
    whole = foreground(frozen.ego, i)
    overlaps = []
    for centroid in centroids:
        likeness = scaled((centroid @ weighted).view_as(affinity), 1e-12)
        part = likeness > likeness.mean()
        shared = (part & whole).sum() / part.sum()
        overlaps.append((shared + whole.sum() / (part | whole).sum()) / 2)
    best = int(torch.stack(overlaps).argmax())
    if overlaps[best] < 0.6:
        return none
    near = (-(frozen.ego.keys[i].flatten(1).T - centroids[best]).norm(dim=1)).softmax(dim=0)
    ego = ((centroids[best] @ weighted) + near) / 2
    rows = exo_keys.flatten(2).transpose(1, 2).flatten(0, 1)
    exo_near = (-(rows - centroids[best]).norm(dim=1)).softmax(dim=0)
    exo = (functional.normalize(rows, dim=1) @ centroids[best] + exo_near) / 2
    return _Part(ego.view_as(affinity), exo.view_as(frozen.exo_affinity[i]), True)


def _pixel_loss(features: Tensor, frozen: _Frozen) -> Tensor:
    total = torch.zeros(())
    for i in range(len(features)):
        unit = functional.normalize(features[i].flatten(1), dim=0)
        affinity = frozen.affinity[i].flatten()
        anchors = scaled(affinity, 0) > 0.6
        group = affinity > torch.stack([one.max() for one in frozen.action[i]]).min()
        group = group if group.any() else anchors
        other = ~torch.eye(len(group), dtype=torch.bool)
        positive = (group[:, None] == group[None]) & other
        logits = unit.T @ unit / TEMPERATURE
        share = logits - (logits.exp() * other).sum(dim=1, keepdim=True).log()
        used = anchors & positive.any(dim=1)
        per_anchor = (share * positive).sum(dim=1)[used] / positive.sum(dim=1)[used]
        total = total - (per_anchor.mean() if used.any() else 0.0)
    return TEMPERATURE / BASE_TEMPERATURE * total / len(features)


def _prototype_loss(
    ego: Tensor, exo: Tensor, frozen: _Frozen, parts: Sequence[_Part], label: Tensor
) -> Tensor:
    count, views = exo.shape[:2]
    positives, backgrounds, owners = [], [], []
    for i, part in enumerate(parts):
        samples = [(ego[i], part.ego), *zip(exo[i], part.exo, strict=True)]
        positives += [_pooled(features, weight) for features, weight in samples]
        backgrounds += [_pooled(features, 1 - weight) for features, weight in samples]
        owners += [i] * (1 + views)
    total = torch.zeros(())
    for i, part in enumerate(parts):
        weight = frozen.affinity[i] if part.reliable else torch.ones_like(frozen.affinity[i])
        anchor = _pooled(ego[i], weight)
        compared, liked = torch.zeros(()), []
        for place, owner in enumerate(owners):
            same = bool(label[owner] == label[i])
            if place != i * (1 + views):
                likeness = anchor @ positives[place] / TEMPERATURE
                compared = compared + likeness.exp()
                liked += [likeness] if same else []
            if same:
                compared = compared + (anchor @ backgrounds[place] / TEMPERATURE).exp()
        total = total - (torch.stack(liked) - compared.log()).mean()
    return TEMPERATURE / BASE_TEMPERATURE * total / count


def _pooled(features: Tensor, weight: Tensor) -> Tensor:
    return functional.normalize((features * weight).mean(dim=(1, 2)), dim=0)
