"""The tensors that registered weights consist of, where no digest says which they are."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from affordance_grasp.encoders.clip_tower import ClipBlock, ClipTower
from affordance_grasp.encoders.vision_transformer import VisionTransformer

POSITIONS = "pos_embed"
CLIP_SETTINGS = ("context_length", "input_resolution", "vocab_size")
"""What OpenAI's CLIP holds beside its tensors."""


def dino_vits16() -> dict[str, Tensor]:
    """DINO ViT-S/16 at 224 pixels by timm's names, without values."""
    with torch.device("meta"):
        return VisionTransformer(16, 14, 384, 6, scaled=False).state_dict()


def clip_vitb16() -> dict[str, Tensor]:
    """CLIP ViT-B/16, image and text, by OpenAI's names, without values."""
    with torch.device("meta"):
        image = ClipTower(16, 14, 512, 12).state_dict()
    return {**{f"visual.{name}": tensor for name, tensor in image.items()}, **clip_text()}


def clip_text() -> dict[str, Tensor]:
    """The tensors of a CLIP ViT-B/16 that are not its image side, without values."""
    with torch.device("meta"):
        block = ClipBlock(512, 8).state_dict()
        outer = {
            "positional_embedding": torch.empty(77, 512),
            "text_projection": torch.empty(512, 512),
            "token_embedding.weight": torch.empty(49408, 512),
            "ln_final.weight": torch.empty(512),
            "ln_final.bias": torch.empty(512),
            "logit_scale": torch.empty(()),
        }
    blocks = {f"transformer.resblocks.{i}.{n}": t for i in range(12) for n, t in block.items()}
    return {**outer, **blocks}


ARCHITECTURES: dict[str, Callable[[], dict[str, Tensor]]] = {
    "dino_vits16": dino_vits16,
    "clip_vitb16": clip_vitb16,
}


def expected_tensors(name: str, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the weights ``name`` must hold; a square table of positions may be of any size."""
    expected = ARCHITECTURES[name]()
    positions = given.get(POSITIONS)
    if POSITIONS in expected and positions is not None and positions.ndim == 3:
        side = math.isqrt(max(positions.shape[1] - 1, 0))
        if side and side**2 + 1 == positions.shape[1]:
            shape = (1, positions.shape[1], expected[POSITIONS].shape[2])
            expected[POSITIONS] = torch.empty(shape, device="meta")
    return expected


def own_names(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the weights ``name`` by their own names, also out of a larger network's.

    A network keeps its encoder under a prefix such as ``backbone.``; what lies beside it, such as
    a head, is left out. Beside an encoder without a prefix nothing is left out, but for CLIP's
    settings: another architecture may differ by a tensor.
    """
    expected = ARCHITECTURES[name]()
    prefix = _prefix(expected, tensors)
    inside = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    return {n: t for n, t in inside.items() if n in expected or n not in CLIP_SETTINGS}


def _prefix(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str:
    """The prefix under which most of the expected names are found; none where none is."""
    landmark = next(iter(expected))
    ends = [n.removesuffix(landmark) for n in tensors if n.endswith(landmark)]
    prefixes = ["", *(end for end in ends if end.endswith("."))]
    return max(prefixes, key=lambda prefix: sum(prefix + name in tensors for name in expected))
