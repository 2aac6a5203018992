"""Pretrained image encoders as components: normalised images -> CLS + patch tokens."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.clip_tower import ClipTower
from affordance_grasp.encoders.vision_transformer import VisionTransformer
from affordance_grasp.encoders.weights import load_strictly, load_weights
from affordance_grasp.errors import InvalidInput, look_up

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class BackboneSpec:
    """The properties of an encoder.

    ``patch`` [pixels], ``dim`` channels per token, ``mean`` and ``std`` of rgb in 0..1, ``heads``
    of its attention.
    """

    name: str
    patch: int
    dim: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    heads: int

    def grid(self, image_side: int) -> int:
        """Patches per side of a square image of ``image_side`` pixels."""
        if image_side <= 0 or image_side % self.patch:
            raise InvalidInput(
                f"image side {image_side} is not a positive multiple of the patch size "
                f"{self.patch} of backbone {self.name}"
            )
        return image_side // self.patch

    def normalise(self, images: Tensor) -> Tensor:
        """Rgb (..., 3, H, W) in 0..1 -> zero mean and unit deviation as the encoder learned."""
        mean = images.new_tensor(self.mean)[:, None, None]
        return (images - mean) / images.new_tensor(self.std)[:, None, None]


class Backbone(nn.Module, ABC):
    """An encoder with its specification; ``sha256`` names the exact weights it holds."""

    def __init__(self, spec: BackboneSpec, image_side: int, sha256: str) -> None:
        super().__init__()
        self.spec = spec
        self.image_side = image_side
        self.grid = spec.grid(image_side)
        self.sha256 = sha256

    @abstractmethod
    def tokens(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 1 + grid^2, dim), CLS first, then row by row."""

    def prepare(self, color: NDArray[np.uint8]) -> Tensor:
        """An rgb image (H, W, 3) of any size -> normalised (1, 3, S, S), aspect squashed."""
        return prepare_images([color], self.spec, self.image_side)


class VitBackbone(Backbone):
    """DINOv2 ViT-S/14 and DINO ViT-S/16: tokens after the final norm, or the last block's keys."""

    def __init__(
        self, name: str, weights: Mapping[str, Tensor] | None, image_side: int, sha256: str = ""
    ) -> None:
        super().__init__(SPECS[name], image_side, sha256)
        spec, scaled = self.spec, name.startswith("dinov2")
        with nullcontext() if weights is None else torch.device("meta"):
            self.visual = VisionTransformer(
                spec.patch, self.grid, spec.dim, spec.heads, scaled=scaled
            )
        if weights is not None:
            table = resize_position_table(weights["pos_embed"], self.grid)
            named = {**weights, "pos_embed": table}
            load_strictly(self.visual, named, f"backbone {name}")

    def tokens(self, images: Tensor) -> Tensor:
        """See :meth:`Backbone.tokens`."""
        return self.visual(images)

    def keys(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 2 + grid^2, dim): CLS query, CLS key, patch keys.

        See :meth:`VisionTransformer.last_keys`.
        """
        return self.visual.last_keys(images)


class Clip(Backbone):
    """CLIP ViT-B/16; every token goes through ln_post and the projection."""

    def __init__(
        self, weights: Mapping[str, Tensor] | None, image_side: int, sha256: str = ""
    ) -> None:
        spec = SPECS["clip_vitb16"]
        super().__init__(spec, image_side, sha256)
        with nullcontext() if weights is None else torch.device("meta"):
            self.visual = ClipTower(spec.patch, self.grid, spec.dim, spec.heads)
        if weights is not None:
            prefix = "visual."
            visual = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
            load_strictly(self.visual, visual, f"backbone {spec.name}")

    def tokens(self, images: Tensor) -> Tensor:
        """See :meth:`Backbone.tokens`."""
        visual = self.visual
        return visual.project(visual.transformer.resblocks(visual.embed(images)))


SPECS = {
    "dinov2_vits14": BackboneSpec("dinov2_vits14", 14, 384, IMAGENET_MEAN, IMAGENET_STD, 6),
    "clip_vitb16": BackboneSpec("clip_vitb16", 16, 512, CLIP_MEAN, CLIP_STD, 12),
    "dino_vits16": BackboneSpec("dino_vits16", 16, 384, IMAGENET_MEAN, IMAGENET_STD, 6),
}
BACKBONES: dict[str, Callable[..., Backbone]] = {
    "dinov2_vits14": partial(VitBackbone, "dinov2_vits14"),
    "clip_vitb16": Clip,
    "dino_vits16": partial(VitBackbone, "dino_vits16"),
}


def backbone_spec(name: str) -> BackboneSpec:
    """The specification of a backbone; refuses unknown names."""
    return look_up("backbone", name, SPECS)


def load_backbone(name: str, image_side: int = 224, pretrained: bool = True) -> Backbone:
    """The backbone ``name`` in evaluation mode, without gradients.

    ``pretrained=False`` leaves its weights random, for a checkpoint that contains its own.
    """
    backbone_spec(name)
    if not pretrained:
        return BACKBONES[name](None, image_side).eval().requires_grad_(False)
    weights = load_weights(name)
    made = BACKBONES[name](weights.tensors, image_side, weights.sha256)
    return made.eval().requires_grad_(False)


def prepare_images(colors: list[NDArray[np.uint8]], spec: BackboneSpec, image_side: int) -> Tensor:
    """Rgb images (H, W, 3) of any sizes -> normalised (B, 3, S, S), aspect squashed.

    Bilinear without antialiasing, as PLSP's released test transform.
    """
    return spec.normalise(torch.cat([_squash(color, image_side) for color in colors]))


def patch_shares(mask: NDArray[np.bool_], backbone: Backbone) -> Tensor:
    """Share (grid^2,) of a mask (H, W) in every patch of the squashed image."""
    whole = torch.from_numpy(mask.astype(np.float32))[None, None]
    side = (backbone.image_side, backbone.image_side)
    squashed = functional.interpolate(whole, side, mode="area")
    return functional.avg_pool2d(squashed, backbone.spec.patch).flatten()


def _squash(color: NDArray[np.uint8], side: int) -> Tensor:
    image = torch.from_numpy(np.array(color)).permute(2, 0, 1)[None].float() / 255
    return functional.interpolate(image, size=(side, side), mode="bilinear")


def resize_position_table(table: Tensor, grid: int) -> Tensor:
    """Learned positions (1, 1 + n^2, D) for another grid: bicubic, as DINOv2 does it itself."""
    side = int(round((table.shape[1] - 1) ** 0.5))
    cls, patches = table[:, :1], table[:, 1:]
    square = patches.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    resized = functional.interpolate(square, size=(grid, grid), mode="bicubic")
    return torch.cat([cls, resized.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
