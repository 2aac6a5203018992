"""Masked peak and AUC within the object, against answers that are known."""

import json

import cv2
import numpy as np
import pytest
from agd20k_tree import write_tree

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.image_files import read_gray
from affordance_grasp.learning.evaluation.evaluate import TestTruth, export_maps
from affordance_grasp.learning.evaluation.part_scores import object_mask, score_parts


def knife():
    """A map hottest beside the object, on it hottest at the handle; and its truth and mask."""
    whole = np.zeros((6, 8), bool)
    whole[2:4, 1:7] = True
    truth = np.zeros((6, 8))
    truth[2:4, 1:3] = 1.0
    truth[2:4, 3] = 0.4  # less than half the peak: not of the part
    heat = np.linspace(0, 0.1, 48).reshape(6, 8)
    heat[0, 7] = 1.0
    heat[2, 2] = 0.9
    return heat, truth, whole


def test_what_lies_beside_the_object_does_not_count():
    heat, truth, whole = knife()
    scores = score_parts(heat[None], truth[None], [whole])
    assert scores.peak[0] == 1.0
    heat[2, 3] = 0.95
    assert score_parts(heat[None], truth[None], [whole]).peak[0] == 0.0


def test_auc_counts_the_pairs_that_are_in_order():
    heat, truth, whole = knife()
    part = (truth >= 0.5) & whole
    rest = whole & ~part
    pairs = heat[part][:, None] > heat[rest][None]
    assert score_parts(heat[None], truth[None], [whole]).auc[0] == pytest.approx(pairs.mean())
    assert score_parts(truth[None], truth[None], [whole]).auc[0] == 1.0


def test_a_map_without_contrast_scores_as_chance():
    _, truth, whole = knife()
    scores = score_parts(np.ones((1, 6, 8)), truth[None], [whole])
    assert scores.peak[0] == pytest.approx(4 / 12)
    assert scores.auc[0] == 0.5


def test_what_cannot_be_told_is_undefined_and_not_in_the_means():
    heat, truth, whole = knife()
    nothing = np.zeros_like(whole)
    scores = score_parts(
        np.stack([heat] * 4),
        np.stack([truth, truth, 0 * truth, truth]),
        [whole, None, whole, nothing],
    )
    assert np.isnan(scores.peak[1:]).all() and np.isnan(scores.auc[1:]).all()
    assert scores.mean()["masked_peak"] == 1.0
    assert scores.subset(np.array([False, True, True, True])).mean() == {}
    whole_part = score_parts(heat[None], np.ones((1, 6, 8)), [whole])
    assert whole_part.peak[0] == 1.0 and np.isnan(whole_part.auc[0])


def test_masks_are_squashed_without_grey():
    gray = np.zeros((10, 40), np.uint8)
    gray[:, 20:] = 255
    mask = object_mask(gray)
    assert mask.shape == (224, 224) and mask[:, 112:].all() and not mask[:, :112].any()


@pytest.fixture
def split(tmp_path):
    """The tiny tree with masks of whole objects for ``hold`` alone."""
    folder = write_tree(tmp_path)
    for truth in (folder / "testset/GT/hold").rglob("*.png"):
        mask = np.full(read_gray(truth).shape, 255, np.uint8)
        path = folder / "testset/whole_obj_mask" / truth.relative_to(folder / "testset/GT")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), mask)
    return load_split(tmp_path, "Seen")


def test_evaluation_has_both_where_masks_are_known(split):
    held = [item for item in split.test if item.object_mask is not None]
    assert {item.image.affordance for item in held} == {"hold"} and len(held) == 4
    maps = [read_gray(item.truth).astype(np.float32) for item in split.test]
    table = TestTruth(split.test, "reference").evaluate(maps).table
    assert table["hold"]["masked_peak"] == table["all"]["masked_peak"] == 1.0
    assert table["hold"]["auc_in_object"] == pytest.approx(1.0, abs=0.01)
    assert "masked_peak" not in table["pour"]


def test_command_prints_and_writes_both(split, tmp_path, capsys):
    maps = [cv2.resize(read_gray(item.truth).astype(np.float32), (56, 56)) for item in split.test]
    export_maps(tmp_path / "maps", split, maps, {})
    command = ["evaluate", "--data", str(tmp_path), "--maps", str(tmp_path / "maps")]
    assert main(command) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert rows["hold"][4] == "1.000" and len(rows["pour"]) == 4
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measured"]["all"]["masked_peak"] == 1.0
    written = (tmp_path / "maps/affordances_reference.csv").read_text().splitlines()
    assert written[0] == "affordance,kld,sim,nss,maps,undefined,masked_peak,auc_in_object"
    assert written[-1].startswith("pour") and written[-1].endswith(",,")
