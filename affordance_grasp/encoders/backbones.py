"""Pretrained image encoders as components: normalised images -> CLS + patch tokens."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders import clip_blocks
from affordance_grasp.encoders.linear import linear, speed_up_linears
from affordance_grasp.encoders.vit_keys import last_block_keys
from affordance_grasp.encoders.weights import (
    check_sha256,
    find_weights,
    load_strictly,
    read_tensors,
    resolve_weights,
)
from affordance_grasp.errors import InvalidInput, UnknownName

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class BackboneSpec:
    """What the rest of the system must know about an encoder.

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


class TimmBackbone(Backbone):
    """A vision transformer of timm; tokens after the final norm, or the last block's keys."""

    spec_name: ClassVar[str]
    timm_name: ClassVar[str]

    def __init__(
        self, weights: Mapping[str, Tensor] | None, image_side: int, sha256: str = ""
    ) -> None:
        super().__init__(SPECS[self.spec_name], image_side, sha256)
        import timm

        self.visual = timm.create_model(self.timm_name, img_size=image_side, num_classes=0)
        if weights is not None:
            table = resize_position_table(weights["pos_embed"], self.grid)
            named = {**weights, "pos_embed": table}
            load_strictly(self.visual, named, f"backbone {self.spec_name}")
        speed_up_linears(self.visual)

    def tokens(self, images: Tensor) -> Tensor:
        """See :meth:`Backbone.tokens`."""
        return self.visual.forward_features(images)

    def keys(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 2 + grid^2, dim): CLS query, CLS key, patch keys.

        See :func:`vit_keys.last_block_keys`.
        """
        return last_block_keys(self.visual, images)


class DinoV2(TimmBackbone):
    """DINOv2 ViT-S/14."""

    spec_name = "dinov2_vits14"
    timm_name = "vit_small_patch14_dinov2"


class Dino(TimmBackbone):
    """DINO ViT-S/16."""

    spec_name = "dino_vits16"
    timm_name = "vit_small_patch16_224"


class Clip(Backbone):
    """CLIP ViT-B/16 through open_clip; every token goes through ln_post and the projection."""

    def __init__(
        self, weights: Mapping[str, Tensor] | None, image_side: int, sha256: str = ""
    ) -> None:
        super().__init__(SPECS["clip_vitb16"], image_side, sha256)
        self.visual = _clip_visual_tower(image_side)
        if weights is not None:
            prefix = "visual."
            visual = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
            load_strictly(self.visual, visual, "backbone clip_vitb16")

    def tokens(self, images: Tensor) -> Tensor:
        """See :meth:`Backbone.tokens`."""
        tokens = clip_blocks.embed(self.visual, images)
        for block in self.visual.transformer.resblocks:
            tokens = clip_blocks.run_block(block, tokens)
        return self._project(tokens)

    def _project(self, tokens: Tensor) -> Tensor:
        return linear(self.visual.ln_post(tokens), self.visual.proj.T)


SPECS = {
    "dinov2_vits14": BackboneSpec("dinov2_vits14", 14, 384, IMAGENET_MEAN, IMAGENET_STD, 6),
    "clip_vitb16": BackboneSpec("clip_vitb16", 16, 512, CLIP_MEAN, CLIP_STD, 12),
    "dino_vits16": BackboneSpec("dino_vits16", 16, 384, IMAGENET_MEAN, IMAGENET_STD, 6),
}
BACKBONES: dict[str, Callable[..., Backbone]] = {
    "dinov2_vits14": DinoV2,
    "clip_vitb16": Clip,
    "dino_vits16": Dino,
}


def backbone_spec(name: str) -> BackboneSpec:
    """The specification of a backbone; refuses unknown names."""
    if name not in SPECS:
        raise UnknownName("backbone", name, tuple(SPECS))
    return SPECS[name]


def load_backbone(name: str, image_side: int = 224, pretrained: bool = True) -> Backbone:
    """The backbone ``name`` in evaluation mode, without gradients.

    ``pretrained=False`` leaves its weights random, for a checkpoint that brings its own.
    """
    backbone_spec(name)
    if not pretrained:
        return BACKBONES[name](None, image_side).eval().requires_grad_(False)
    weights = read_tensors(resolve_weights(name))
    digest = check_sha256(find_weights(name), weights)
    return BACKBONES[name](weights, image_side, digest).eval().requires_grad_(False)


def prepare_images(colors: list[NDArray[np.uint8]], spec: BackboneSpec, image_side: int) -> Tensor:
    """Rgb images (H, W, 3) of any sizes -> normalised (B, 3, S, S), aspect squashed.

    Bilinear without antialiasing, as PLSP's released test transform.
    """
    return spec.normalise(torch.cat([_squash(color, image_side) for color in colors]))


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


def _clip_visual_tower(image_side: int) -> Any:
    import open_clip
    from open_clip.model import CLIPVisionCfg
    from open_clip.transformer import LayerNorm, QuickGELU, VisionTransformer

    settings = open_clip.get_model_config("ViT-B-16-quickgelu")
    vision = CLIPVisionCfg(**settings["vision_cfg"])
    return VisionTransformer(
        image_size=image_side,
        patch_size=int(vision.patch_size),
        width=vision.width,
        layers=int(vision.layers),
        heads=vision.width // vision.head_width,
        mlp_ratio=vision.mlp_ratio,
        output_dim=settings["embed_dim"],
        act_layer=QuickGELU,
        norm_layer=LayerNorm,
    )
