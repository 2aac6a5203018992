import json

import pytest
import torch
from agd20k_tree import write_tree
from torch.nn import functional

from affordance_grasp.cli import main
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.training.clusters import ClusterTraining, train_clusters
from affordance_grasp.learning.training.start import Start, start_from
from affordance_grasp.methods import method as methods
from affordance_grasp.methods.method import make_network
from affordance_grasp.methods.shared.concept_clusters import ConceptClusters, modularity_loss

TWO_PAIRS = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]).T.reshape(1, 2, 2, 2)


@pytest.mark.parametrize(
    ("groups", "modularity"),
    [([0, 0, 1, 1], 0.5), ([0, 0, 0, 0], 0.0), ([0, 1, 0, 1], 0.0), ([0, 1, 1, 1], 0.125)],
)
def test_the_modularity_of_two_pairs_of_patches(groups, modularity):
    # edges within the pairs weigh 1: degrees 2, eight in all; by chance an edge weighs a half
    cosines = functional.one_hot(torch.tensor([groups]), 2).float()
    assert modularity_loss(TWO_PAIRS, cosines).item() == pytest.approx(-modularity)


def test_negative_cosines_weigh_nothing_and_put_nothing_together():
    opposed = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]]).T.reshape(1, 2, 2, 2)
    cosines = torch.tensor([[[1.0, -1], [1, -1], [-1, 1], [-1, 1]]])
    assert modularity_loss(opposed, cosines).item() == pytest.approx(-0.5)


def two_kinds(images=12, dim=32, side=4):
    """Keys whose upper half of patches is of one kind and the lower of another, with noise."""
    generator = torch.Generator().manual_seed(3)
    kinds = functional.normalize(torch.randn(2, dim, generator=generator), dim=1)
    label = (torch.arange(side * side) >= side * side // 2).long()
    keys = kinds[label].T.reshape(1, dim, side, side)
    return keys + 0.05 * torch.randn(images, dim, side, side, generator=generator), label


def test_training_separates_two_kinds_of_patches():
    keys, label = two_kinds()
    torch.manual_seed(1)
    # of two tokens one may find nothing to start with: the four that are published suffice
    module = ConceptClusters(32, 4, depth=2, heads=4)
    config = ClusterTraining(epochs=30, batch=4, learning_rate=1e-3)
    losses = train_clusters(module, lambda rows: keys[rows], len(keys), config)
    assert len(losses) == 30 and losses[-1] < losses[0] - 0.1
    for found in module.labels(keys):
        assert not set(found[label == 0].tolist()) & set(found[label == 1].tolist())


def test_a_loss_that_is_not_finite_ends_with_a_sentence():
    keys, _ = two_kinds(4)
    module = ConceptClusters(32, 2, depth=1, heads=4)
    with pytest.raises(InvalidInput, match="the loss of epoch 1 is nan"):
        train_clusters(module, lambda rows: keys[rows] * torch.nan, 4, ClusterTraining())


def test_the_command_writes_what_looptrans_takes(tmp_path, monkeypatch, capsys):
    backbone = load_backbone("dinov2_vits14", 56, pretrained=False)
    backbone.sha256 = "random"
    monkeypatch.setattr(methods, "load_backbone", lambda *_: backbone)
    write_tree(tmp_path, train=1, test=1)
    out, config = tmp_path / "clusters.safetensors", tmp_path / "config.yaml"
    config.write_text(
        "network: {backbone: dinov2_vits14, image_side: 56}\n"
        "views: {ego_crops: 1, exo_crops: 1, resized: 64, side: 56}\n"
    )
    words = ["train-clusters", "--data", str(tmp_path), "--config", str(config), "--epochs", "1"]
    assert main([*words, "--out", str(out), "--threads", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["images"] > 2 and len(report["losses"]) == 1
    settings = {"backbone": "dinov2_vits14", "image_side": 56, "classes": 2}
    network = make_network("looptrans", {**settings, "clusters": "concepts"}, backbone)
    start_from(network, Start(modules={"cluster": out}), ("hold", "pour"), "none")
    stored = read_tensors(out)
    assert torch.equal(network.cluster.tokens.weight, stored["tokens.weight"])
    assert main([*words, "--out", str(tmp_path / "clusters.pth")]) == 2
    assert "must end in .safetensors" in capsys.readouterr().err
