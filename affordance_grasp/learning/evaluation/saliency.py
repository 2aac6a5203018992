"""A baseline from the image alone: the saliency of the frozen backbone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.datasets.agd20k import Split, TestItem
from affordance_grasp.datasets.features import (
    CachedFeatures,
    FeatureCache,
    Progress,
)
from affordance_grasp.datasets.images import FrozenEncoder, ViewPlan, views_for_test
from affordance_grasp.encoders.backbones import VitBackbone, backbone_spec, load_backbone
from affordance_grasp.errors import look_up
from affordance_grasp.methods.shared.class_maps import SALIENT_HEADS, unpack_keys

IMAGES_AT_ONCE = 64


def saliency_maps(packed: Tensor, backbone: str) -> Tensor:
    """Mean CLS attention (B, g, g) of the salient heads of ``backbone``, not normalised.

    ``packed`` (B, 2 + g^2, C): see ``VisionTransformer.last_keys``; channels that follow the
    backbone's own are not read.
    """
    heads = look_up("backbone with salient heads", backbone, SALIENT_HEADS)
    spec = backbone_spec(backbone)
    return unpack_keys(packed[..., : spec.dim], spec.heads).saliency(heads)


@torch.inference_mode()
def predict_saliency(
    features: CachedFeatures, items: Sequence[TestItem], backbone: str
) -> list[NDArray[np.float32]]:
    """The saliency (g, g) of every test item's image; its verb makes no difference.

    ``features``: packed keys of the test images, from their first view.
    """
    packed = torch.from_numpy(np.array(features.values[:, 0]))
    maps = torch.cat([saliency_maps(keys, backbone) for keys in packed.split(IMAGES_AT_ONCE)])
    return [maps[features.row_of[item.image.path]].numpy() for item in items]


def key_encoder(backbone: VitBackbone) -> FrozenEncoder:
    """What gives the features of :func:`predict_saliency`; networks on keys read the same."""
    return FrozenEncoder(
        "keys", backbone.sha256, backbone.image_side, backbone.spec.normalise, backbone.keys
    )


def cached_saliency(
    split: Split,
    plan: ViewPlan,
    name: str,
    folder: Path,
    *,
    bfloat16: bool = False,
    progress: Progress | None = None,
) -> list[NDArray[np.float32]] | None:
    """The saliency of a split's test images by the backbone ``name``; the keys stay in ``folder``.

    None where the backbone has no keys. ``plan`` of the views tells how an image is squashed.
    """
    backbone = load_backbone(name, plan.side)
    if not isinstance(backbone, VitBackbone):
        return None
    cache = FeatureCache(folder, key_encoder(backbone), bfloat16, progress)
    viewed = views_for_test(split, plan.plain)
    return predict_saliency(cache.features(viewed), split.test, name)
