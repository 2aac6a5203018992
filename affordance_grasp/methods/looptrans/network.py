"""LoopTrans: affordances transferred from exocentric to egocentric views and back.

Tang et al., "Closed-Loop Transfer for Weakly-supervised Affordance Grounding" (ICCV 2025), as the
released code has it. The paper's configuration (DINO ViT-S/16) and the embedded one (DINOv2
ViT-S/14) share this code. Parameter names are those of the released checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affordance_grasp.encoders.backbones import Backbone, backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.looptrans.config import ClipBatch, LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.looptrans.losses import (
    correlation_loss,
    denoising_loss,
    dice_loss,
    pseudo_mask,
)
from affordance_grasp.methods.looptrans.lstm import SpatialLstm
from affordance_grasp.methods.method import Method
from affordance_grasp.methods.shared.class_maps import (
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
from affordance_grasp.methods.shared.concept_clusters import ConceptClusters
from affordance_grasp.methods.shared.kmeans import kmeans


@dataclass(frozen=True)
class LoopTransOutput:
    """CAMs of one forward pass, C channels: classes, then noise.

    ``exo`` (B, E, C, g, g) and ``ego`` (B, C, g, g) of the shared block, ``pixel`` (B, C, g, g) of
    the pixel decoder, which is what inference uses; without that decoder it is ``ego``.
    """

    exo: Tensor
    ego: Tensor
    pixel: Tensor

    def float(self) -> "LoopTransOutput":
        """The same in float32, for thresholds and sums that bfloat16 is too coarse for."""
        return LoopTransOutput(self.exo.float(), self.ego.float(), self.pixel.float())


class LoopTrans(KeyNetwork):
    """The network of LoopTrans on frozen keys."""

    name = "looptrans"
    config: LoopTransConfig

    def __init__(self, config: LoopTransConfig, backbone: Backbone | None = None) -> None:
        super().__init__(config, backbone)
        dim = backbone_spec(config.backbone).dim
        self.aff_proj = KeyProjection(dim)
        self.pixel_dec = conv_block(dim) if config.pixel else None
        if config.shared_cam:
            self.scam = conv_block(dim)
        else:
            self.aff_ego_proj, self.aff_exo_proj = conv_block(dim), conv_block(dim)
        self.aff_fc = cam_head(dim, config.classes + config.noise)
        self.lstm = SpatialLstm(dim) if config.video else None
        self.cluster = None
        if config.clusters == "concepts":
            self.cluster = ConceptClusters(dim, config.cluster_count).requires_grad_(False)

    def forward(self, ego_keys: Tensor, exo_keys: Tensor) -> LoopTransOutput:
        """Keys (B, dim, g, g) and (B, E, dim, g, g); the shared block takes exo first.

        Of a clip there is one exocentric map, whatever its number of frames.
        """
        hidden = self._project(ego_keys)
        features = self._exo_block(self._project(exo_keys.flatten(0, 1)))
        features = features.unflatten(0, exo_keys.shape[:2])
        if self.lstm is not None:
            features = self.lstm(features)[:, None]
        exo = self.aff_fc(features.flatten(0, 1))
        ego = self.aff_fc(self._ego_block(hidden))
        return LoopTransOutput(
            exo=exo.unflatten(0, features.shape[:2]),
            ego=ego,
            pixel=ego if self.pixel_dec is None else self.aff_fc(self.pixel_dec(hidden)),
        )

    def pixel_cams(self, keys: Tensor) -> Tensor:
        """Keys (B, dim, g, g) -> CAMs (B, C, g, g) of the pixel decoder: all of inference.

        Without that decoder they are those of the egocentric view.
        """
        block = self._ego_block if self.pixel_dec is None else self.pixel_dec
        return self.aff_fc(block(self._project(keys)))

    def maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> Tensor:
        """Signed CAMs (Q, g, g); LoopTrans uses ``label`` and no text."""
        del text
        return self.pixel_cams(self.features(tokens).keys)[0, label]

    def loss(self, batch: LoopTransBatch, epoch: int) -> dict[str, Tensor]:
        """The unweighted terms of the training loss and their weighted total.

        ``cls``: classification of ego and exo. ``mse``, ``dice``: the pixel decoder's map fits
        the part that the CAM points at. ``corr``: channels correlate alike in both views.
        ``denoise``: distillation against the noise heads. ``con``: compact maps. A module that is
        switched off has no terms. Nothing depends on ``epoch``.
        """
        del epoch
        if isinstance(batch, ClipBatch) != self.config.video:
            raise InvalidInput(
                "LoopTrans takes clips with network: {video: true} and sampling: {frames: 8}, "
                "images with neither"
            )
        ego = self.features(batch.ego)
        exo_keys = self.exo_keys(batch.exo)
        output = self(ego.keys, exo_keys)
        if self.config.video:
            exo_keys = exo_keys.mean(dim=1, keepdim=True)  # what the one map weighs
        with torch.autocast(exo_keys.device.type, enabled=False):
            return self._terms(ego, exo_keys, output.float(), batch)

    def _terms(
        self, ego: KeyFeatures, exo_keys: Tensor, output: LoopTransOutput, batch: LoopTransBatch
    ) -> dict[str, Tensor]:
        cls = [classification_loss(cams, batch.label) for cams in (output.ego, output.exo)]
        terms = {"cls": cls[0] + cls[1]}  # noise heads compete as classes
        if self.pixel_dec is not None:
            map_y = min_max(pick_class(output.pixel, batch.label))
            mask = self._mask(ego, output.ego, batch)
            terms["mse"], terms["dice"] = (map_y - mask).square().mean(), dice_loss(map_y, mask)
        terms["corr"] = correlation_loss(output.pixel, output.exo)
        if self.config.noise:
            terms["denoise"] = self._denoising(output, ego.keys, exo_keys, batch.label)
        terms["con"] = concentration_loss(output.pixel)
        weighted = [self._weights()[name] * term for name, term in terms.items()]
        return {**terms, "total": torch.stack(weighted).sum()}

    @property
    def given_modules(self) -> tuple[str, ...]:
        """The cluster module, which is trained apart."""
        return () if self.cluster is None else ("cluster",)

    def clusters(self, keys: Tensor) -> Tensor:
        """Keys (B, dim, g, g) -> the part (B, g^2) of every patch; may be cached.

        Depends on nothing but the image and the configuration.
        """
        if self.cluster is not None:
            return self.cluster.labels(keys)
        points = keys.flatten(2).transpose(1, 2)
        generator = torch.Generator().manual_seed(self.config.cluster_seed)
        order = torch.randperm(points.shape[1], generator=generator).to(keys.device)
        rows = order[: self.config.cluster_count].expand(len(keys), -1)
        return kmeans(points, rows).labels

    @property
    def _ego_block(self) -> nn.Module:
        return self.scam if self.config.shared_cam else self.aff_ego_proj

    @property
    def _exo_block(self) -> nn.Module:
        return self.scam if self.config.shared_cam else self.aff_exo_proj

    def _project(self, keys: Tensor) -> Tensor:
        return keys + self.aff_proj(keys)

    @torch.no_grad()
    def _mask(self, ego: KeyFeatures, cams: Tensor, batch: LoopTransBatch) -> Tensor:
        clusters = self.clusters(ego.keys) if batch.clusters is None else batch.clusters
        return pseudo_mask(
            min_max(pick_class(cams, batch.label)),
            clusters,
            min_max(ego.saliency(self.config.heads)),
            count=self.config.cluster_count,
            threshold=self.config.cam_threshold,
            exclude_background=self.config.exclude_background,
        )

    def _denoising(
        self, output: LoopTransOutput, ego_keys: Tensor, exo_keys: Tensor, label: Tensor
    ) -> Tensor:
        exo, pixel = output.exo, pick_class(output.pixel, label)
        if self.config.normalise_distillation:
            exo, pixel = min_max(exo), min_max(pixel)
        return denoising_loss(
            exo,
            pixel,
            exo_keys,
            ego_keys,
            label,
            noise=self.config.noise,
            temperature=self.config.denoise_temperature,
        )

    def _weights(self) -> Mapping[str, float]:
        config = self.config
        return {
            "cls": 1.0,
            "mse": config.mse_weight,
            "dice": config.dice_weight,
            "corr": config.correlation_weight,
            "denoise": config.denoise_weight,
            "con": config.concentration_weight,
        }


METHOD = Method("LoopTrans", LoopTransConfig, LoopTrans, LoopTransBatch)
