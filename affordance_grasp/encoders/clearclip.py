"""ClearCLIP: patch features of CLIP that compare with text, and the text side they compare with.

Lan et al., "ClearCLIP: Decomposing CLIP Representations for Dense Vision-Language Inference" (ECCV
2024): in the last block queries attend to queries, and residual and feed-forward are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.architectures import clip_text
from affordance_grasp.encoders.backbones import Clip
from affordance_grasp.encoders.weights import load_strictly, load_weights

ARCHITECTURE = "ViT-B-16-quickgelu"
UNREAD = "logit_scale"
IMAGE_PREFIX = "visual."
TEXT_NAMES = frozenset(clip_text())
"""The tensors of a CLIP ViT-B/16 that are not its image side."""


class ClearClip(Clip):
    """CLIP ViT-B/16 whose last block is the q-q attention alone; the plain one is not computed."""

    def tokens(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 1 + grid^2, 512), not normalised."""
        blocks = self.visual.transformer.resblocks
        tokens = blocks[:-1](self.visual.embed(images))
        return self.visual.project(blocks[-1].attn.attend_queries(blocks[-1].ln_1(tokens)))


class ClipText:
    """The text tower of CLIP ViT-B/16, for tables of text features.

    ``weights``: the tensors of a whole CLIP by open_clip's (and OpenAI's) names.
    """

    name = "clip_vitb16"
    dim = 512

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._tower = make_text_tower().eval().requires_grad_(False)
        own = {n: t for n, t in weights.items() if n != UNREAD and not n.startswith(IMAGE_PREFIX)}
        load_strictly(self._tower, own, "text encoder clip_vitb16")

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """N sentences -> (N, 512) unit vectors."""
        with torch.inference_mode():
            features = self._tower(clip_tokens(sentences))
        return functional.normalize(features, dim=1).clone()


def load_clip_text() -> ClipText:
    """The text tower of the installed CLIP weights."""
    return ClipText(load_weights("clip_vitb16").tensors)


def load_clearclip(image_side: int = 224, pretrained: bool = True) -> ClearClip:
    """ClearCLIP in evaluation mode, without gradients; see :func:`backbones.load_backbone`."""
    if not pretrained:
        return ClearClip(None, image_side).eval().requires_grad_(False)
    weights = load_weights("clip_vitb16")
    return ClearClip(weights.tensors, image_side, weights.sha256).eval().requires_grad_(False)


def clip_tokens(sentences: Sequence[str]) -> Tensor:
    """N sentences -> (N, 77) ids of CLIP's byte pair encoding, padded with 0."""
    import open_clip

    return open_clip.get_tokenizer(ARCHITECTURE)(list(sentences))


def make_text_tower() -> Any:
    """The text side of CLIP ViT-B/16 as open_clip has it, with random weights."""
    import open_clip
    from open_clip.model import CLIPTextCfg
    from open_clip.transformer import LayerNorm, QuickGELU, TextTransformer

    settings = open_clip.get_model_config(ARCHITECTURE)
    text = CLIPTextCfg(**settings["text_cfg"])
    return TextTransformer(
        context_length=text.context_length,
        vocab_size=text.vocab_size,
        width=text.width,
        heads=text.heads,
        layers=text.layers,
        output_dim=settings["embed_dim"],
        act_layer=QuickGELU,
        norm_layer=LayerNorm,
    )
