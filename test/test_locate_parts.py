"""LOCATE's part selection on a constructed scene whose part and figures are known."""

import pytest
import torch
from torch.nn import functional

from affordance_grasp.methods.shared.parts import foreground_mask, likeness, match_parts, part_iou

GRID = 8
CODES = functional.normalize(torch.eye(6)[:3] + 0.1, dim=1)
"""Keys of 0 background, 1 and 2 two parts of one object."""


def scene():
    """An egocentric image with two parts of 12 patches; relevant: 9 keys of part 1, 3 others."""
    ego = torch.zeros(GRID, GRID, dtype=torch.long)
    ego[1:4, 2:6], ego[4:7, 2:6] = 1, 2
    exo = torch.tensor([1] * 9 + [0] * 11)
    return ego, CODES[ego].permute(2, 0, 1)[None], CODES[exo][None], torch.arange(20)[None] < 12


def matched(foreground, initial=((0, 9, 9),), **settings):
    _, keys, exo, relevant = scene()
    settings = {"clusters": 3, "least_overlap": 0.6, **settings}
    return match_parts(exo, relevant, keys, foreground, initial=torch.tensor(initial), **settings)


def test_the_group_on_the_foreground_is_the_part():
    ego, *_ = scene()
    match = matched((ego == 1)[None])
    torch.testing.assert_close(match.centroid, CODES[1][None])
    assert match.reliable.tolist() == [True]
    assert match.overlap[0, 0].item() == pytest.approx(1)


def test_a_group_beside_the_foreground_is_not_reliable():
    ego, *_ = scene()
    match = matched((ego == 2)[None])
    assert match.reliable.tolist() == [False]
    expected = (0 / 12 + 12 / 24) / 2  # the second numerator is the whole foreground, as released
    assert match.overlap[0, 0].item() == pytest.approx(expected)
    assert matched((ego == 2)[None], least_overlap=0.2).reliable.tolist() == [True]


def test_fewer_relevant_keys_than_groups_choose_none():
    ego, keys, exo, _ = scene()
    few = torch.arange(exo.shape[1])[None] < 2
    match = match_parts(exo, few, keys, (ego == 1)[None], clusters=3, least_overlap=0.0)
    assert match.reliable.tolist() == [False]
    assert match.overlap.isnan().all()


def test_initial_keys_are_counted_among_the_relevant_ones():
    ego, keys, exo, relevant = scene()
    order = torch.arange(exo.shape[1] - 1, -1, -1)  # background first
    turned = match_parts(
        exo[:, order],
        relevant[:, order],
        keys,
        (ego == 1)[None],
        clusters=3,
        least_overlap=0.6,
        initial=torch.tensor([[3, 0, 0]]),
    )
    torch.testing.assert_close(turned.centroid, matched((ego == 1)[None]).centroid)


def test_likeness_is_the_cosine_whatever_the_length_of_keys():
    _, keys, *_ = scene()
    maps = likeness(CODES[None, 1:2], 5 * keys)
    assert maps[0, 0, 1, 2].item() == pytest.approx(1)
    assert maps[0, 0, 0, 0].item() == pytest.approx(float(CODES[0] @ CODES[1]))


def test_part_iou_of_a_part_that_covers_half_of_the_foreground():
    likeness = torch.zeros(1, 1, 4, 4)
    likeness[0, 0, :2] = 1
    foreground = torch.zeros(1, 4, 4, dtype=torch.bool)
    foreground[0, 1:] = True
    assert part_iou(likeness, foreground).item() == pytest.approx((4 / 8 + 12 / 16) / 2)


def test_foreground_is_what_most_heads_look_at():
    attention = torch.zeros(1, 3, 4, 4)
    attention[0, 0, :2], attention[0, 1, 1], attention[0, 2, 1, 0] = 1, 1, 1
    mask = foreground_mask(attention)[0]
    assert mask[1].all()
    assert mask[0].all()  # one vote of three lies above the mean vote, 13 of 48
    assert not mask[2:].any()
