"""The saliency baseline: known attention, and one map per test item."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from seeded_weights import seeded_image

from affordance_grasp.datasets.features import CachedFeatures
from affordance_grasp.datasets.images import FrozenEncoder
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import UnknownName
from affordance_grasp.learning.evaluation.saliency import (
    key_encoder,
    predict_saliency,
    saliency_maps,
)
from affordance_grasp.methods.shared.class_maps import SALIENT_HEADS


def packed_keys(heads, place, side=4, strength=8.0):
    """Keys of an image whose CLS token looks with ``heads`` at one patch, with others nowhere."""
    per_head = torch.zeros(2 + side * side, 64, 6)
    per_head[0, 0, list(heads)] = strength
    per_head[2 + place, 0] = strength
    return per_head.flatten(1)


def test_salient_heads_count_and_others_do_not():
    looking = packed_keys(SALIENT_HEADS["dinov2_vits14"], place=6)
    elsewhere = packed_keys((0, 3), place=6)
    maps = saliency_maps(torch.stack([looking, elsewhere]), "dinov2_vits14")
    weight = np.exp(64 / 8)
    expected = torch.full((2, 16), 1 / (weight + 16))
    expected[0, 6] = weight / (weight + 16)
    expected[1] = 1 / 17
    torch.testing.assert_close(maps.flatten(1)[0], expected[0])
    torch.testing.assert_close(maps.flatten(1)[1], expected[1])


def test_channels_of_another_encoder_are_not_read():
    rows = packed_keys(range(6), place=3)[None]
    beside = torch.cat([rows, torch.randn(1, 18, 512)], dim=2)
    assert torch.equal(saliency_maps(beside, "dino_vits16"), saliency_maps(rows, "dino_vits16"))


def test_every_item_gets_the_map_of_its_image_whatever_its_verb():
    paths = [Path("a.jpg"), Path("b.jpg")]
    rows = torch.stack([packed_keys(range(6), place=p) for p in (1, 9)])
    features = CachedFeatures(
        rows[:, None].half().numpy(), ((), ()), {paths[0]: 0, paths[1]: 1, Path("c.jpg"): 0}
    )
    asked = [paths[1], paths[0], Path("c.jpg"), paths[1]]
    items = [SimpleNamespace(image=SimpleNamespace(path=path)) for path in asked]
    found = predict_saliency(features, items, "dinov2_vits14")
    assert [int(heat.argmax()) for heat in found] == [9, 1, 1, 9]
    assert found[0].shape == (4, 4)


def test_the_cache_is_filled_with_the_backbones_keys():
    backbone = load_backbone("dinov2_vits14", 112)
    encoder = key_encoder(backbone)
    image = backbone.prepare(seeded_image(0))
    assert isinstance(encoder, FrozenEncoder)
    assert torch.equal(encoder.encode(image), backbone.keys(image))
    assert saliency_maps(encoder.encode(image), "dinov2_vits14").shape == (1, 8, 8)


def test_refuses_a_backbone_without_known_heads():
    with pytest.raises(UnknownName, match="clip_vitb16"):
        saliency_maps(torch.zeros(1, 18, 512), "clip_vitb16")
