"""SelectiveCL: which part of the object the images of its use point at."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from affordance_grasp.methods.selectivecl.config import SelectiveClConfig
from affordance_grasp.methods.selectivecl.parts import PartEvidence, discover_parts
from affordance_grasp.methods.shared.parts import foreground_mask


def scene(grid=8, views=2):
    """Keys 0 background, 1 and 2 two parts of one object, 3 what the exocentric images add.

    The ego image shows the parts as two bars; the exocentric images say that part 1 matters.
    """
    codes = functional.normalize(torch.eye(6)[:4] + 0.1, dim=1)
    ego = torch.zeros(grid, grid, dtype=torch.long)
    ego[1:4, 2:6], ego[4:7, 2:6] = 1, 2
    exo = torch.zeros(views, grid, grid, dtype=torch.long)
    exo[:, 2:5, 1:4], exo[:, 2:5, 5] = 1, 3
    relevance = (exo > 0) * 0.8 + torch.linspace(0, 0.1, grid)
    return PartEvidence(
        ego_keys=codes[ego].permute(2, 0, 1)[None],
        exo_keys=codes[exo].permute(0, 3, 1, 2)[None],
        ego_affinity=torch.full((1, grid, grid), 0.3),
        exo_affinity=torch.arange(views * grid**2).view(1, views, grid, grid) / 1000,
        relevance=relevance[None],
        foreground=(ego > 0)[None],
    ), ego


def test_the_part_that_overlaps_the_foreground_is_found_everywhere():
    evidence, ego = scene()
    rules = SelectiveClConfig(overlap=0.7)
    first_of_part, first_of_other = 0, 3
    initial = torch.tensor([[first_of_part, first_of_other, first_of_other]])
    parts = discover_parts(evidence, rules, initial)
    assert parts.reliable.tolist() == [True]
    assert parts.overlap[0].argmax() == 0
    assert parts.overlap[0, 0].item() == pytest.approx((1 + 24 / 24) / 2)
    assert parts.ego[0][ego == 1].min() > parts.ego[0][ego != 1].max() + 0.1
    assert parts.exo[0, :, 3, 2].min() > parts.exo[0, :, 6].max() + 0.1


def test_a_part_that_misses_the_foreground_leaves_the_affinities():
    evidence, ego = scene()
    initial = torch.tensor([[0, 3, 3]])
    elsewhere = replace(evidence, foreground=(ego == 0)[None])
    parts = discover_parts(elsewhere, SelectiveClConfig(overlap=0.9), initial)
    assert parts.reliable.tolist() == [False]
    assert torch.equal(parts.ego, evidence.ego_affinity)
    assert torch.equal(parts.exo, evidence.exo_affinity)


def test_too_few_relevant_patches_are_no_part():
    evidence, _ = scene()
    two = torch.zeros_like(evidence.relevance)
    two[0, :, 0, 0] = 1
    parts = discover_parts(replace(evidence, relevance=two), SelectiveClConfig(overlap=0.0))
    assert parts.reliable.tolist() == [False]
    assert parts.overlap.isnan().all()


def test_the_released_indexing_reads_one_row_and_the_top_row_of_keys():
    evidence, _ = scene()
    released = SelectiveClConfig(exo_indexing="released", overlap=2.0)
    parts = discover_parts(evidence, released)
    rows = evidence.exo_affinity.flatten(0, 1)[0, :2]
    torch.testing.assert_close(parts.exo[0], rows[:, None].expand(2, 8, 8))
    changed = evidence.exo_keys.clone()
    changed[:, :, :, 1:] = torch.randn_like(changed[:, :, :, 1:])
    torch.manual_seed(0)
    one = discover_parts(evidence, released)
    torch.manual_seed(0)
    other = discover_parts(replace(evidence, exo_keys=changed), released)
    torch.testing.assert_close(one.overlap, other.overlap, equal_nan=True)


def test_heads_vote_for_the_foreground():
    attention = torch.zeros(1, 3, 4, 4)
    attention[:, :, 1, 1] = 5.0
    attention[:, 0, 2, 2] = 1.0
    mask = foreground_mask(attention)[0]
    assert mask.nonzero().tolist() == [[1, 1], [2, 2]]
    assert not foreground_mask(torch.ones(1, 3, 4, 4)).any()
