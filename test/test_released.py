"""Released checkpoints: strictly read, and giving what their authors' code gives."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_networks import seeded_dino_tensors, seeded_tensors, seeded_training_batch
from seeded_weights import seeded_feature, seeded_image

from affordance_grasp.datasets.agd20k import HICO_IIF_AFFORDANCES, UNSEEN_AFFORDANCES
from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.grounding.comparison import (
    network_losses,
    raw_maps,
    training_losses,
    training_network,
)
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.methods.checkpoint import load_checkpoint, write_checkpoint
from affordance_grasp.methods.method import restore_network
from affordance_grasp.methods.released import read_official
from affordance_grasp.query.vocabulary import AFFORDANCES

GOLDEN = Path(__file__).parent / "golden"


def hollow(method, **changes):
    """A released checkpoint whose tensors are all zero, and small on disk."""
    shapes = json.loads((GOLDEN / f"{method}_keys.json").read_text())
    tensors = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    for name in tensors:
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.zeros((), dtype=torch.long)
    return {**tensors, **changes}


def written(path, tensors):
    torch.save(tensors, path)
    return path


@pytest.fixture(scope="module")
def looptrans(tmp_path_factory):
    """An imported checkpoint of seeded weights."""
    folder = tmp_path_factory.mktemp("official")
    shapes = json.loads((GOLDEN / "looptrans_keys.json").read_text())
    cluster, tensors = "cluster.", {}
    for name, shape in shapes.items():
        if not name.startswith("vit_model."):
            tensors[name] = seeded_tensors({name.removeprefix(cluster): shape}).popitem()[1]
    tensors |= {f"vit_model.{name}": tensor for name, tensor in seeded_dino_tensors().items()}
    stored = read_official(written(folder / "best.pth", tensors), "looptrans")
    path = folder / "imported.safetensors"
    write_checkpoint(path, stored)
    return path


def test_an_imported_checkpoint_grounds_as_the_released_code(looptrans):
    with np.load(GOLDEN / "looptrans_infer.npz") as stored:
        golden = dict(stored)
    grounder = load_grounder("looptrans", looptrans)
    assert grounder.affordances == AFFORDANCES
    assert grounder.info.training == {"imported_from": "best.pth"}
    verbs = [AFFORDANCES[k] for k in golden["labels"]]
    assert verbs == ["hold", "cut_with", "sit_on", "write"]
    for k, verb in enumerate(verbs[:2]):
        heatmap = grounder.ground(seeded_image(k), verb)
        np.testing.assert_allclose(heatmap.raw, golden["cam14"][k], atol=2e-5)
        heat = heatmap.values[golden["heat_rows"]]
        np.testing.assert_allclose(heat, golden["heat224"][k], atol=1e-4)


def test_raw_maps_of_plain_tensors_are_the_released_ones(looptrans):
    with np.load(GOLDEN / "looptrans_infer.npz") as stored:
        labels, expected = torch.from_numpy(stored["labels"]), torch.from_numpy(stored["cam14"])
    prepare = training_network(looptrans).prepare
    images = torch.cat([prepare(seeded_image(k)) for k in range(4)])
    torch.testing.assert_close(raw_maps(looptrans, images, labels), expected, atol=2e-5, rtol=0)


def test_the_backbone_that_a_checkpoint_brings_has_a_digest_of_its_own_weights(looptrans):
    stored = load_checkpoint(looptrans)
    name = "backbone.visual.blocks.3.mlp.fc1.bias"
    other = replace(stored, tensors={**stored.tensors, name: stored.tensors[name] + 1})
    digests = {restore_network(one, "it").present_backbone.sha256 for one in (stored, other)}
    assert len(digests) == 2 and "" not in digests


def test_losses_of_plain_tensors_are_the_released_ones(looptrans):
    batch = dict(zip(("ego", "exo", "label"), seeded_training_batch(), strict=True))
    with np.load(GOLDEN / "looptrans_train.npz") as stored:
        expected = {k: float(stored[k]) for k in stored.files if stored[k].size == 1}
    for name, value in training_losses(looptrans, batch, epoch=2).items():
        key = "A_total" if name == "total" else f"A_loss_{name}"
        assert value.item() == pytest.approx(expected[key], rel=1e-5), name


def test_losses_can_be_differentiated_and_a_wrong_batch_is_refused(looptrans):
    network = training_network(looptrans)
    packed = torch.randn(2, 198, 384)
    batch = {"ego": packed, "exo": packed[:, None], "label": torch.tensor([0, 35])}
    network_losses(network, batch)["total"].backward()
    assert network.aff_fc.weight.grad.abs().sum() > 0
    with pytest.raises(InvalidInput, match="batch of looptrans has other fields: .*'target'"):
        network_losses(network, {**batch, "target": packed})


def test_every_wrong_name_is_listed_as_the_file_has_it(tmp_path):
    tensors = hollow("looptrans", surplus=torch.zeros(1))
    for name in ("vit_model.norm.bias", "cluster.tokens.weight", "aff_proj.fc1.bias"):
        del tensors[name]
    tensors["scam.0.weight"] = torch.zeros(2, 2)
    with pytest.raises(CheckpointError) as refused:
        read_official(written(tmp_path / "odd.pth", tensors), "looptrans")
    sentence = str(refused.value)
    assert "official looptrans checkpoint" in sentence
    missing, unexpected, shape = sentence.split("; ")[1:]
    for name in ("vit_model.norm.bias", "cluster.tokens.weight", "aff_proj.fc1.bias"):
        assert name in missing
    assert unexpected == "unexpected: surplus"
    assert shape == "of another shape: scam.0.weight (2, 2) instead of (384, 384, 3, 3)"


def test_a_file_without_any_known_name_is_refused(tmp_path):
    path = written(tmp_path / "other.pth", {"a": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"missing: .* and 294 more; unexpected: a$"):
        read_official(path, "looptrans")
    with pytest.raises(UnknownName, match="known: plsp, looptrans"):
        read_official(path, "magic")


def test_nothing_is_unpickled_but_tensors(tmp_path):
    path = tmp_path / "hostile.pth"
    torch.save({"a": Path("x")}, path)
    with pytest.raises(CheckpointError, match="neither safetensors nor a PyTorch file of plain"):
        read_official(path, "looptrans")


def test_the_number_of_classes_names_the_split_or_the_names_are_given(tmp_path):
    def head(classes):
        return {
            "aff_fc.weight": torch.zeros(()).expand(classes + 15, 384, 1, 1),
            "aff_fc.bias": torch.zeros(classes + 15),
        }

    unseen = written(tmp_path / "unseen.pth", hollow("looptrans", **head(25)))
    stored = read_official(unseen, "looptrans")
    assert stored.info.affordances == UNSEEN_AFFORDANCES
    assert stored.info.config["classes"] == len(UNSEEN_AFFORDANCES) == 25
    assert (UNSEEN_AFFORDANCES[0], UNSEEN_AFFORDANCES[-1]) == ("carry", "wash")
    parallel = {f"module.{n}": t for n, t in hollow("looptrans", **head(10)).items()}
    hico = written(tmp_path / "hico.pth", {"model": parallel, "epoch": 3})
    assert read_official(hico, "looptrans").info.affordances == HICO_IIF_AFFORDANCES
    two = written(tmp_path / "two.pth", hollow("looptrans", **head(2)))
    assert read_official(two, "looptrans", ["pour", "cut"]).info.affordances == ("pour", "cut")
    with pytest.raises(InvalidInput, match="has 2 classes; name them .* 0 were given"):
        read_official(two, "looptrans")
    with pytest.raises(UnknownName, match="unknown affordance 'fly'"):
        read_official(two, "looptrans", ["fly", "cut"])


def test_plsp_comes_with_the_released_verb_features(tmp_path):
    wrapped = {"optimizer": {"lr": 1e-4}, "state_dict": hollow("plsp")}
    path = written(tmp_path / "bestKLD.ckpt", wrapped)
    features = {verb: torch.from_numpy(seeded_feature(verb))[None] for verb in AFFORDANCES}
    text = written(tmp_path / "verbs.pth", features)
    stored = read_official(path, "plsp", text_file=text)
    assert stored.text.shape == (36, 512)
    torch.testing.assert_close(stored.text[11], features["hold"][0])
    assert "verb_fuser.rd_pos_embed" not in stored.tensors
    assert "backbone.visual.proj" in stored.tensors
    with pytest.raises(InvalidInput, match="give the released file of verb features"):
        read_official(path, "plsp")
    del features["hold"]
    with pytest.raises(CheckpointError, match="no feature of 512 channels for hold$"):
        read_official(path, "plsp", text_file=written(text, features))
    wrapped["state_dict"].pop("verb_fuser.rd_pos_embed")
    with pytest.raises(CheckpointError, match=r"missing: verb_fuser\.rd_pos_embed$"):
        read_official(written(path, wrapped), "plsp", text_file=text)


def test_text_features_for_a_method_without_text_are_refused(tmp_path):
    path = written(tmp_path / "zero.pth", hollow("looptrans"))
    with pytest.raises(InvalidInput, match="given to a method that uses none"):
        read_official(path, "looptrans", text_file=path)


def test_what_no_grounder_would_load_is_not_imported(tmp_path):
    path = written(tmp_path / "zero.pth", hollow("looptrans"))
    with pytest.raises(InvalidInput, match="an affordance is named more than once"):
        read_official(path, "looptrans", ["hold"] * 36)
    bias = torch.zeros(36 + 15)
    bias[7] = torch.nan
    spoilt = written(tmp_path / "nan.pth", hollow("looptrans", **{"aff_fc.bias": bias}))
    with pytest.raises(CheckpointError, match="tensor aff_fc.bias holds NaN"):
        read_official(spoilt, "looptrans")
