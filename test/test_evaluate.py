import json

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from tiny_encoders import TinyEncoder

from affordance_grasp.cli import main
from affordance_grasp.errors import InvalidInput
from affordance_grasp.grounding.checkpoint import (
    Checkpoint,
    CheckpointInfo,
    write_checkpoint,
)
from affordance_grasp.learning import evaluate
from affordance_grasp.learning.agd20k import load_split, read_gray
from affordance_grasp.learning.evaluate import (
    TestTruth,
    baselines,
    export_maps,
    predict_maps,
    score_exported,
)
from affordance_grasp.learning.features import cache_test_features


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


class ByLabel:
    """Answers every query with its class index, and counts the pictures it saw."""

    def __init__(self):
        self.pictures = 0

    def maps(self, tokens, text, label):
        self.pictures += 1
        return label[:, None, None].expand(-1, 2, 2).float() + text[:, :1, None]


def test_all_queries_on_a_picture_share_one_pass(split, tmp_path):
    store = cache_test_features(split, TinyEncoder(), tmp_path)
    network = ByLabel()
    text = {"hold": torch.zeros(3), "cut_with": torch.ones(3), "pour": torch.zeros(3)}
    maps = predict_maps(network, store, split.test, text)
    assert network.pictures == 4
    expected = {"hold": 11.0, "cut_with": 6.0 + 1.0, "pour": 21.0}
    assert [m[0, 0] for m in maps] == [expected[i.picture.affordance] for i in split.test]


def test_command_scores_exported_maps(split, tmp_path, capsys):
    export_maps(tmp_path, split, truth_maps(split), {})
    data = str(split.folder.parent)
    assert main(["evaluate", "--data", data, "--maps", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["measured"]["all"]["maps"] == len(split.test)
    assert (tmp_path / "affordances_reference.csv").exists()
    assert main(["evaluate", "--data", data, "--maps", str(tmp_path), "--published"]) == 0
    assert "LOCATE" in capsys.readouterr().out


def test_command_refuses_bad_input_with_one_sentence(split, tmp_path, capsys):
    data = str(split.folder.parent)
    assert main(["evaluate", "--data", data]) == 2
    assert "--checkpoint" in capsys.readouterr().err
    missing = str(tmp_path / "none.safetensors")
    assert main(["evaluate", "--data", data, "--checkpoint", missing]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["evaluate", "--data", str(tmp_path), "--maps", str(tmp_path)]) == 2
    assert "missing" in capsys.readouterr().err
    assert main(["evaluate", "--data", data, "--maps", data, "--threads", "-1"]) == 2
    assert "--threads is -1" in capsys.readouterr().err


def test_scoring_in_pieces_changes_nothing(split, monkeypatch):
    maps = truth_maps(split)[::-1]
    whole = TestTruth(split.test, "reference").evaluate(maps)
    monkeypatch.setattr(evaluate, "SCORED_AT_ONCE", 3)
    assert TestTruth(split.test, "reference").evaluate(iter(maps)) == whole


def test_maps_of_a_method_that_reads_no_cached_tokens_are_refused(split, tmp_path, capsys):
    info = CheckpointInfo(
        method="looptrans",
        config={},
        backbone="dino_vits16",
        backbone_sha256="ab" * 32,
        affordances=("hold",),
        text_encoder="none",
    )
    path = tmp_path / "looptrans.safetensors"
    write_checkpoint(path, Checkpoint(info, {"weight": torch.ones(2)}, torch.zeros(1, 1)))
    command = ["evaluate", "--data", str(split.folder.parent), "--checkpoint", str(path)]
    assert main(command) == 2
    assert "of looptrans; maps can be exported of plsp only" in capsys.readouterr().err
