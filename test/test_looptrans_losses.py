"""LoopTrans: known answers of the losses."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from affordance_grasp.methods.looptrans.losses import (
    correlation_loss,
    denoising_loss,
    dice_loss,
    pseudo_mask,
)
from affordance_grasp.methods.shared.class_maps import classification_loss


def test_classification_counts_ego_once_and_exo_on_average():
    cams = torch.randn(2, 4, 5, 3, 3)
    label = torch.tensor([1, 4])
    each = [functional.cross_entropy(cams[:, n].mean(dim=(2, 3)), label) for n in range(4)]
    expected = each[0] + sum(each) / 4
    torch.testing.assert_close(
        classification_loss(cams[:, 0], label) + classification_loss(cams, label), expected
    )


def test_dice_of_the_mask_itself_is_zero_and_of_its_complement_nearly_one():
    mask = torch.zeros(1, 4, 4)
    mask[0, :2] = 1
    assert dice_loss(mask, mask) == 0
    assert dice_loss(1 - mask, mask).item() == pytest.approx(1 - 1 / 17)
    both = torch.cat([mask, 1 - mask])
    assert dice_loss(both, mask.expand(2, -1, -1)).item() == pytest.approx(8 / 17)


def test_correlation_asks_for_the_same_pattern_not_the_same_scale():
    maps = torch.randn(2, 5, 4, 4)
    same = torch.stack([maps, maps], dim=1)
    torch.testing.assert_close(correlation_loss(maps, 3 * same), torch.zeros(()))
    one, other = torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 2, 1, 1)
    one[0, 0] = other[0, 0, 1] = 1.0  # each uses a channel that the other leaves alone
    assert correlation_loss(one, other) == 1


def test_distillation_is_the_soft_minimum_over_noise_heads():
    keys = torch.zeros(1, 2, 1, 2)
    keys[0, 0, 0, 0] = keys[0, 1, 0, 1] = 1.0  # the two patches have orthogonal keys
    exo = torch.zeros(1, 1, 3, 1, 2)
    exo[0, 0, 0, 0, 0] = 5.0  # the class looks at the first patch
    exo[0, 0, 1, 0, 1] = 1.0  # noise at the other patch
    exo[0, 0, 2, 0, 0] = -1.0  # noise against the first patch
    pixel = torch.tensor([[[2.0, 0.0]]])
    arguments = (exo, pixel, keys[:, None], keys, torch.tensor([0]))
    expected = np.log(1 + np.exp(0 - 1) + np.exp(-1 - 1))
    assert denoising_loss(*arguments, noise=2).item() == pytest.approx(expected, rel=1e-5)
    colder = np.log(1 + np.exp(-1 / 0.1) + np.exp(-2 / 0.1))
    found = denoising_loss(*arguments, noise=2, temperature=0.1).item()
    assert found == pytest.approx(colder, rel=1e-2)


class TestPseudoMask:
    clusters = torch.tensor([[0, 0, 1, 1, 1, 2, 2, 2, 2]])
    cam = torch.tensor([[1.0, 1.0, 0.95, 0, 0, 0.93, 0.93, 0, 0]]).view(1, 3, 3)
    saliency = torch.tensor([[0.9, 0.9, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1]]).view(1, 3, 3)

    def chosen(self, saliency=None, clusters=None, count=3, **changes):
        mask = pseudo_mask(
            self.cam,
            self.clusters if clusters is None else clusters,
            self.saliency if saliency is None else saliency,
            count=count,
            threshold=changes.pop("threshold", 0.92),
            **changes,
        )
        return mask.flatten().nonzero()[:, 0].tolist()

    def test_is_the_cluster_of_highest_overlap(self):
        assert self.chosen() == [0, 1]  # IoU 2/5; the background has 2/7, the rest 1/7

    def test_the_least_salient_cluster_cannot_win(self):
        dark = 1 - self.saliency
        assert self.chosen(dark) == [5, 6, 7, 8]
        assert self.chosen(dark, exclude_background=False) == [0, 1]

    def test_an_empty_cluster_takes_the_place_of_the_background(self):
        assert self.chosen(1 - self.saliency, count=4) == [0, 1]

    def test_only_what_exceeds_the_threshold_is_hot(self):
        assert self.chosen(1 - self.saliency, threshold=0.94) == [2, 3, 4]
