"""Image encoders: tokens of other implementations, positions, input preparation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_weights import seeded_image

from affordance_grasp.encoders.backbones import (
    SPECS,
    backbone_spec,
    load_backbone,
    prepare_images,
    resize_position_table,
)
from affordance_grasp.errors import InvalidInput, UnknownName

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def dinov2():
    return load_backbone("dinov2_vits14")


def test_dinov2_gives_the_tokens_of_the_onnx_graph(dinov2):
    with np.load(GOLDEN / "plsp_dinov2_tokens.npz") as stored:
        rows, expected = stored["rows"], torch.from_numpy(stored["tokens"])
    with torch.inference_mode():
        tokens = dinov2.tokens(dinov2.prepare(seeded_image(0)))
    assert tokens.shape == (1, 257, 384)
    torch.testing.assert_close(tokens[0, rows], expected, atol=1e-4, rtol=0)


def test_dinov2_is_frozen_and_knows_its_weights(dinov2):
    assert not dinov2.training
    assert not any(parameter.requires_grad for parameter in dinov2.parameters())
    assert len(dinov2.sha256) == 64
    assert (dinov2.grid, dinov2.spec.patch, dinov2.spec.dim) == (16, 14, 384)


def test_dinov2_takes_other_image_sizes():
    small = load_backbone("dinov2_vits14", image_side=112)
    with torch.inference_mode():
        assert small.tokens(small.prepare(seeded_image(0))).shape == (1, 65, 384)


def test_positions_stay_on_their_own_grid_and_keep_a_ramp_on_another():
    table = torch.randn(1, 1 + 37 * 37, 8)
    torch.testing.assert_close(resize_position_table(table, 37), table)
    ramp = torch.arange(37.0)[None, :, None].expand(37, 37, 1).reshape(1, -1, 1)
    resized = resize_position_table(torch.cat([torch.full((1, 1, 1), -5.0), ramp], dim=1), 16)
    assert resized[0, 0, 0] == -5
    row = resized[0, 1 + 8 * 16 : 1 + 9 * 16, 0]
    expected = (torch.arange(16.0) + 0.5) * 37 / 16 - 0.5
    torch.testing.assert_close(row[2:-2], expected[2:-2], atol=0.1, rtol=0)


@pytest.mark.parametrize("name", SPECS)
def test_preparation_normalises_and_squashes(name):
    spec = SPECS[name]
    mean_color = np.round(np.array(spec.mean) * 255).astype(np.uint8)
    flat = np.tile(mean_color, (50, 90, 1))
    prepared = prepare_images([flat, flat[:20]], spec, 224)
    assert prepared.shape == (2, 3, 224, 224)
    assert prepared.abs().max() < 0.01


def test_preparation_is_the_released_test_transform():
    prepared = prepare_images([seeded_image(900, 300, 420)], SPECS["clip_vitb16"], 224)[0]
    with np.load(GOLDEN / "transforms.npz") as stored:
        expected = stored["plsp_test_every_8th"]
    np.testing.assert_allclose(prepared[:, ::8, ::8].numpy(), expected, atol=1e-5)


def test_refuses_unknown_backbones_and_sizes_between_patches():
    with pytest.raises(UnknownName, match="known: dinov2_vits14, clip_vitb16"):
        load_backbone("resnet50")
    with pytest.raises(InvalidInput, match="patch size 14"):
        backbone_spec("dinov2_vits14").grid(225)
