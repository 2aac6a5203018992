from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file
from tiny_encoders import TINY_NETWORK, TinyEncoder

from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.learning.training.start import Start, start_from
from affordance_grasp.methods.checkpoint import TEXT_KEY, CheckpointInfo, save_checkpoint
from affordance_grasp.methods.method import make_network
from affordance_grasp.methods.shared.concept_clusters import ConceptClusters
from affordance_grasp.query.vocabulary import AFFORDANCES

KNOWN = ("cut_with", "hold", "pour")
NEW = ("hold", "hang_up")


def looptrans(classes, seed, **fields):
    torch.manual_seed(seed)
    backbone = load_backbone("dinov2_vits14", 28, pretrained=False)
    backbone.sha256 = "small"
    return make_network("looptrans", {"image_side": 28, "classes": classes, **fields}, backbone)


def stored(path, network, affordances, **changes):
    info = CheckpointInfo(
        network.name, asdict(network.config), "dinov2_vits14", "small", affordances, "none"
    )
    text = torch.zeros(len(affordances), network.config.text_dim)
    save_checkpoint(path, network, replace(info, **changes), text, half=False)
    return path


@pytest.fixture(scope="module")
def trained():
    return looptrans(3, 1)


def test_a_fine_tuned_network_keeps_all_that_does_not_depend_on_its_verbs(trained, tmp_path):
    network, path = looptrans(2, 2), stored(tmp_path / "a.safetensors", trained, KNOWN)
    fresh = network.aff_fc.weight[1].clone()
    digests = start_from(network, Start(path), NEW, "none")
    assert len(digests["checkpoint"]) == 64
    assert torch.equal(network.scam[0].weight, trained.scam[0].weight)
    assert torch.equal(network.aff_fc.weight[0], trained.aff_fc.weight[1])  # hold
    assert torch.equal(network.aff_fc.weight[1], fresh)  # a verb that it never learned
    assert torch.equal(network.aff_fc.weight[2:], trained.aff_fc.weight[3:])  # noise


def test_classes_are_told_apart_by_name_not_by_place(trained, tmp_path):
    network, path = looptrans(3, 2), stored(tmp_path / "a.safetensors", trained, KNOWN)
    start_from(network, Start(path), ("pour", "hold", "cut_with"), "none")
    assert torch.equal(network.aff_fc.bias[:3], trained.aff_fc.bias[[2, 1, 0]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"backbone_sha256": "b" * 64}, "another dinov2"), ({"method": "locate"}, "method locate")],
)
def test_another_backbone_or_method_is_refused(trained, tmp_path, changes, words):
    path = stored(tmp_path / "a.safetensors", trained, KNOWN, **changes)
    with pytest.raises(CheckpointError, match=words):
        start_from(looptrans(3, 2), Start(path), KNOWN, "none")


def test_a_network_of_another_size_is_refused(trained, tmp_path):
    path = stored(tmp_path / "a.safetensors", trained, KNOWN)
    with pytest.raises(CheckpointError, match=r"does not fit.*aff_ego_proj"):
        start_from(looptrans(3, 2, shared_cam=False), Start(path), KNOWN, "none")


def test_texts_of_another_encoder_are_refused(tmp_path):
    network = make_network("plsp", {**TINY_NETWORK, "classes": 36}, TinyEncoder("small"))
    path = stored(tmp_path / "a.safetensors", network, ("hold",), text_encoder="clip")
    with pytest.raises(CheckpointError, match="learned texts of encoder clip"):
        start_from(network, Start(path), AFFORDANCES, "minilm")
    path = stored(tmp_path / "b.safetensors", network, ("hold",), text_encoder="minilm")
    again = make_network("plsp", {**TINY_NETWORK, "classes": 36}, TinyEncoder("small"))
    start_from(again, Start(path), AFFORDANCES, "minilm")
    expected = network.state_dict()
    assert all(torch.equal(t, expected[n]) for n, t in again.state_dict().items())


def test_modules_that_only_some_configurations_have_may_lack_or_be_left_over(tmp_path):
    fields = {**TINY_NETWORK, "classes": 36}
    before = make_network("plsp", fields, TinyEncoder("small"))
    path = stored(tmp_path / "a.safetensors", before, ("hold",), text_encoder="minilm")
    added = {"map_loss": "logistic", "readout": True, "align_weight": 0.0, "exo_weight": 0.0}
    network = make_network("plsp", {**fields, **added}, TinyEncoder("small"))
    start_from(network, Start(path), AFFORDANCES, "minilm")
    assert torch.equal(network.token_projection.weight, before.token_projection.weight)
    assert not network.readout.direction.weight.any()
    torch.nn.init.ones_(network.readout.direction.weight)
    path = stored(tmp_path / "b.safetensors", network, ("hold",), text_encoder="minilm")
    again = make_network("plsp", {**fields, **added}, TinyEncoder("small"))
    start_from(again, Start(path), AFFORDANCES, "minilm")
    assert (again.readout.direction.weight == 1).all()


def test_clusters_that_nobody_trained_are_refused_and_released_ones_are_used(tmp_path):
    network = looptrans(3, 1, clusters="concepts")
    with pytest.raises(InvalidInput, match="module cluster .* would stay random.*--cluster"):
        start_from(network, Start(), KNOWN, "none")
    torch.manual_seed(5)
    module, path = ConceptClusters(384, 4), tmp_path / "cluster_seen.pth"
    torch.save(module.state_dict(), path)
    digests = start_from(network, Start(modules={"cluster": path}), KNOWN, "none")
    assert digests.keys() == {"cluster"}
    keys = torch.randn(2, 384, 4, 4)
    assert torch.equal(network.clusters(keys), module.labels(keys))
    path = stored(tmp_path / "a.safetensors", network, KNOWN)  # it brings its clusters along
    start_from(looptrans(3, 2, clusters="concepts"), Start(path), KNOWN, "none")


def test_weights_for_a_module_that_is_not_there_are_refused(trained, tmp_path):
    with pytest.raises(InvalidInput, match="has no module cluster"):
        start_from(trained, Start(modules={"cluster": tmp_path / "c.pth"}), KNOWN, "none")


def test_text_rows_are_stored_as_they_are_and_parameters_as_float16(tmp_path):
    network = make_network("plsp", {**TINY_NETWORK, "classes": 36}, TinyEncoder("small"))
    info = CheckpointInfo("plsp", asdict(network.config), "dinov2_vits14", "small", ("hold",), "a")
    text = torch.full((1, 384), 1 / 3)
    save_checkpoint(tmp_path / "a.safetensors", network, info, text)
    stored = load_file(tmp_path / "a.safetensors")
    assert torch.equal(stored[TEXT_KEY], text)
    assert stored["query_projection.weight"].dtype == torch.float16
