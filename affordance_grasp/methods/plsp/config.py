"""Configuration of PLSP and its training batches."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from affordance_grasp.configuration.settings import Count, Settings
from affordance_grasp.encoders.backbones import backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import Depth, Ratio, Side, TensorBatch, Width
from affordance_grasp.query.vocabulary import AFFORDANCES

Reasoning = Literal["per_sample", "all_pairs", "none"]
Interpolation = Literal["bilinear", "nearest"]
MapLoss = Literal["divergence", "logistic"]


@dataclass(frozen=True)
class PlspConfig(Settings, title="PLSP"):
    """Sizes and loss settings; the defaults are the embedded configuration.

    ``image_side`` [pixels]. ``dim``: width of fuser and decoder. ``train_backbone``: fine-tune the
    encoder, as the paper does. ``reasoning``: compare each prediction with its own text, or, as
    the released code does with flat text features, with every text of the batch. The four weights
    multiply their loss terms (paper, section 3.4; released code).

    ``interpolation`` of the logits: nearest is what the released code takes where runs on a GPU
    must repeat exactly; all other interpolations here are repeatable as they are.

    ``map_loss``: how a map learns from its label. ``divergence``, as published: of the softmax
    over all pixels, which share one mass. ``logistic``, the embedded recipe's: every pixel answers
    for itself whether it is of the part, against a label that is not blurred; maps are sigmoids.

    ``readout``: beside the decoder a linear readout of the frozen tokens learns from the same
    labels, and weights the map by what all verbs of the checkpoint claim there; not published.

    The paper's ablation takes modules away. ``reasoning`` none: no noun and no part is predicted,
    the affordance's text alone is the query. ``align_weight`` and ``exo_weight`` 0: no alignment,
    and no exocentric image is used.
    """

    backbone: str = "dinov2_vits14"
    train_backbone: bool = False
    image_side: Side = 224
    dim: Width = 256
    text_dim: Width = 384
    classes: Width = len(AFFORDANCES)
    fuser_heads: Count = 8
    fuser_depth: Depth = 4
    decoder_heads: Count = 8
    decoder_depth: Depth = 2
    mlp_ratio: Ratio = 4.0
    drop_path: float = 0.1
    align_margin: float = 0.1
    align_weight: float = 10.0
    exo_weight: float = 10.0
    noun_weight: float = 1.0
    part_weight: float = 0.1
    reasoning: Reasoning = "per_sample"
    interpolation: Interpolation = "bilinear"
    map_loss: MapLoss = "divergence"
    readout: bool = False

    def check(self) -> None:
        """Refuse sizes that do not fit together."""
        backbone_spec(self.backbone).grid(self.image_side)
        if self.dim % 16 or self.dim % self.fuser_heads or self.dim // 2 % self.decoder_heads:
            raise InvalidInput(
                f"PLSP dim {self.dim} must be a multiple of 16, of the {self.fuser_heads} fuser "
                f"heads and of twice the {self.decoder_heads} decoder heads"
            )
        if self.readout and (self.map_loss != "logistic" or self.train_backbone):
            raise InvalidInput(
                "PLSP readout learns from labels that are not blurred, on a frozen encoder; set "
                "map_loss: logistic and train_backbone: false, or readout: false"
            )

    @staticmethod
    def paper() -> "PlspConfig":
        """The published configuration: CLIP ViT-B/16, fine-tuned, width 512, 16 fuser heads."""
        return PlspConfig(
            backbone="clip_vitb16", train_backbone=True, dim=512, text_dim=512, fuser_heads=16
        )

    @property
    def reasons(self) -> bool:
        """Whether noun and part are predicted."""
        return self.reasoning != "none"

    @property
    def aligns(self) -> bool:
        """Whether exocentric images enter the loss."""
        return self.align_weight != 0 or self.exo_weight != 0


@dataclass(frozen=True)
class PlspBatch(TensorBatch):
    """B training samples: an egocentric and an exocentric image each.

    ``ego``, ``exo``: normalised images (B, 3, S, S), or the backbone's tokens of them
    (B, 1 + grid^2, token dim). ``target``: pseudo label (B, S, S); blurred, each sums to 1,
    or sharp, the share of every pixel that is of the part.
    ``object_patches``: (B, grid^2) 1 where the exo patch touches the object's box, else 0.
    ``text``, ``noun``, ``part``: text features (B, text_dim) of verb, object and part.
    ``label``: (B,) index of the affordance.
    """

    ego: Tensor
    exo: Tensor
    target: Tensor
    object_patches: Tensor
    text: Tensor
    noun: Tensor
    part: Tensor
    label: Tensor
