"""LOCATE: losses by hand, where gradients go, groups of parameters, what it answers."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.locate.config import LocateBatch, LocateConfig
from affordance_grasp.methods.locate.losses import prototype_loss
from affordance_grasp.methods.locate.network import Locate
from affordance_grasp.methods.released import find_format
from affordance_grasp.methods.shared.class_maps import KeyFeatures
from affordance_grasp.methods.shared.parts import PartMatch

SMALL = LocateConfig(image_side=56, classes=3)
GRID, DIM = 4, 384


def part(centroid, reliable):
    return PartMatch(centroid, torch.tensor(reliable), torch.zeros(len(centroid), 3))


def make_batch(count=3, views=2):
    generator = torch.Generator().manual_seed(5)
    packed = (2 + GRID**2, DIM)
    return LocateBatch(
        ego=torch.randn(count, *packed, generator=generator),
        exo=torch.randn(count, views, *packed, generator=generator),
        label=torch.arange(count) % SMALL.classes,
        initial=torch.arange(SMALL.clusters).expand(count, -1),
    )


def test_prototype_loss_is_the_hinge_on_the_cosine_of_weighted_keys():
    keys = torch.zeros(2, 3, 1, 2)
    keys[:, 0, 0, 0], keys[:, 1, 0, 1] = 1, 1  # two patches along the first and second axis
    cam = torch.tensor([[[5.0, 1.0]], [[1.0, 5.0]]])  # min-max: the one patch, then the other
    first = torch.eye(3)[[0, 0]]
    both = prototype_loss(cam, keys, part(first, [True, True]), margin=0.5)
    assert both.item() == pytest.approx((0 + (1 - 0 - 0.5)) / 2)
    assert prototype_loss(cam, keys, part(first, [True, False]), 0.5).item() == 0
    assert prototype_loss(cam, keys, part(first, [False, True]), 0.5).item() == pytest.approx(0.5)
    diagonal = functional.normalize(torch.tensor([[1.0, 1.0, 0.0]] * 2), dim=1)
    hinge = 1 - 2**-0.5 - 0.1
    found = prototype_loss(cam, keys, part(diagonal, [True, True]), margin=0.1)
    assert found.item() == pytest.approx(hinge)


def test_without_a_reliable_part_there_is_no_loss_and_a_gradient_of_zero():
    cam = torch.randn(2, 4, 4, requires_grad=True)
    nothing = part(torch.zeros(2, 5), [False, False])
    loss = prototype_loss(cam, torch.randn(2, 5, 4, 4), nothing, 0.5)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(cam.grad, torch.zeros_like(cam))


def test_the_total_is_the_weighted_sum_and_parts_guide_from_the_second_epoch_on():
    torch.manual_seed(0)
    network = Locate(replace(SMALL, overlap=0.0)).train()
    batch = make_batch()
    first, second = network.loss(batch, 0), network.loss(batch, 1)
    assert first["proto"].item() == 0
    assert second["proto"].item() > 0.1
    for terms in (first, second):
        expected = terms["cls"] + terms["proto"] + 0.07 * terms["con"]
        torch.testing.assert_close(terms["total"], expected)
    at_once = Locate(replace(SMALL, overlap=0.0, warm_epochs=0)).train()
    at_once.load_state_dict(network.state_dict())
    torch.testing.assert_close(at_once.loss(batch, 0)["proto"], second["proto"])


def test_classification_counts_the_views_on_average_and_concentration_the_egocentric_maps():
    torch.manual_seed(0)
    network, batch = Locate(SMALL).train(), make_batch()
    ego, exo = network.features(batch.ego).keys, network.exo_keys(batch.exo)
    ego_logits = network.ego_cams(ego).mean(dim=(2, 3))
    exo_logits = network.exo_cams(exo).mean(dim=(3, 4))
    each = [functional.cross_entropy(exo_logits[:, n], batch.label) for n in range(2)]
    expected = functional.cross_entropy(ego_logits, batch.label) + sum(each) / 2
    torch.testing.assert_close(network.loss(batch, 0)["cls"], expected)


def reached(network, loss):
    network.zero_grad()
    loss.backward()
    named = network.named_parameters()
    return {n.split(".")[0] for n, p in named if p.grad is not None and p.grad.abs().sum() > 0}


def test_gradients_reach_what_each_loss_is_about():
    torch.manual_seed(0)
    network, batch = Locate(replace(SMALL, overlap=0.0)).train(), make_batch()
    egocentric = {"aff_proj", "aff_ego_proj", "aff_fc"}
    assert reached(network, network.loss(batch, 1)["proto"]) == egocentric
    assert reached(network, network.loss(batch, 1)["con"]) == egocentric
    assert reached(network, network.loss(batch, 1)["cls"]) == egocentric | {"aff_exo_proj"}


def test_exocentric_maps_choose_the_part_and_carry_no_gradient():
    exo = torch.zeros(1, 2, DIM, GRID, GRID)
    exo[:, :, 0], exo[:, :, 0, :, 2:], exo[:, :, 1, :, 2:] = 1, 0, 1  # two halves, two keys
    right = torch.zeros(1, 2, GRID, GRID, requires_grad=True)
    cam = right + torch.tensor([0.0, 0.5, 1.0, 0.7])
    ego = KeyFeatures(exo[:, 0], torch.ones(1, 6, GRID**2))
    network = Locate(replace(SMALL, overlap=0.0))
    initial = torch.zeros(1, SMALL.clusters, dtype=torch.long)
    match = network.find_part(ego, exo, cam, initial)
    assert not match.centroid.requires_grad
    assert torch.equal(match.centroid[0], torch.eye(DIM)[1])
    assert torch.equal(network.find_part(ego, exo, -cam, initial).centroid[0], torch.eye(DIM)[0])


def test_parameters_are_grouped_by_name():
    groups = Locate(SMALL).parameter_groups(1e-3)
    rates = {round(group["lr"] / 1e-3): len(group["params"]) for group in groups}
    # x10 and x20: fc1, fc2 and the classifier aff_fc; x1 and x2: the norm, both conv blocks
    assert rates == {10: 3, 20: 3, 1: 9, 2: 9}


def test_maps_are_the_signed_maps_of_the_queries_classes():
    network, batch = Locate(SMALL).eval(), make_batch(count=1)
    with torch.inference_mode():
        cams = network.ego_cams(network.features(batch.ego).keys)
        maps = network.maps(batch.ego, torch.empty(2, 0), torch.tensor([2, 0]))
        heat = network.heatmaps(maps)
    assert torch.equal(maps, cams[0, [2, 0]])
    assert maps.min() < 0
    assert heat.shape == (2, 56, 56)
    torch.testing.assert_close(heat.amin(dim=(1, 2)), torch.zeros(2))
    torch.testing.assert_close(heat.amax(dim=(1, 2)), torch.ones(2))


def test_the_paper_configuration_has_the_released_sizes():
    network = Locate(LocateConfig.paper())
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(6.51e6, rel=2e-3)
    form = find_format("locate")
    assert form.own_name("vit_model.blocks.0.norm1.weight").startswith("backbone.visual.blocks")
    assert form.config({"aff_fc.bias": torch.zeros(25)})["classes"] == 25
    assert network.config.backbone == "dino_vits16"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_side": 50}, "multiple of the patch size"),
        (
            {"backbone": "clip_vitb16", "image_side": 64},
            "attention of dino_vits16 or dinov2_vits14",
        ),
        ({"clusters": 1}, "clusters is 1"),
        ({"classes": 0}, "classes is 0"),
        ({"warm_epochs": -1}, "warm_epochs is -1"),
    ],
    ids=str,
)
def test_configurations_that_make_no_network_are_refused(change, words):
    with pytest.raises(InvalidInput, match=words):
        replace(SMALL, **change)
