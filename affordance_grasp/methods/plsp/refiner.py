"""PLSP's label refinement (stage B): without the part that a hand covers, objects look alike.

Xu et al., "Weakly-Supervised Affordance Grounding Guided by Part-Level Semantic Priors" (ICLR
2025), appendix B.2. In an exocentric image a person covers the part that is acted on. So the
object without that part, in an egocentric image, should look like the object in the exocentric
one: the network learns which part to leave out. It uses no pseudo label.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.configuration.settings import Count, Settings
from affordance_grasp.encoders.backbones import Backbone, backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import (
    Depth,
    GroundingNetwork,
    Ratio,
    Side,
    TensorBatch,
    Width,
)
from affordance_grasp.methods.plsp.mask_decoder import MaskDecoder

CropMask = Literal["squashed", "padded"]
POINTS_PER_PATCH = 4


@dataclass(frozen=True)
class RefinerConfig(Settings, title="refiner"):
    """Sizes and loss settings; the defaults are the embedded configuration.

    ``image_side`` [pixels]. ``dim``: width of the decoder. ``train_backbone``: fine-tune the
    encoder, as the paper does. ``coefficient`` of the loss. ``crop_mask``: how the predicted mask
    of the object's box comes onto the patches of the object's crop, which was padded to a square:
    ``padded`` likewise, or ``squashed``, which moves it against the features wherever the box is
    no square (released code).
    """

    backbone: str = "dinov2_vits14"
    train_backbone: bool = False
    image_side: Side = 224
    dim: Width = 256
    text_dim: Width = 384
    decoder_heads: Count = 8
    decoder_depth: Depth = 2
    mlp_ratio: Ratio = 4.0
    coefficient: float = 4.0
    crop_mask: CropMask = "squashed"

    def check(self) -> None:
        """Refuse sizes that do not fit together."""
        backbone_spec(self.backbone).grid(self.image_side)
        if self.dim % 16 or self.dim // 2 % self.decoder_heads:
            raise InvalidInput(
                f"refiner dim {self.dim} must be a multiple of 16 and of twice the "
                f"{self.decoder_heads} decoder heads"
            )

    @staticmethod
    def paper() -> "RefinerConfig":
        """The published configuration: CLIP ViT-B/16, fine-tuned, width 512."""
        return RefinerConfig(backbone="clip_vitb16", train_backbone=True, dim=512, text_dim=512)


@dataclass(frozen=True)
class RefinerBatch(TensorBatch):
    """B egocentric images with E exocentric ones each.

    ``ego``: normalised images (B, 3, S, S) or the backbone's tokens of them. ``part``: text
    features (B, text_dim). ``boxes`` (B, 4): the object's box in the image, whole pixels left,
    top, right, bottom. ``crop``: frozen patch features (B, grid^2, token dim) of what is in it,
    padded to a square. ``exo``: frozen mean features (B, E, token dim) of the object in the
    exocentric images. ``valid`` (B, E): 0 where a crop is missing, else 1.
    """

    ego: Tensor
    part: Tensor
    boxes: Tensor
    crop: Tensor
    exo: Tensor
    valid: Tensor


class Refiner(GroundingNetwork):
    """Encoder and mask decoder; the query is the CLS token plus the text of the part."""

    name = "plsp_refiner"
    config: RefinerConfig

    def __init__(self, config: RefinerConfig, backbone: Backbone | None = None) -> None:
        super().__init__(config, backbone)
        spec = backbone_spec(config.backbone)
        dim, self.grid = config.dim, spec.grid(config.image_side)
        self.token_projection = nn.Identity() if spec.dim == dim else nn.Linear(spec.dim, dim)
        self.query_projection = (
            nn.Identity() if config.text_dim == dim else nn.Linear(config.text_dim, dim)
        )
        self.pred_decoder = MaskDecoder(
            dim, self.grid, config.decoder_heads, config.decoder_depth, int(dim * config.mlp_ratio)
        )

    def forward(self, images: Tensor, part: Tensor) -> Tensor:
        """Images (B, 3, S, S) or tokens, text of the parts (B, text_dim) -> logits (B, h, w)."""
        visual = self.token_projection(self.tokens(images))
        query = visual[:, :1] + self.query_projection(part)[:, None]
        return self.pred_decoder(query, visual)

    def probability(self, logits: Tensor, side: int) -> Tensor:
        """Logits (B, h, w) -> every pixel's probability to be of the part (B, side, side)."""
        size = (side, side)
        return functional.interpolate(logits[:, None], size=size, mode="bilinear")[:, 0].sigmoid()

    def maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> Tensor:
        """Probabilities (Q, S, S) of Q parts, whose text features ``text`` (Q, text_dim) are."""
        del label
        logits = self(tokens.expand(len(text), -1, -1), text)
        return self.probability(logits, self.config.image_side)

    def loss(self, batch: RefinerBatch, epoch: int) -> dict[str, Tensor]:
        """``likeness``: 1 - cosine of the object's rest and the exo objects, mean over valid ones.

        An image without any valid one adds 0. ``total``: times the coefficient.
        """
        del epoch
        predicted = self.probability(self(batch.ego, batch.part), self.config.image_side)
        rest = (self._rest(predicted, batch.boxes)[..., None] * batch.crop).sum(dim=1)
        distance = 1 - functional.cosine_similarity(rest[:, None], batch.exo, dim=2)
        counted = batch.valid / batch.valid.sum(dim=1, keepdim=True).clamp(min=1)
        likeness = (distance * counted).sum(dim=1).mean()
        return {"likeness": likeness, "total": self.config.coefficient * likeness}

    def _rest(self, predicted: Tensor, boxes: Tensor) -> Tensor:
        """Weights (B, grid^2): 1 - the prediction (B, S, S) on the patches of the object's crop.

        Averaged over every patch: if its centre alone counted, the network would learn a pattern
        of dots at the centres. 0 in the padding.
        """
        start, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
        if self.config.crop_mask == "padded":
            square = size.max(dim=1, keepdim=True).values
            origin, extent = start - ((square - size) / 2).floor(), square.expand(-1, 2)
        else:
            origin, extent = start, size
        side = self.grid * POINTS_PER_PATCH
        centres = (torch.arange(side, device=boxes.device) + 0.5) / side
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        unit = torch.stack([columns, rows], dim=2)
        points = origin[:, None, None] + unit * extent[:, None, None]
        inside = ((points >= start[:, None, None]) & (points < boxes[:, None, None, 2:])).all(3)
        sampled = functional.grid_sample(
            1 - predicted[:, None],
            2 * points / predicted.shape[-1] - 1,
            padding_mode="border",
            align_corners=False,
        )[:, 0]
        return functional.avg_pool2d(sampled * inside, POINTS_PER_PATCH).flatten(1)
