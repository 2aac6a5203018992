"""SelectiveCL: selective contrastive learning for weakly supervised affordance grounding.

Moon et al. (ICCV 2025). The paper's configuration (keys of DINO ViT-S/16, affinity from ClearCLIP)
and the embedded one (keys of DINOv2 ViT-S/14, a substitute for the affinity) share this code.
Parameter names are those of the released checkpoints.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.backbones import Backbone, backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.method import Method
from affordance_grasp.methods.selectivecl.affinity import (
    AffinityBackbone,
    find_affinity,
    load_affinity_backbone,
)
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.losses import (
    Prototypes,
    pixel_loss,
    pool,
    prototype_loss,
)
from affordance_grasp.methods.selectivecl.parts import (
    PartEvidence,
    Parts,
    discover_parts,
    whole_objects,
)
from affordance_grasp.methods.shared.class_maps import (
    SALIENT_HEADS,
    KeyFeatures,
    KeyNetwork,
    KeyProjection,
    cam_head,
    classification_loss,
    conv_block,
    min_max,
    pick_class,
    unpack_keys,
)
from affordance_grasp.methods.shared.parts import foreground_mask

MOMENTUM = 1 - (1 - 0.1) ** 2
"""The released code runs every conv block twice a step, so the statistics move twice by 0.1."""


@dataclass(frozen=True)
class EgoView:
    """Features and maps of B egocentric images on a grid of side g.

    ``features`` frozen; ``affinity`` (B, g, g) to the action; ``hidden`` (B, D, g, g) after the
    conv block; ``cam`` (B, C, g, g) of all classes, signed.
    """

    features: KeyFeatures
    affinity: Tensor
    hidden: Tensor
    cam: Tensor


@dataclass(frozen=True)
class ExoView:
    """Features and maps of E exocentric images of each of B samples.

    ``keys`` (B, E, D, g, g); ``action`` and ``affinity`` (B, E, g, g), the latter the smoothed
    entity score times the former; ``hidden`` (B, E, D, g, g); ``cam`` (B, E, C, g, g).
    """

    keys: Tensor
    action: Tensor
    affinity: Tensor
    hidden: Tensor
    cam: Tensor


@dataclass(frozen=True)
class CalibratedMaps:
    """The three maps (Q, g, g) of Q queries that the released evaluation scores.

    ``raw``: the CAM. ``calibrated``: min-maxed affinity times CAM, the published result.
    ``smoothed``: min-maxed affinity times the CAM's 3x3 mean. ``affinity``: not min-maxed.
    """

    raw: Tensor
    calibrated: Tensor
    smoothed: Tensor
    affinity: Tensor


class SelectiveCl(KeyNetwork):
    """The network of SelectiveCL."""

    name = "selectivecl"
    config: SelectiveClConfig

    def __init__(self, config: SelectiveClConfig, backbone: Backbone | None = None) -> None:
        super().__init__(config, backbone)
        self.scoring = find_affinity(config.affinity)
        dim = backbone_spec(config.backbone).dim
        self.aff_proj = KeyProjection(dim)
        self.aff_ego_proj = conv_block(dim, MOMENTUM)
        self.aff_exo_proj = conv_block(dim, MOMENTUM)
        self.aff_classifier = cam_head(dim, config.classes)
        if config.prototypes != "none":
            self.K_contrast_projection = nn.Conv2d(dim, dim, 1)
        if config.pixel_contrast:
            self.pixel_contrast_projection = nn.Conv2d(dim, dim, 1)

    def encode(self, images: Tensor) -> Tensor:
        """Packed keys, and beside them the features of the affinity's own encoder."""
        backbone = self.present_backbone
        if self.scoring.load_encoder is None:
            return super().encode(images)
        if not isinstance(backbone, AffinityBackbone):
            raise InvalidInput(f"affinity {self.config.affinity} needs its own encoder too")
        return backbone.tokens(images)

    def encode_ego(self, images: Tensor, text: Tensor) -> EgoView:
        """Egocentric images (B, 3, S, S) or tokens, and text rows (B, text_dim)."""
        features, extra = self._split(self.tokens(images))
        action = self._scores(features, extra, self._prompts(text)[0])
        hidden = self.aff_ego_proj(self.aff_proj(features.keys))
        return EgoView(features, action, hidden.float(), self.aff_classifier(hidden).float())

    def encode_exo(self, images: Tensor, text: Tensor) -> ExoView:
        """Exocentric images (B, E, 3, S, S) or tokens, and text rows (B, text_dim)."""
        batch_views = images.shape[:2]
        features, extra = self._split(self.tokens(images.flatten(0, 1)))
        prompts = self._prompts(text.repeat_interleave(batch_views[1], dim=0))
        action, entity = (self._scores(features, extra, rows) for rows in prompts)
        hidden = self.aff_exo_proj(self.aff_proj(features.keys))
        tensors = (
            features.keys,
            action,
            smooth(entity) * action,
            hidden.float(),
            self.aff_classifier(hidden).float(),
        )
        return ExoView(*(tensor.unflatten(0, batch_views) for tensor in tensors))

    def _scores(self, features: KeyFeatures, extra: Tensor, rows: Tensor) -> Tensor:
        """The affinity (B, g, g) to a prompt's feature each, ``rows`` (B, dim).

        Always in float32: bfloat16 rounds the cosines of most patches to the same.
        """
        with torch.autocast(extra.device.type, enabled=False):
            return self.scoring.scores(features, extra, rows)

    def _prompts(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Text rows (B, text_dim) -> features of the action prompts and of the entity prompts."""
        dim = self.scoring.text_dim
        return text[:, :dim], text[:, dim:]

    def calibrated_maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> CalibratedMaps:
        """The maps of Q queries on one image (1, 3, S, S) or its tokens, or on Q of them."""
        features, extra = self._split(self.tokens(tokens))
        cam = self.aff_classifier(self.aff_ego_proj(self.aff_proj(features.keys)))
        raw = pick_class(cam.expand(len(label), -1, -1, -1), label)
        scores = self._scores(features, extra, self._prompts(text)[0]).expand_as(raw)
        weight = min_max(scores)
        return CalibratedMaps(raw, weight * raw, weight * smooth(raw), scores)

    def maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> Tensor:
        """The configured ``output`` (Q, g, g), signed."""
        output: Tensor = getattr(self.calibrated_maps(tokens, text, label), self.config.output)
        return output

    def loss(self, batch: SelectiveClBatch, epoch: int) -> dict[str, Tensor]:
        """The terms of the training loss and ``total``, their plain sum.

        ``ce_ego``, ``ce_exo``: classification. ``pixel``, ``proto``: contrast, with the factor
        temperature / 0.07 inside. In the first epoch, number 0, the CAMs have no say yet in what
        is relevant and what is background. A loss that is switched off has no term.
        """
        ego, exo = self.encode_ego(batch.ego, batch.text), self.encode_exo(batch.exo, batch.text)
        with torch.autocast(ego.cam.device.type, enabled=False):
            return self._terms(ego, exo, batch, epoch)

    def _terms(
        self, ego: EgoView, exo: ExoView, batch: SelectiveClBatch, epoch: int
    ) -> dict[str, Tensor]:
        terms = {
            "ce_ego": classification_loss(ego.cam, batch.label),
            "ce_exo": classification_loss(exo.cam, batch.label),
        }
        if self.config.pixel_contrast:
            terms["pixel"] = self._pixel_loss(ego, exo)
        if self.config.prototypes != "none":
            parts = self.find_parts(ego, exo, batch, epoch)
            terms["proto"] = self._prototype_loss(ego, exo, parts, batch.label, epoch)
        return {**terms, "total": torch.stack(list(terms.values())).sum()}

    def find_parts(self, ego: EgoView, exo: ExoView, batch: SelectiveClBatch, epoch: int) -> Parts:
        """The part that each sample's verb needs; see :func:`discover_parts`."""
        if self.config.prototypes == "object":
            return whole_objects(ego.affinity, exo.affinity, self.config)
        cam = pick_class(exo.cam, batch.label).detach()
        evidence = PartEvidence(
            ego_keys=ego.features.keys,
            exo_keys=exo.keys,
            ego_affinity=ego.affinity,
            exo_affinity=exo.affinity,
            relevance=exo.affinity.relu() * cam.relu() if epoch else exo.affinity,
            foreground=self.foreground(ego),
        )
        return discover_parts(evidence, self.config, batch.initial)

    def foreground(self, ego: EgoView) -> Tensor:
        """Where part discovery expects the object, (B, g, g) bool."""
        if self.config.foreground == "affinity":
            return ego.affinity > ego.affinity.mean(dim=(-2, -1), keepdim=True)
        return foreground_mask(ego.features.attention_maps(SALIENT_HEADS[self.config.backbone]))

    def anchors(self, ego: EgoView) -> Tensor:
        """The patches (B, g, g) bool on the object, by the affinity."""
        return min_max(ego.affinity) > self.config.anchor_threshold

    def _pixel_loss(self, ego: EgoView, exo: ExoView) -> Tensor:
        anchors = self.anchors(ego).flatten(1)
        bar = exo.action.amax(dim=(2, 3)).amin(dim=1, keepdim=True)
        above = ego.affinity.flatten(1) > bar
        group = torch.where(above.any(dim=1, keepdim=True), above, anchors)
        features = self.pixel_contrast_projection(ego.hidden).flatten(2)
        return pixel_loss(features, group, anchors, self.config.temperature)

    def _prototype_loss(
        self, ego: EgoView, exo: ExoView, parts: Parts, label: Tensor, epoch: int
    ) -> Tensor:
        ego_features = self.K_contrast_projection(ego.hidden).flatten(2)
        exo_features = self.K_contrast_projection(exo.hidden.flatten(0, 1)).flatten(2)
        exo_features = exo_features.unflatten(0, exo.hidden.shape[:2])
        ego_taken, exo_taken = parts.ego, parts.exo
        if epoch:
            ego_taken = ego_taken * pick_class(ego.cam, label).relu()
            exo_taken = exo_taken * pick_class(exo.cam, label).relu()
        reliable = parts.reliable[:, None, None]
        prototypes = Prototypes(
            anchor=pool(ego_features, ego.affinity.where(reliable, 1.0).flatten(1)),
            ego=pool(ego_features, parts.ego.flatten(1)),
            exo=pool(exo_features, parts.exo.flatten(2)),
            ego_background=pool(ego_features, 1 - ego_taken.flatten(1)),
            exo_background=pool(exo_features, 1 - exo_taken.flatten(2)),
        )
        return prototype_loss(prototypes, label, self.config.temperature)

    def _split(self, tokens: Tensor) -> tuple[KeyFeatures, Tensor]:
        spec = backbone_spec(self.config.backbone)
        return unpack_keys(tokens[..., : spec.dim], spec.heads), tokens[:, 2:, spec.dim :].float()


def smooth(maps: Tensor) -> Tensor:
    """Mean over the 3x3 neighbours of every patch of (B, g, g) that are in the image."""
    return functional.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)


def _backbone(config: SelectiveClConfig, pretrained: bool) -> Backbone:
    return load_affinity_backbone(config.backbone, config.affinity, config.image_side, pretrained)


METHOD = Method("SelectiveCL", SelectiveClConfig, SelectiveCl, SelectiveClBatch, _backbone)
