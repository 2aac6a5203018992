"""What LOCATE and its successors share: features, batches, heads, small formulas.

Li et al., "LOCATE: Localize and Transfer Object Parts for Weakly Supervised Affordance Grounding"
(CVPR 2023). Parameter names are those of the released checkpoints. Maps are square, row by row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.backbones import VitBackbone, backbone_spec
from affordance_grasp.encoders.linear import Linear
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import GroundingNetwork, TensorBatch

MIN_MAX_EPS = 1e-15
"""Added to the denominator of the family's min-max; two formulas have their own."""
HEATMAP_EPS = 1e-10
"""As :data:`MIN_MAX_EPS`, in the post-processing of heatmaps."""
CONCENTRATION_EPS = 1e-10
"""As :data:`MIN_MAX_EPS`, in the concentration loss."""
SALIENT_HEADS = {"dino_vits16": (0, 1, 3), "dinov2_vits14": (1, 2, 4, 5)}
"""Backbone -> the heads whose CLS attention lies on the object.

DINO ViT-S/16: as in the released code. DINOv2 ViT-S/14: on simulated images each of these gives
the functional part 5 to 7 times its share of the attention; heads 0 and 3 give it 3 times and
once.
"""


@dataclass(frozen=True)
class KeyFeatures:
    """The frozen features of B images on a grid of side g.

    ``keys`` (B, dim, g, g): keys of the last block, channels head-fastest. ``attention``
    (B, heads, g^2): how much the CLS token attends to every patch in the last block.
    """

    keys: Tensor
    attention: Tensor

    def attention_maps(self, heads: Sequence[int]) -> Tensor:
        """CLS attention (B, len(heads), g, g) of ``heads``."""
        return self.attention[:, list(heads)].unflatten(2, self.keys.shape[2:])

    def saliency(self, heads: Sequence[int]) -> Tensor:
        """Mean CLS attention (B, g, g) of ``heads``, not normalised."""
        return self.attention_maps(heads).mean(dim=1)


@dataclass(frozen=True)
class TripletBatch(TensorBatch):
    """B training samples: an egocentric image and E exocentric ones each.

    ``ego`` (B, 3, S, S), ``exo`` (B, E, 3, S, S): normalised images, or what ``tokens`` gives for
    them, (B, 2 + g^2, C) and (B, E, 2 + g^2, C). ``label`` (B,): index of the affordance in the
    list that the network is trained for.
    """

    ego: Tensor
    exo: Tensor
    label: Tensor


def unpack_keys(packed: Tensor, heads: int) -> KeyFeatures:
    """Packed keys (B, 2 + g^2, dim) of :func:`VisionTransformer.last_keys` -> features."""
    packed = packed.float()
    side = round(max(packed.shape[1] - 2, 0) ** 0.5)
    if side == 0 or side * side + 2 != packed.shape[1]:
        raise InvalidInput(
            f"packed keys have {packed.shape[1]} rows; expected 2 and a square number of patches"
        )
    per_head = packed.unflatten(2, (-1, heads)).permute(0, 3, 1, 2)
    query, keys = per_head[:, :, :1], per_head[:, :, 1:]
    scores = (query * keys).sum(dim=3) / per_head.shape[3] ** 0.5
    attention = scores.softmax(dim=2)[:, :, 1:]
    grid = packed[:, 2:].transpose(1, 2).unflatten(2, (side, side))
    return KeyFeatures(grid, attention)


class KeyProjection(nn.Module):
    """LayerNorm and two linear layers with GELU between them, the same for every patch."""

    def __init__(self, dim: int, ratio: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1 = Linear(dim, ratio * dim)
        self.fc2 = Linear(ratio * dim, dim)

    def forward(self, keys: Tensor) -> Tensor:
        """Maps (B, dim, h, w) -> (B, dim, h, w); the family's residual is left to the caller."""
        rows = keys.permute(0, 2, 3, 1)
        hidden = functional.gelu(self.fc1(self.norm(rows)))
        return self.fc2(hidden).permute(0, 3, 1, 2)


def conv_block(dim: int, momentum: float = 0.1) -> nn.Sequential:
    """Two 3x3 convolutions with batch norm and ReLU; (B, dim, h, w) -> the same shape.

    ``momentum`` of the batch norms' running statistics.
    """
    return nn.Sequential(
        nn.Conv2d(dim, dim, 3, padding=1),
        nn.BatchNorm2d(dim, momentum=momentum),
        nn.ReLU(),
        nn.Conv2d(dim, dim, 3, padding=1),
        nn.BatchNorm2d(dim, momentum=momentum),
        nn.ReLU(),
    )


def cam_head(dim: int, channels: int) -> nn.Conv2d:
    """1x1 convolution with bias: its output channels are the signed CAMs, one for each class."""
    return nn.Conv2d(dim, channels, 1)


def class_logits(cams: Tensor) -> Tensor:
    """CAMs (..., C, h, w) -> logits (..., C): the spatial mean."""
    return cams.mean(dim=(-2, -1))


def pick_class(cams: Tensor, label: Tensor) -> Tensor:
    """CAMs (B, ..., C, h, w) and labels (B,) -> the map of each sample's class (B, ..., h, w)."""
    shape = (len(cams), *[1] * (cams.ndim - 1))
    index = label.view(shape).expand(*cams.shape[:-3], 1, *cams.shape[-2:])
    return cams.gather(cams.ndim - 3, index).squeeze(-3)


def min_max(maps: Tensor, eps: float = MIN_MAX_EPS) -> Tensor:
    """Every map (..., h, w) on its own to [0, 1]; a flat map becomes 0 where ``eps`` > 0."""
    low, high = maps.amin(dim=(-2, -1), keepdim=True), maps.amax(dim=(-2, -1), keepdim=True)
    return (maps - low) / (high - low + eps)


def classification_loss(cams: Tensor, label: Tensor) -> Tensor:
    """Cross entropy of the class logits of CAMs (B, C, g, g) or (B, E, C, g, g), averaged."""
    logits = class_logits(cams)
    if logits.ndim == 3:
        label, logits = label.repeat_interleave(logits.shape[1]), logits.flatten(0, 1)
    return functional.cross_entropy(logits, label)


def concentration_loss(cams: Tensor) -> Tensor:
    """How far every channel of CAMs (B, C, h, w) spreads over the image, averaged (scalar).

    Every channel becomes a distribution over the patches; the loss is its variance along x and y,
    with coordinates 2 i / side - 1 (Hung et al., SCOPS, CVPR 2019).
    """
    positive = min_max(cams, CONCENTRATION_EPS) + 1e-3
    density = positive / positive.sum(dim=(-2, -1), keepdim=True)
    return (_variance(density.sum(dim=-2)) + _variance(density.sum(dim=-1))).mean()


class KeyNetwork(GroundingNetwork):
    """A network on last-block keys; its raw map is a signed CAM on the grid of patches."""

    feature_kind = "keys"

    def encode(self, images: Tensor) -> Tensor:
        """CLS query, CLS key and patch keys (B, 2 + g^2, dim); see :func:`unpack_keys`."""
        backbone = self.present_backbone
        if not isinstance(backbone, VitBackbone):
            raise InvalidInput(f"{self.name} needs keys, which {backbone.spec.name} does not have")
        return backbone.keys(images)

    def features(self, images: Tensor) -> KeyFeatures:
        """Frozen features of images (B, 3, S, S), or of their packed keys."""
        return unpack_keys(self.tokens(images), backbone_spec(self.config.backbone).heads)

    def exo_keys(self, exo: Tensor) -> Tensor:
        """Keys (B, E, dim, g, g) of exocentric images (B, E, 3, S, S), or of their packed keys."""
        return self.features(exo.flatten(0, 1)).keys.unflatten(0, exo.shape[:2])

    def prepare(self, color: NDArray[np.uint8]) -> Tensor:
        """As the family's released test transform: Pillow's bilinear, which antialiases."""
        side = self.config.image_side
        resized = Image.fromarray(color).resize((side, side), Image.Resampling.BILINEAR)
        image = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float() / 255
        return self.present_backbone.spec.normalise(image)

    def heatmaps(self, raw: Tensor) -> Tensor:
        """CAMs (Q, g, g) -> (Q, S, S): enlarged bilinearly, then min to max becomes 0 to 1."""
        size = (self.config.image_side,) * 2
        enlarged = functional.interpolate(raw[:, None], size=size, mode="bilinear")[:, 0]
        return min_max(enlarged, HEATMAP_EPS)

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """See :func:`parameter_groups`."""
        return parameter_groups(self.named_parameters(), learning_rate)


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], learning_rate: float
) -> list[dict[str, Any]]:
    """The family's groups: biases learn 2x, layers with ``fc`` in their names 10x (biases 20x)."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            factor = (10.0 if "fc" in name else 1.0) * (2.0 if "bias" in name else 1.0)
            groups.setdefault(factor, []).append(parameter)
    return [{"params": group, "lr": factor * learning_rate} for factor, group in groups.items()]


def _variance(density: Tensor) -> Tensor:
    side = density.shape[-1]
    position = torch.arange(side, device=density.device, dtype=density.dtype) * (2 / side) - 1
    mean = (density * position).sum(dim=-1, keepdim=True)
    return (density * (position - mean) ** 2).sum(dim=-1)
