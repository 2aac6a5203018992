"""LoopTrans: affordances transferred from exocentric to egocentric views and back.

Tang et al., "Closed-Loop Transfer for Weakly-supervised Affordance Grounding" (ICCV 2025), as the
released code has it. The paper's configuration (DINO ViT-S/16) and the embedded one (DINOv2
ViT-S/14) share this code. Parameter names are those of the released checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from affordance_grasp.encoders.backbones import Backbone, backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.looptrans.clusters import ConceptClusters
from affordance_grasp.methods.looptrans.losses import (
    classification_loss,
    correlation_loss,
    denoising_loss,
    dice_loss,
    pseudo_mask,
)
from affordance_grasp.methods.shared.class_maps import (
    DINOV2_SALIENT_HEADS,
    SALIENT_HEADS,
    KeyFeatures,
    KeyProjection,
    LocateNetwork,
    cam_head,
    concentration_loss,
    conv_block,
    min_max,
    pick_class,
)
from affordance_grasp.methods.shared.kmeans import kmeans
from affordance_grasp.vocabulary import AFFORDANCES

ClusterSource = Literal["kmeans", "concepts"]

HEADS_OF = {"dino_vits16": SALIENT_HEADS}
"""The salient heads by backbone; those of DINOv2 serve for the others."""


@dataclass(frozen=True)
class LoopTransConfig:
    """Sizes and loss settings; the defaults are the embedded configuration.

    ``image_side`` [pixels]. ``classes``: length of the list of affordances it is trained for.
    ``noise``: channels that absorb what is not the affordance. ``clusters``: parts come from
    K-means on the keys, or from the trained :class:`ConceptClusters` of a released checkpoint.
    ``cam_threshold``: what of the min-max CAM counts as hot. ``salient_heads``: of the CLS
    attention; by default the backbone's (:data:`HEADS_OF`). The weights multiply their loss terms
    (released code). Where the paper differs:
    ``concentration_weight`` 0, ``exclude_background`` False (any cluster may win),
    ``normalise_distillation`` True (min-max CAMs weigh the keys) and a
    ``denoise_temperature`` that it does not state.

    The paper's ablation takes modules away. ``shared_cam`` False: each view has its own
    convolutions before the common head, as in LOCATE. ``pixel`` False: the egocentric CAM answers
    in the place of the pixel decoder, which has no losses then. ``noise`` 0: no denoising.
    """

    train_backbone: ClassVar[bool] = False
    text_dim: ClassVar[int] = 0

    backbone: str = "dinov2_vits14"
    image_side: int = 224
    classes: int = len(AFFORDANCES)
    noise: int = 15
    clusters: ClusterSource = "kmeans"
    cluster_count: int = 4
    cluster_seed: int = 0
    cam_threshold: float = 0.92
    salient_heads: tuple[int, ...] | None = None
    mse_weight: float = 10.0
    dice_weight: float = 2.0
    correlation_weight: float = 1.5
    denoise_weight: float = 0.05
    concentration_weight: float = 0.07
    denoise_temperature: float = 1.0
    exclude_background: bool = True
    normalise_distillation: bool = False
    shared_cam: bool = True
    pixel: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        object.__setattr__(self, "salient_heads", self.heads)
        spec = backbone_spec(self.backbone)
        spec.grid(self.image_side)
        if self.clusters not in ("kmeans", "concepts"):
            raise InvalidInput(f"LoopTrans clusters {self.clusters!r} is not kmeans or concepts")
        if self.classes < 1 or self.noise < 0 or self.cluster_count < 2:
            raise InvalidInput(
                f"LoopTrans needs a class, no fewer than 0 noise channels and two clusters, not "
                f"{self.classes}, {self.noise} and {self.cluster_count}"
            )
        if not self.heads or not set(self.heads) <= set(range(spec.heads)):
            raise InvalidInput(
                f"LoopTrans salient_heads {self.salient_heads} are not among the {spec.heads} "
                f"heads of {self.backbone}"
            )

    @property
    def heads(self) -> tuple[int, ...]:
        """The heads of the CLS attention that count: ``salient_heads``, once they are known."""
        if self.salient_heads is None:
            return HEADS_OF.get(self.backbone, DINOV2_SALIENT_HEADS)
        return tuple(self.salient_heads)

    @staticmethod
    def paper(classes: int = len(AFFORDANCES)) -> "LoopTransConfig":
        """The published configuration: DINO ViT-S/16; the parts from K-means."""
        return LoopTransConfig(backbone="dino_vits16", classes=classes)


@dataclass(frozen=True)
class LoopTransBatch:
    """B training samples: an egocentric image and E exocentric ones each.

    ``ego`` (B, 3, S, S), ``exo`` (B, E, 3, S, S): normalised images, or the backbone's packed keys
    of them (B, 2 + g^2, dim) and (B, E, 2 + g^2, dim). ``label`` (B,): place of the affordance in
    the list that the network is trained for. ``clusters`` (B, g^2): the parts of ``ego`` where
    they are known already, below the configured count.
    """

    ego: Tensor
    exo: Tensor
    label: Tensor
    clusters: Tensor | None = None

    def to(self, device: str | torch.device) -> "LoopTransBatch":
        """The same batch on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return LoopTransBatch(**{n: t if t is None else t.to(device) for n, t in moved.items()})


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


class LoopTrans(LocateNetwork):
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
        self.cluster = None
        if config.clusters == "concepts":
            self.cluster = ConceptClusters(dim, config.cluster_count).requires_grad_(False)

    def forward(self, ego_keys: Tensor, exo_keys: Tensor) -> LoopTransOutput:
        """Keys (B, dim, g, g) and (B, E, dim, g, g); the shared block sees exo first, then ego."""
        hidden = self._project(ego_keys)
        exo = self.aff_fc(self._exo_block(self._project(exo_keys.flatten(0, 1))))
        ego = self.aff_fc(self._ego_block(hidden))
        return LoopTransOutput(
            exo=exo.unflatten(0, exo_keys.shape[:2]),
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
        """Signed CAMs (Q, g, g); LoopTrans reads ``label`` and no text."""
        del text
        return self.pixel_cams(self.features(tokens).keys)[0, label]

    def loss(self, batch: LoopTransBatch, epoch: int) -> dict[str, Tensor]:
        """The unweighted terms of the training loss and their weighted total.

        ``cls``: ego and exo name the affordance. ``mse``, ``dice``: the pixel decoder's map fits
        the part that the CAM points at. ``corr``: channels correlate alike in both views.
        ``denoise``: distillation against the noise heads. ``con``: compact maps. A module that is
        switched off has no terms. Nothing depends on ``epoch``.
        """
        del epoch
        ego = self.features(batch.ego)
        exo_keys = self._exo_keys(batch.exo)
        output = self(ego.keys, exo_keys)
        with torch.autocast(exo_keys.device.type, enabled=False):
            return self._terms(ego, exo_keys, output.float(), batch)

    def _terms(
        self, ego: KeyFeatures, exo_keys: Tensor, output: LoopTransOutput, batch: LoopTransBatch
    ) -> dict[str, Tensor]:
        terms = {"cls": classification_loss(output.ego, output.exo, batch.label)}
        if self.pixel_dec is not None:
            heat = min_max(pick_class(output.pixel, batch.label))
            mask = self._mask(ego, output.ego, batch)
            terms["mse"], terms["dice"] = (heat - mask).square().mean(), dice_loss(heat, mask)
        terms["corr"] = correlation_loss(output.pixel, output.exo)
        if self.config.noise:
            terms["denoise"] = self._denoising(output, ego.keys, exo_keys, batch.label)
        terms["con"] = concentration_loss(output.pixel)
        weighted = [self._weights()[name] * term for name, term in terms.items()]
        return {**terms, "total": torch.stack(weighted).sum()}

    def clusters(self, keys: Tensor) -> Tensor:
        """Keys (B, dim, g, g) -> the part (B, g^2) of every patch; may be computed once and kept.

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

    def _exo_keys(self, exo: Tensor) -> Tensor:
        return self.features(exo.flatten(0, 1)).keys.unflatten(0, exo.shape[:2])

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
