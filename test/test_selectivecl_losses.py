"""SelectiveCL: known answers of the losses."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from affordance_grasp.methods.selectivecl.losses import Prototypes, pixel_loss, prototype_loss


def test_prototype_loss_of_one_sample_is_its_softmax_over_view_and_backgrounds():
    x, y = torch.eye(4)[:1], torch.eye(4)[1:2]
    prototypes = Prototypes(anchor=x, ego=x, exo=x[None], ego_background=y, exo_background=y[None])
    loss = prototype_loss(prototypes, torch.tensor([3]), 0.5)
    share = np.exp(2) / (np.exp(2) + 2)
    assert loss.item() == pytest.approx(-0.5 / 0.07 * np.log(share), rel=1e-6)


def plain_prototype_loss(p, label, temperature):
    """The definition, one comparison at a time."""
    total = 0.0
    views = p.exo.shape[1]
    for b in range(len(label)):

        def closeness(vector, b=b):
            return torch.exp(p.anchor[b] @ vector / temperature)

        relevant = [(label[j], p.ego[j]) for j in range(len(label)) if j != b]
        relevant += [(label[j], p.exo[j, e]) for j in range(len(label)) for e in range(views)]
        others = [p.ego_background[j] for j in range(len(label)) if label[j] == label[b]]
        others += [
            p.exo_background[j, e]
            for j in range(len(label))
            for e in range(views)
            if label[j] == label[b]
        ]
        denominator = sum(closeness(v) for _, v in relevant) + sum(closeness(v) for v in others)
        shares = [torch.log(closeness(v) / denominator) for k, v in relevant if k == label[b]]
        total -= sum(shares) / len(shares)
    return temperature / 0.07 * total / len(label)


def test_prototype_loss_is_the_plain_sum_over_pairs():
    torch.manual_seed(1)
    vectors = {
        name: functional.normalize(torch.randn(4, *middle, 6), dim=-1)
        for name, middle in (
            ("anchor", ()),
            ("ego", ()),
            ("exo", (2,)),
            ("ego_background", ()),
            ("exo_background", (2,)),
        )
    }
    label = torch.tensor([1, 0, 1, 2])
    loss = prototype_loss(Prototypes(**vectors), label, 0.5)
    expected = plain_prototype_loss(Prototypes(**vectors), label, 0.5)
    torch.testing.assert_close(loss, expected)


def plain_pixel_loss(features, group, anchors, temperature):
    """The definition, one comparison at a time."""
    images = []
    for feature, kinds, chosen in zip(
        functional.normalize(features, dim=1), group, anchors, strict=True
    ):
        closeness = torch.exp(feature.T @ feature / temperature)
        terms = []
        for p in chosen.nonzero()[:, 0].tolist():
            others = [q for q in range(len(kinds)) if q != p]
            alike = [q for q in others if kinds[q] == kinds[p]]
            if alike:
                denominator = sum(closeness[p, q] for q in others)
                shares = [torch.log(closeness[p, q] / denominator) for q in alike]
                terms.append(sum(shares) / len(shares))
        images.append(sum(terms) / len(terms) if terms else torch.zeros(()))
    return -temperature / 0.07 * sum(images) / len(images)


def test_pixel_loss_is_the_plain_sum_over_pairs_and_drops_anchors_without_positives():
    torch.manual_seed(2)
    features = torch.randn(3, 5, 9)
    group = torch.rand(3, 9) > 0.5
    group[1] = torch.arange(9) == 4
    anchors = torch.rand(3, 9) > 0.4
    anchors[1, 4] = True
    anchors[2] = False
    loss = pixel_loss(features, group, anchors, 0.5)
    torch.testing.assert_close(loss, plain_pixel_loss(features, group, anchors, 0.5))
