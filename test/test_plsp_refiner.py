"""The refinement loss: known answers, and that it finds what exocentric images do not show."""

from dataclasses import replace

import pytest
import torch
from tiny_encoders import TinyEncoder
from torch.nn import functional

from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.plsp.refiner import Refiner, RefinerBatch, RefinerConfig

TINY = RefinerConfig(dim=32, text_dim=24, decoder_heads=2, decoder_depth=1, mlp_ratio=2.0)
GRID, SIDE, DIM = 16, 224, 384


class Told(Refiner):
    """A refiner that predicts what it is told: probabilities (B, 64, 64)."""

    def __init__(self, config, told):
        super().__init__(config)
        self.told = told

    def forward(self, images, part):
        return torch.logit(self.told, eps=1e-6)


def features(*patterns):
    """Patch features (1, 256, 384): channel i is one where pattern i (16, 16) is true."""
    crop = torch.zeros(1, GRID, GRID, DIM)
    for channel, pattern in enumerate(patterns):
        crop[0, :, :, channel] = pattern
    return crop.flatten(1, 2)


def unit(channel):
    return functional.one_hot(torch.tensor(channel), DIM).float()


def make_batch(box, crop, exo, valid=(1.0,)):
    return RefinerBatch(
        ego=torch.zeros(1, 257, DIM),
        part=torch.zeros(1, 24),
        boxes=torch.tensor([box], dtype=torch.float32),
        crop=crop,
        exo=torch.stack(exo)[None],
        valid=torch.tensor([valid]),
    )


LEFT = torch.zeros(GRID, GRID, dtype=torch.bool)
LEFT[:, : GRID // 2] = True


def halves(left, right):
    told = torch.full((1, 64, 64), right)
    told[:, :, :32] = left
    return told


@pytest.mark.parametrize("crop_mask", ["squashed", "padded"])
def test_what_is_predicted_is_left_out_of_the_comparison(crop_mask):
    config = replace(TINY, crop_mask=crop_mask)
    batch = make_batch([0, 0, SIDE, SIDE], features(LEFT, ~LEFT), [unit(0)])
    for told, expected in ((halves(0.0, 1.0), 0.0), (halves(1.0, 0.0), 1.0)):
        terms = Told(config, told).loss(batch, epoch=0)
        assert float(terms["likeness"]) == pytest.approx(expected, abs=1e-4)
        assert float(terms["total"]) == pytest.approx(4 * expected, abs=4e-4)
    even = Told(config, halves(0.5, 0.5)).loss(batch, epoch=0)["likeness"]
    assert float(even) == pytest.approx(1 - 2**-0.5, abs=1e-4)


def test_only_the_prediction_inside_the_object_box_counts():
    box = [120, 10, 200, 90]  # within the right half
    batch = make_batch(box, features(LEFT, ~LEFT), [unit(0)])
    one, other = (
        Told(TINY, halves(left, 0.0)).loss(batch, epoch=0)["likeness"] for left in (0.0, 1.0)
    )
    torch.testing.assert_close(one, other)


def test_flat_box_is_padded_like_its_crop_or_squashed_as_released():
    box = [0, 56, SIDE, 168]  # twice as wide as high: the crop has 4 empty rows above and below
    shown = torch.zeros(GRID, GRID, dtype=torch.bool)
    shown[4:12] = True
    upper = torch.zeros(GRID, GRID, dtype=torch.bool)
    upper[4:8] = True
    told = torch.zeros(1, 64, 64)
    told[:, :32] = 1.0  # the upper half of the box
    batch = make_batch(box, features(upper, shown & ~upper, ~shown), [unit(1)])
    padded = Told(replace(TINY, crop_mask="padded"), told).loss(batch, epoch=0)["likeness"]
    assert float(padded) == pytest.approx(0.0, abs=1e-4)
    squashed = Told(TINY, told).loss(batch, epoch=0)["likeness"]
    assert float(squashed) == pytest.approx(1 - 2**-0.5, abs=1e-3)  # lower part and padding alike


def test_missing_exo_images_do_not_count():
    told, crop = halves(0.0, 1.0), features(LEFT, ~LEFT)
    box = [0, 0, SIDE, SIDE]
    some = make_batch(box, crop, [unit(0), unit(1), unit(1)], valid=(1.0, 0.0, 1.0))
    assert float(Told(TINY, told).loss(some, epoch=0)["likeness"]) == pytest.approx(0.5, abs=1e-4)
    none = make_batch(box, crop, [torch.zeros(DIM)], valid=(0.0,))
    assert float(Told(TINY, told).loss(none, epoch=0)["total"]) == 0


def test_query_is_the_cls_token_plus_the_text_of_the_part():
    torch.manual_seed(0)
    network = Refiner(TINY).eval()
    queries = []
    network.pred_decoder.register_forward_pre_hook(lambda _, inputs: queries.append(inputs))
    tokens, part = torch.randn(2, 257, DIM), torch.randn(2, 24)
    assert network(tokens, part).shape == (2, 64, 64)
    ((query, visual),) = queries
    projected = network.query_projection(part)
    torch.testing.assert_close(query[:, 0], visual[:, 0] + projected)
    maps = network.maps(tokens[:1], part, torch.zeros(2))
    assert maps.shape == (2, SIDE, SIDE)
    assert 0 < float(maps.detach().min()) < float(maps.detach().max()) < 1


def test_frozen_features_get_no_gradient_and_a_trained_encoder_learns_slowly():
    network = Refiner(TINY, TinyEncoder())
    assert [group["lr"] for group in network.parameter_groups(1e-4)] == [1e-4]
    trained = replace(TINY, train_backbone=True)
    encoder = TinyEncoder()
    encoder.gain = torch.nn.Parameter(torch.ones(()))
    groups = Refiner(trained, encoder).parameter_groups(1e-4)
    assert [group["lr"] for group in groups] == [1e-4, pytest.approx(1e-5)]
    assert groups[1]["params"] == [encoder.gain]


def test_paper_configuration_has_the_published_sizes():
    network = Refiner(RefinerConfig.paper())
    assert network.grid == 14
    assert isinstance(network.token_projection, torch.nn.Identity)
    assert isinstance(network.query_projection, torch.nn.Identity)
    decoder = sum(p.numel() for p in network.pred_decoder.parameters())
    assert decoder == pytest.approx(12.2e6, rel=0.01)
    assert sum(p.numel() for p in network.parameters()) == decoder


def test_it_learns_to_leave_out_what_the_exo_images_do_not_show():
    """Objects of two kinds of patch; the exocentric ones never show the second kind."""
    torch.manual_seed(0)
    network = Refiner(TINY).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    kinds = functional.normalize(torch.randn(2, DIM), dim=1) * 5
    for _ in range(40):
        part = torch.zeros(2, GRID, GRID, dtype=torch.bool)
        for mask, (top, left) in zip(part, torch.randint(0, 10, (2, 2)), strict=True):
            mask[top : top + 6, left : left + 6] = True
        patches = kinds[part.long().flatten(1)]
        batch = RefinerBatch(
            ego=torch.cat([patches.mean(dim=1, keepdim=True), patches], dim=1),
            part=torch.zeros(2, 24),
            boxes=torch.tensor([[0.0, 0, SIDE, SIDE]]).expand(2, -1),
            crop=patches,
            exo=kinds[0].expand(2, 1, -1),
            valid=torch.ones(2, 1),
        )
        optimizer.zero_grad()
        network.loss(batch, epoch=0)["total"].backward()
        optimizer.step()
    with torch.inference_mode():
        maps = functional.adaptive_avg_pool2d(network(batch.ego, batch.part).sigmoid(), GRID)
    assert maps[part].mean() > maps[~part].mean() + 0.3


def test_sizes_and_names_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="multiple of 16"):
        RefinerConfig(dim=100)
    with pytest.raises(InvalidInput, match="crop_mask is 'stretched'; it must be one of"):
        RefinerConfig(crop_mask="stretched")
