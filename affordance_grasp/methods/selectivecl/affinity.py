"""Object affinity: how likely a patch belongs to the object that an affordance needs.

SelectiveCL takes it from CLIP. Two substitutes need no CLIP: one separates foreground from
background whatever the affordance, the other learns the affordances from the labels of the train
images. A configuration names one of :data:`AFFINITIES`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.backbones import Backbone, VitBackbone, load_backbone
from affordance_grasp.encoders.clearclip import load_clearclip
from affordance_grasp.encoders.text import TextEncoder
from affordance_grasp.errors import InvalidInput, look_up
from affordance_grasp.methods.shared.class_maps import KeyFeatures, min_max

BORDER_SHARE = 0.1


@dataclass(frozen=True)
class Affinity:
    """A way to score patches.

    ``scores(keys, features, text)``: the keys of B images, features of their patches by the
    affinity's own encoder (B, g^2, dim), a text each (B, ``text_dim``) -> cosines (B, g, g).
    ``load_encoder(image_side, pretrained)``: that encoder; None where the keys are enough.
    ``text_dim`` is 0 where no text is used. ``learned``: the text table is not encoded
    from prompts but learned from the train images' classes, in the space of the keys.
    """

    scores: Callable[[KeyFeatures, Tensor, Tensor], Tensor]
    load_encoder: Callable[[int, bool], Backbone] | None = None
    text_dim: int = 0
    learned: bool = False


def cosine_scores(keys: KeyFeatures, features: Tensor, text: Tensor) -> Tensor:
    """Cosine (B, g, g) of patch features (B, g^2, dim) and a text each (B, dim)."""
    directions = functional.normalize(text, dim=1)[:, :, None]
    cosine = functional.normalize(features, dim=2) @ directions
    return cosine[..., 0].unflatten(1, keys.keys.shape[2:])


def border_contrast(keys: KeyFeatures, features: Tensor, text: Tensor) -> Tensor:
    """Dissimilarity (B, g, g) of every patch to the image's border, 0 to 1, from keys alone.

    The contrast of a patch is one minus the mean cosine to the tenth of the border patches that
    are most alike, over Otsu's threshold of the image's contrasts: what lies above that is
    foreground, and 1. So the border is background, the foreground is one object without preferred
    parts, and all texts give the same.
    """
    del features, text
    unit = functional.normalize(keys.keys, dim=1)
    frame = [unit[:, :, 0], unit[:, :, -1], unit[:, :, 1:-1, 0], unit[:, :, 1:-1, -1]]
    border = torch.cat(frame, dim=2)
    cosine = unit.flatten(2).transpose(1, 2) @ border
    nearest = cosine.topk(max(1, round(BORDER_SHARE * border.shape[2])), dim=2).values
    contrast = (1 - nearest.mean(dim=2)).clamp(min=0)
    bar = otsu_threshold(contrast).clamp(min=torch.finfo(contrast.dtype).tiny)
    return (contrast / bar[:, None]).clamp(max=1).unflatten(1, keys.keys.shape[2:])


def class_contrast(keys: KeyFeatures, features: Tensor, text: Tensor) -> Tensor:
    """The :func:`border_contrast` of every patch times how far its key lies along a row (B, g, g).

    ``text`` (B, D): directions of the classes of images (:mod:`class_directions`); the
    projections are min-maxed over each image. A row of zeros has no influence.
    """
    along = min_max((keys.keys * text[:, :, None, None]).sum(dim=1))
    known = text.any(dim=1)[:, None, None]
    return border_contrast(keys, features, text) * along.where(known, 1.0)


def otsu_threshold(values: Tensor) -> Tensor:
    """Where values (B, n >= 2) fall into two groups of the largest variance between them, (B,).

    Otsu, A threshold selection method from gray-level histograms (IEEE SMC 1979), over the sorted
    values instead of a histogram; halfway between the neighbours that it separates.
    """
    ordered = values.sort(dim=1).values
    count = ordered.shape[1]
    lower = torch.arange(1, count, device=values.device)
    sums = ordered.cumsum(dim=1)
    gap = sums[:, :-1] / lower - (sums[:, -1:] - sums[:, :-1]) / (count - lower)
    split = (lower * (count - lower) * gap**2).argmax(dim=1, keepdim=True)
    return ordered.gather(1, torch.cat([split, split + 1], dim=1)).mean(dim=1)


AFFINITIES = {
    "clearclip": Affinity(cosine_scores, load_clearclip, text_dim=512),
    "border_contrast": Affinity(border_contrast),
    "class_contrast": Affinity(class_contrast, text_dim=384, learned=True),
}
"""``clearclip``, of patches and a prompt with the verb, is the published one; the others need no
CLIP."""


def find_affinity(name: str) -> Affinity:
    """The affinity ``name``; refuses unknown names."""
    return look_up("affinity", name, AFFINITIES)


class AffinityBackbone(Backbone):
    """An encoder of keys and an affinity's own encoder, side by side on one grid.

    Both see the same normalised images, those of the keys' encoder, as in the released code.
    """

    def __init__(self, encoder: VitBackbone, affinity: Backbone) -> None:
        digests = f"{encoder.sha256} {affinity.sha256}"
        sha256 = hashlib.sha256(digests.encode()).hexdigest()
        super().__init__(encoder.spec, encoder.image_side, sha256)
        if affinity.grid != encoder.grid:
            raise InvalidInput(
                f"{encoder.spec.name} has {encoder.grid} patches per side and "
                f"{affinity.spec.name} {affinity.grid}; an affinity needs the same grid"
            )
        self.encoder = encoder
        self.affinity = affinity

    def tokens(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 2 + g^2, key dim + affinity dim).

        The first channels are :meth:`VitBackbone.keys`; the first two rows of the
        affinity's are 0.
        """
        keys, patches = self.encoder.keys(images), self.affinity.tokens(images)[:, 1:]
        return torch.cat([keys, functional.pad(patches, (0, 0, 2, 0))], dim=2)


def load_affinity_backbone(
    backbone: str, affinity: str, image_side: int = 224, pretrained: bool = True
) -> Backbone:
    """The frozen encoders that keys of ``backbone`` and the affinity ``affinity`` need.

    ``pretrained=False`` leaves their weights random, for a checkpoint that contains its own.
    """
    encoder = load_backbone(backbone, image_side, pretrained)
    load_encoder = find_affinity(affinity).load_encoder
    if load_encoder is None:
        return encoder
    if not isinstance(encoder, VitBackbone):
        raise InvalidInput(f"backbone {backbone} has no keys; dino_vits16 has")
    return AffinityBackbone(encoder, load_encoder(image_side, pretrained)).eval()


def action_prompt(affordance: str) -> str:
    """``hold`` -> "an item to hold with", ``cut_with`` -> "an item to cut_with".

    The name stands as it is, underscores included (paper, object affinity; released code).
    """
    return f"an item to {affordance}" + ("" if "with" in affordance else " with")


def entity_prompt(affordance: str) -> str:
    """``hold`` -> "a person hold an item"."""
    return f"a person {affordance} an item"


def prompt_table(encoder: TextEncoder, affordances: Sequence[str]) -> Tensor:
    """Features (A, 2 dim) of the action prompts, then of the entity prompts, of affordances."""
    actions = encoder.encode([action_prompt(name) for name in affordances])
    entities = encoder.encode([entity_prompt(name) for name in affordances])
    return torch.cat([actions, entities], dim=1)
