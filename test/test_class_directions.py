"""Directions that tell the classes of images apart: known clouds, real views, empty classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affordance_grasp.datasets.agd20k import ImageFile
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.selectivecl.class_directions import (
    class_directions,
    ridge_directions,
)
from affordance_grasp.methods.selectivecl.config import SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl

CONFIG = SelectiveClConfig(image_side=56, classes=2, affinity="class_contrast")


def two_classes(shift):
    """Clouds in three channels that differ by ``shift`` along the first, in units of spread."""
    noise = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    second = torch.arange(400) % 2
    noise[:, 0] += shift * second
    return noise * torch.tensor([1.0, 5.0, 2.0]), torch.nn.functional.one_hot(second, 2)


def test_directions_point_from_the_other_classes_to_the_own():
    rows = ridge_directions(*two_classes(4.0))
    torch.testing.assert_close(rows[1], torch.tensor([1.0, 0, 0]), atol=0.1, rtol=0)
    torch.testing.assert_close(rows[0], -rows[1])


def test_a_class_without_samples_has_no_direction():
    features, classes = two_classes(4.0)
    rows = ridge_directions(features, torch.cat([classes, torch.zeros(400, 1).long()], dim=1))
    assert torch.equal(rows[2], torch.zeros(3))
    torch.testing.assert_close(rows[:2].norm(dim=1), torch.ones(2))


class Keys:
    """Two views of every image, packed keys that hold the number in its name plus the view's."""

    def views_of(self, path, rng):
        return (0, 1)

    def read(self, path, view):
        rows = np.random.default_rng(int(path.stem)).normal(size=(18, 384)).astype(np.float32)
        rows[2:, 7] += 4.0 if path.parent.name == "hold" else 0.0
        return rows + 0.01 * view


def pictures(affordance, count):
    return [ImageFile(affordance, "mug", Path(f"{affordance}/{i}.jpg")) for i in range(count)]


def test_images_of_a_verb_are_told_by_the_channel_in_which_they_differ():
    network = SelectiveCl(CONFIG, load_backbone("dinov2_vits14", 56))
    rng = np.random.default_rng(0)
    asked = pictures("hold", 40) + pictures("cut", 40)
    rows = class_directions(network, asked, Keys(), ("cut", "hold", "pour"), rng)
    assert rows.shape == (3, 384)
    assert rows[1].argmax() == 7 and rows[0].argmin() == 7
    assert not rows[2].any()


def test_no_images_no_directions():
    network = SelectiveCl(CONFIG, load_backbone("dinov2_vits14", 56))
    with pytest.raises(InvalidInput, match="directions of classes need images"):
        class_directions(network, [], Keys(), ("hold",), np.random.default_rng(0))
