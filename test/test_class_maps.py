"""What the LOCATE family shares: known answers, and the released features."""

from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_networks import seeded_dino
from seeded_weights import seeded_image

from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.looptrans.config import LoopTransConfig
from affordance_grasp.methods.looptrans.network import LoopTrans
from affordance_grasp.methods.shared.class_maps import (
    KeyFeatures,
    KeyProjection,
    class_logits,
    concentration_loss,
    conv_block,
    min_max,
    parameter_groups,
    pick_class,
    unpack_keys,
)

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "looptrans_infer.npz") as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


@pytest.fixture(scope="module")
def network():
    return LoopTrans(LoopTransConfig.paper(), seeded_dino())


def test_dino_gives_the_released_keys_and_attention(network, golden):
    images = torch.cat([network.prepare(seeded_image(k)) for k in range(2)])
    features = network.features(images)
    descriptor = features.keys[0].flatten(1).T[golden["rows"]]
    torch.testing.assert_close(descriptor, golden["descriptor"], atol=2e-5, rtol=0)
    torch.testing.assert_close(features.attention, golden["attention"], atol=2e-5, rtol=0)


def test_dinov2_gives_what_enters_the_last_attention():
    backbone = load_backbone("dinov2_vits14", image_side=112)
    seen = {}
    attention = backbone.visual.blocks[-1].attn
    handle = attention.qkv.register_forward_hook(lambda m, i, o: seen.update(qkv=o))
    images = backbone.prepare(seeded_image(0))
    with torch.inference_mode():
        backbone.tokens(images)
        handle.remove()
        features = unpack_keys(backbone.keys(images), backbone.spec.heads)
    query, key, _ = seen["qkv"].unflatten(2, (3, 6, 64)).permute(2, 0, 3, 1, 4)
    expected = (query @ key.transpose(2, 3) / 8).softmax(dim=3)[:, :, 0, 1:]
    torch.testing.assert_close(features.attention, expected)
    assert features.keys.shape == (1, 384, 8, 8)
    # channel d * heads + h is channel d of head h; row 2, column 3 is patch 19, token 20
    torch.testing.assert_close(features.keys[0, 5 * 6 + 4, 2, 3], key[0, 4, 20, 5])


def test_gives_keys_through_half_precision_as_a_cache_stores_them(network):
    with torch.inference_mode():
        packed = network.tokens(network.prepare(seeded_image(0)))
    assert packed.shape == (1, 198, 384)
    whole, half = network.features(packed), network.features(packed.half())
    assert half.keys.dtype == torch.float32
    torch.testing.assert_close(half.keys, whole.keys, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(half.attention, whole.attention, atol=1e-4, rtol=1e-2)


@pytest.mark.parametrize("rows", [1, 2, 197, 257])
def test_tokens_that_are_no_packed_keys_are_refused(rows):
    with pytest.raises(InvalidInput, match=f"packed keys have {rows} rows"):
        unpack_keys(torch.zeros(1, rows, 384), 6)


def test_saliency_is_the_mean_of_the_chosen_heads():
    attention = torch.arange(6.0)[None, :, None].expand(1, 6, 4)
    features = KeyFeatures(torch.zeros(1, 8, 2, 2), attention)
    torch.testing.assert_close(features.saliency((0, 1, 3)), torch.full((1, 2, 2), 4 / 3))
    torch.testing.assert_close(features.saliency((5,)), torch.full((1, 2, 2), 5.0))


def test_preparation_is_the_released_test_transform(network):
    prepared = network.prepare(seeded_image(900, 300, 420))[0]
    with np.load(GOLDEN / "transforms.npz") as stored:
        expected = torch.from_numpy(stored["locate_test_every_8th"]).permute(2, 0, 1) / 255
    normalised = network.backbone.spec.normalise(expected)
    torch.testing.assert_close(prepared[:, ::8, ::8], normalised)


def test_heat_is_the_released_post_processing(network, golden):
    heat = network.heatmaps(golden["cam14"])
    torch.testing.assert_close(heat[:, golden["heat_rows"]], golden["heat224"], atol=1e-4, rtol=0)
    assert heat.amin() == 0
    torch.testing.assert_close(heat.amax(dim=(1, 2)), torch.ones(4))


def test_min_max_is_per_map_and_bears_flat_maps():
    maps = torch.stack([torch.arange(4.0).view(2, 2), torch.full((2, 2), 7.0)])
    scaled = min_max(maps)
    torch.testing.assert_close(scaled[0], torch.arange(4.0).view(2, 2) / 3)
    assert scaled[1].abs().max() == 0


def test_picks_the_map_of_each_samples_class():
    cams = torch.arange(2 * 3 * 4.0).view(2, 3, 4, 1, 1).expand(2, 3, 4, 2, 2)
    picked = pick_class(cams, torch.tensor([1, 3]))
    assert picked.shape == (2, 3, 2, 2)
    assert picked[:, :, 0, 0].tolist() == [[1, 5, 9], [15, 19, 23]]
    assert pick_class(cams[:, 0], torch.tensor([0, 2]))[:, 1, 1].tolist() == [0, 14]
    torch.testing.assert_close(class_logits(cams), cams[..., 0, 0])


def test_concentration_is_the_variance_of_the_heat():
    spot = torch.zeros(1, 1, 14, 14)
    spot[..., 4, 9] = 1
    ends = torch.zeros(1, 1, 14, 14)
    ends[..., 7, 0] = ends[..., 7, 13] = 1
    flat = torch.zeros(1, 1, 14, 14)
    position = 2 * torch.arange(14.0) / 14 - 1
    uniform = 2 * position.var(correction=0)
    torch.testing.assert_close(concentration_loss(flat), uniform)
    assert concentration_loss(spot) < concentration_loss(ends)
    # 195 of 196 patches hold 0.001, one holds 1.001
    share = 0.196 / 1.196
    mean = position[[4, 9]] * (1 - share) + position.mean() * share
    square = position[[4, 9]] ** 2 * (1 - share) + (position**2).mean() * share
    torch.testing.assert_close(concentration_loss(spot), (square - mean**2).sum())
    both = torch.cat([spot, flat], dim=1)
    torch.testing.assert_close(concentration_loss(both), (concentration_loss(spot) + uniform) / 2)


def test_blocks_have_the_released_names_and_sizes():
    block, projection = conv_block(384, momentum=0.19), KeyProjection(384)
    assert sum(p.numel() for p in block.parameters()) == 2_656_512
    assert {name.split(".")[0] for name, _ in block.named_parameters()} == {"0", "1", "3", "4"}
    assert {block[1].momentum, block[4].momentum} == {0.19}
    assert projection.fc1.weight.shape == (1536, 384)
    maps = torch.randn(2, 384, 3, 5)
    alone = projection(maps[:, :, 1:2, 4:5])
    torch.testing.assert_close(projection(maps)[:, :, 1:2, 4:5], alone)


def test_learning_rates_follow_the_names():
    names = {
        "aff_proj.norm.weight": 1,
        "scam.0.bias": 2,
        "aff_proj.fc1.weight": 10,
        "aff_fc.bias": 20,
        "aff_classifier.weight": 1,
    }
    named = {name: torch.nn.Parameter(torch.zeros(())) for name in names}
    frozen = torch.nn.Parameter(torch.zeros(()), requires_grad=False)
    groups = parameter_groups([*named.items(), ("cluster.fc.weight", frozen)], 1e-3)
    found = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(found) == 5
    for name, factor in names.items():
        assert found[id(named[name])] == pytest.approx(factor * 1e-3)


def test_a_backbone_without_keys_is_refused():
    class Tokens(torch.nn.Module):
        spec = load_backbone("dinov2_vits14", 112).spec
        image_side = 112

    network = LoopTrans(LoopTransConfig(image_side=112), Tokens())
    with pytest.raises(InvalidInput, match="looptrans needs keys, which dinov2_vits14 does not"):
        network.features(torch.zeros(1, 3, 112, 112))
