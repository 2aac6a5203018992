"""LoopTrans: figures of the released code, computed with the same seeded weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_networks import seeded_dino, seeded_tensors, seeded_training_batch
from seeded_weights import seeded_image

from affordance_grasp.methods.looptrans.config import LoopTransBatch, LoopTransConfig
from affordance_grasp.methods.looptrans.network import LoopTrans

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def released():
    shapes = json.loads((GOLDEN / "looptrans_keys.json").read_text())
    own = {n: s for n, s in shapes.items() if not n.startswith(("vit_model.", "cluster."))}
    bare = {n.removeprefix("cluster."): s for n, s in shapes.items() if n.startswith("cluster.")}
    state = {**seeded_tensors(own), **_prefixed("cluster.", seeded_tensors(bare))}
    dino = _prefixed("backbone.", seeded_dino().state_dict())
    network = LoopTrans(replace(LoopTransConfig.paper(), clusters="concepts"), seeded_dino())
    return network, {**state, **dino}


def _prefixed(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


def test_paper_network_gives_the_released_maps(released):
    network, state = released
    network.load_state_dict(state)
    network.eval()
    with np.load(GOLDEN / "looptrans_infer.npz") as stored:
        golden = {name: torch.from_numpy(stored[name]) for name in stored.files}
    images = torch.cat([network.prepare(seeded_image(k)) for k in range(4)])
    with torch.inference_mode():
        cams = network.pixel_cams(network.features(images).keys)
        alone = network.maps(network.tokens(images[:1]), torch.empty(1, 0), golden["labels"][:1])
    found = cams[torch.arange(4), golden["labels"]]
    torch.testing.assert_close(found, golden["cam14"], atol=2e-5, rtol=0)
    torch.testing.assert_close(alone, golden["cam14"][:1], atol=2e-5, rtol=0)
    torch.testing.assert_close(cams[:2, -15:], golden["noise14"], atol=2e-5, rtol=0)


@pytest.fixture(scope="module")
def step():
    """The released training batch and what the released code makes of it."""
    with np.load(GOLDEN / "looptrans_train.npz") as stored:
        expected = {name: torch.from_numpy(np.asarray(stored[name])) for name in stored.files}
    images_ego, images_exo, classes = seeded_training_batch()
    backbone = seeded_dino()
    with torch.inference_mode():
        ego, exo = backbone.keys(images_ego), backbone.keys(images_exo.flatten(0, 1))
    return LoopTransBatch(ego.clone(), exo.clone().unflatten(0, (3, 3)), classes), expected


def test_paper_clusters_are_the_released_ones(released, step):
    network, state = released
    network.load_state_dict(state)
    batch, expected = step
    keys = network.features(batch.ego).keys
    similarity = network.cluster(keys)
    torch.testing.assert_close(similarity, expected["A_cluster_similarity"], atol=2e-5, rtol=0)
    assert torch.equal(network.clusters(keys), expected["A_cluster_labels"].long())


@pytest.mark.parametrize("case", ["A", "B"])
def test_paper_maps_in_training_are_the_released_ones(released, step, case):
    network, state = released
    network.load_state_dict(state)
    network.train()
    batch, expected = step
    ego, exo = network.features(batch.ego), network.features(batch.exo.flatten(0, 1))
    output = network(ego.keys, exo.keys.unflatten(0, (3, 3)))
    for name, found in (("G_exo", output.exo), ("G_ego", output.ego), ("P", output.pixel)):
        row = expected[f"{name}_row_of_cells"]
        torch.testing.assert_close(found[..., 7, :], row, atol=2e-5, rtol=0)
    known = replace(batch, clusters=expected[f"{case}_cluster_labels"].long())
    mask = network._mask(ego, output.ego, known)
    assert torch.equal(mask.bool(), expected[f"{case}_M_ego"])


@pytest.mark.parametrize("case", ["A", "B"])
def test_a_training_step_is_the_released_one(released, step, case):
    network, state = released
    network.load_state_dict(state)
    network.train().zero_grad()
    batch, expected = step
    if case == "B":
        batch = replace(batch, clusters=expected["B_cluster_labels"].long())
    terms = network.loss(batch, 0)
    for name, value in terms.items():
        key = f"{case}_total" if name == "total" else f"{case}_loss_{name}"
        assert value.item() == pytest.approx(expected[key].item(), rel=1e-5), name
    terms["total"].backward()
    parameters = dict(network.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    optimiser = torch.optim.SGD(
        network.parameter_groups(1e-3), momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    optimiser.step()
    compared = 0
    for key, value in expected.items():
        kind, _, name = key.removeprefix(f"{case}_").partition("/")
        if not key.startswith(f"{case}_") or not name:
            continue
        compared += 1
        if kind == "gradnorm":
            norm = parameters[name].grad.norm().item()
            assert norm == pytest.approx(value.item(), rel=5e-4), name
        elif kind == "stepnorm":
            moved = (parameters[name] - before[name]).norm().item()
            assert moved == pytest.approx(value.item(), rel=1e-3), name
        else:
            torch.testing.assert_close(network.state_dict()[name], value, atol=2e-5, rtol=0)
    assert compared == 21
