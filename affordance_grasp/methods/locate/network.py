"""LOCATE: localise and transfer object parts for weakly supervised affordance grounding.

Li et al. (CVPR 2023), as the released code has it: class activation maps of both views, of which
the exocentric ones select the part that the egocentric one shall lie on. The paper's configuration
(DINO ViT-S/16) and the embedded one (DINOv2 ViT-S/14) share this code. Parameter names are those
of the released checkpoints.
"""

import torch
from torch import Tensor

from affordance_grasp.encoders.backbones import Backbone, backbone_spec
from affordance_grasp.methods.locate.config import LocateBatch, LocateConfig
from affordance_grasp.methods.locate.losses import prototype_loss
from affordance_grasp.methods.method import Method
from affordance_grasp.methods.shared.class_maps import (
    SALIENT_HEADS,
    KeyFeatures,
    KeyNetwork,
    KeyProjection,
    cam_head,
    classification_loss,
    concentration_loss,
    conv_block,
    min_max,
    pick_class,
)
from affordance_grasp.methods.shared.parts import (
    PartMatch,
    foreground_mask,
    match_parts,
    patch_keys,
)


class Locate(KeyNetwork):
    """The network of LOCATE on frozen keys."""

    name = "locate"
    config: LocateConfig

    def __init__(self, config: LocateConfig, backbone: Backbone | None = None) -> None:
        super().__init__(config, backbone)
        dim = backbone_spec(config.backbone).dim
        self.aff_proj = KeyProjection(dim)
        self.aff_ego_proj, self.aff_exo_proj = conv_block(dim), conv_block(dim)
        self.aff_fc = cam_head(dim, config.classes)

    def ego_cams(self, keys: Tensor) -> Tensor:
        """Egocentric keys (B, dim, g, g) -> signed CAMs (B, C, g, g): all of inference."""
        return self.aff_fc(self.aff_ego_proj(keys + self.aff_proj(keys)))

    def exo_cams(self, keys: Tensor) -> Tensor:
        """Exocentric keys (B, E, dim, g, g) -> signed CAMs (B, E, C, g, g)."""
        flat = keys.flatten(0, 1)
        cams = self.aff_fc(self.aff_exo_proj(flat + self.aff_proj(flat)))
        return cams.unflatten(0, keys.shape[:2])

    def maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> Tensor:
        """Signed CAMs (Q, g, g); LOCATE reads ``label`` and no text."""
        del text
        return self.ego_cams(self.features(tokens).keys)[0, label]

    def loss(self, batch: LocateBatch, epoch: int) -> dict[str, Tensor]:
        """The unweighted terms of the training loss and their weighted total.

        ``cls``: ego and exo name the affordance. ``proto``: the egocentric CAM lies on the part;
        0 while the exocentric CAMs are too young to choose one. ``con``: compact maps.
        """
        config, label = self.config, batch.label
        ego, exo_keys = self.features(batch.ego), self.exo_keys(batch.exo)
        ego_cams, exo_cams = self.ego_cams(ego.keys), self.exo_cams(exo_keys)
        with torch.autocast(exo_keys.device.type, enabled=False):
            ego_cams, exo_cams = ego_cams.float(), exo_cams.float()
            terms = {
                "cls": classification_loss(ego_cams, label) + classification_loss(exo_cams, label),
                "proto": ego_cams.new_zeros(()),
                "con": concentration_loss(ego_cams),
            }
            if epoch >= config.warm_epochs:
                part = self.find_part(ego, exo_keys, pick_class(exo_cams, label), batch.initial)
                cam = pick_class(ego_cams, label)
                terms["proto"] = prototype_loss(cam, ego.keys, part, config.margin)
        guided = config.prototype_weight * terms["proto"]
        total = terms["cls"] + guided + config.concentration_weight * terms["con"]
        return {**terms, "total": total}

    def find_part(
        self, ego: KeyFeatures, exo_keys: Tensor, cam: Tensor, initial: Tensor | None = None
    ) -> PartMatch:
        """The part of every sample that its exocentric CAMs (B, E, g, g) choose."""
        relevant = min_max(cam.detach()) > self.config.cam_threshold
        return match_parts(
            patch_keys(exo_keys).flatten(1, 2),
            relevant.flatten(1),
            ego.keys,
            foreground_mask(ego.attention_maps(SALIENT_HEADS[self.config.backbone])),
            clusters=self.config.clusters,
            least_overlap=self.config.overlap,
            initial=initial,
        )


METHOD = Method("LOCATE", LocateConfig, Locate, LocateBatch)
