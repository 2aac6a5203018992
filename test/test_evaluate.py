import json

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color, read_gray
from affordance_grasp.learning.evaluation import evaluate
from affordance_grasp.learning.evaluation.evaluate import (
    TestTruth,
    as_probability,
    baselines,
    export_maps,
    predict_maps,
    score_exported,
)
from affordance_grasp.methods.checkpoint import CheckpointInfo, save_checkpoint
from affordance_grasp.methods.method import make_network


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    write_tree(root)
    return load_split(root, "Seen")


def truth_maps(split):
    import cv2

    raw = [read_gray(item.truth).astype(np.float32) for item in split.test]
    return [cv2.resize(gray, (224, 224)) for gray in raw]


@pytest.mark.parametrize("protocol", ["reference", "plsp"])
def test_truth_beats_every_baseline(split, protocol):
    best = TestTruth(split.test, protocol).evaluate(truth_maps(split)).overall
    assert best["kld"] < 0.01
    for evaluation in baselines(split.test, protocol).values():
        assert evaluation.overall["kld"] > best["kld"] + 0.5
        assert evaluation.overall["sim"] < best["sim"]
        assert evaluation.overall["nss"] < best["nss"]
        assert evaluation.overall["undefined"] == 0


def test_overall_row_is_the_mean_over_maps(split):
    maps = truth_maps(split)[::-1]
    table = TestTruth(split.test, "reference").evaluate(maps).table
    assert list(table) == ["all", "cut_with", "hold", "pour"]
    counts = [table[name]["maps"] for name in list(table)[1:]]
    weighted = np.dot(counts, [table[name]["kld"] for name in list(table)[1:]]) / sum(counts)
    assert table["all"]["kld"] == pytest.approx(weighted)
    assert table["all"]["maps"] == len(split.test)


def test_exported_maps_score_like_the_ones_in_memory(split, tmp_path):
    maps = truth_maps(split)[::-1]
    export_maps(tmp_path, split, maps, {"method": "none"})
    exported = score_exported(tmp_path, split, "plsp")
    assert exported == TestTruth(split.test, "plsp").evaluate(maps)


def test_maps_of_other_items_are_refused(split, tmp_path):
    export_maps(tmp_path, split, truth_maps(split), {})
    index = json.loads((tmp_path / "maps.json").read_text())
    index["items"].reverse()
    (tmp_path / "maps.json").write_text(json.dumps(index))
    with pytest.raises(InvalidInput, match="other test items"):
        score_exported(tmp_path, split, "reference")
    with pytest.raises(InvalidInput, match="no readable exported maps"):
        score_exported(tmp_path / "nothing", split, "reference")


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"items": 3, "split": "Seen"}'])
def test_a_broken_index_of_maps_is_refused(split, tmp_path, index):
    export_maps(tmp_path, split, truth_maps(split), {})
    (tmp_path / "maps.json").write_text(index)
    with pytest.raises(InvalidInput, match="no readable exported maps"):
        score_exported(tmp_path, split, "reference")


@pytest.mark.parametrize("shape", [(7, 4, 4), (9, 4, 4), (8, 4), (8, 0, 4), ()], ids=str)
def test_maps_of_another_shape_or_number_are_refused(split, tmp_path, shape):
    export_maps(tmp_path, split, truth_maps(split), {})
    np.save(tmp_path / "maps.npy", np.zeros(shape, np.float32))
    with pytest.raises(InvalidInput, match=r"maps.npy holds float32 .* instead of float32 \(8, h"):
        score_exported(tmp_path, split, "reference")
    (tmp_path / "maps.npy").write_bytes(b"")
    with pytest.raises(InvalidInput, match="no readable exported maps"):
        score_exported(tmp_path, split, "reference")


class ByLabel:
    """Answers every query with its class index and its text, and counts the images it saw."""

    def __init__(self):
        self.images = 0

    def tokens(self, images):
        return images

    def maps(self, tokens, text, label):
        self.images += 1
        return label[:, None, None].expand(-1, 2, 2).float() + text[:, :1, None]


class Blank:
    """One view of every image, with nothing on it."""

    def views_of(self, path, rng):
        return ("the view",)

    def read(self, path, view):
        return np.zeros((257, 384), np.float32)


def test_all_queries_on_a_image_share_one_pass(split):
    network = ByLabel()
    text = torch.tensor([[0.0], [0.5], [0.25]])
    maps = predict_maps(
        network, Blank(), [i.image for i in split.test], ("pour", "cut_with", "hold"), text
    )
    assert network.images == 4
    expected = {"pour": 0.0, "cut_with": 1.5, "hold": 2.25}
    assert [m[0, 0] for m in maps] == [expected[i.image.affordance] for i in split.test]


def test_probability_maps_keep_their_zeroes_and_activations_are_scaled():
    probability = np.zeros((112, 112), np.float32)
    probability[50:60, 50:60] = 0.01
    prepared = as_probability(probability)
    assert prepared.shape == (224, 224) and prepared.max() == pytest.approx(0.01)
    activation = np.linspace(-3, 5, 16 * 16, dtype=np.float32).reshape(16, 16)
    prepared = as_probability(activation)
    assert (prepared.min(), prepared.max()) == pytest.approx((0, 1))


def test_saliency_is_a_baseline_where_it_is_given(split):
    table = baselines(split.test, "reference", truth_maps(split))
    assert list(table) == ["uniform", "centred Gaussian", "DINO saliency"]
    assert table["DINO saliency"].overall["kld"] < 0.01


def test_command_scores_exported_maps(split, tmp_path, capsys):
    export_maps(tmp_path, split, truth_maps(split), {})
    data = str(split.folder.parent)
    assert main(["evaluate", "--data", data, "--maps", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["measured"]["all"]["maps"] == len(split.test)
    assert (tmp_path / "affordances_reference.csv").exists()
    assert main(["evaluate", "--data", data, "--maps", str(tmp_path), "--published"]) == 0
    assert "LOCATE" in capsys.readouterr().out
    assert (
        main(["evaluate", "--data", data, "--maps", str(tmp_path), "--published", "--json"]) == 0
    )
    published = json.loads(capsys.readouterr().out)["published"]
    assert published["LOCATE"] == {"kld": 1.226, "sim": 0.401, "nss": 1.177}


def test_command_refuses_bad_input_with_one_sentence(split, tmp_path, capsys):
    data = str(split.folder.parent)
    assert main(["evaluate", "--data", data]) == 2
    assert "--checkpoint" in capsys.readouterr().err
    missing = str(tmp_path / "none.safetensors")
    assert main(["evaluate", "--data", data, "--checkpoint", missing]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["evaluate", "--data", str(tmp_path), "--maps", str(tmp_path)]) == 2
    assert "missing" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", "--data", data, "--maps", data, "--threads", "-1"])
    assert "--threads: it is '-1'; it must be a whole number >= 1" in capsys.readouterr().err


def test_scoring_in_pieces_changes_nothing(split, monkeypatch):
    maps = truth_maps(split)[::-1]
    whole = TestTruth(split.test, "reference").evaluate(maps)
    monkeypatch.setattr(evaluate, "SCORED_AT_ONCE", 3)
    assert TestTruth(split.test, "reference").evaluate(iter(maps)) == whole


def locate_checkpoint(path, affordances):
    config = {"image_side": 56, "classes": len(affordances)}
    backbone = load_backbone("dinov2_vits14", 56)
    torch.manual_seed(0)
    network = make_network("looptrans", config, backbone)
    info = CheckpointInfo(
        "looptrans", config, "dinov2_vits14", backbone.sha256, affordances, "none"
    )
    save_checkpoint(path, network, info, torch.zeros(len(affordances), 0))
    return network.eval()


def test_command_exports_the_maps_of_a_closed_set_method(split, tmp_path, capsys):
    known = ("pour", "hold", "cut_with")
    path = tmp_path / "looptrans.safetensors"
    network = locate_checkpoint(path, known)
    data, maps = str(split.folder.parent), tmp_path / "maps"
    command = ["evaluate", "--data", data, "--checkpoint", str(path), "--threads", "1"]
    command += ["--cache", str(tmp_path / "cache"), "--maps", str(maps)]
    assert main([*command, "--saliency", "dinov2_vits14", "--json"]) == 0
    assert "DINO saliency" in json.loads(capsys.readouterr().out)["baselines"]
    item = split.test[-1]
    with torch.inference_mode():
        tokens = network.tokens(network.prepare(read_color(item.image.path)))
        label = torch.tensor([known.index(item.image.affordance)])
        expected = network.maps(tokens, torch.zeros(1, 0), label)[0]
    exported = np.load(maps / "maps.npy")[-1]
    # kept features and checkpoints are float16
    np.testing.assert_allclose(exported, expected.numpy(), atol=2e-3)


def test_command_refuses_to_score_affordances_that_have_no_channel(split, tmp_path, capsys):
    path = tmp_path / "looptrans.safetensors"
    locate_checkpoint(path, ("hold", "pour"))
    command = ["evaluate", "--data", str(split.folder.parent), "--checkpoint", str(path)]
    assert main([*command, "--threads", "1"]) == 2
    assert "also tests cut_with, for which looptrans has no channel" in capsys.readouterr().err
