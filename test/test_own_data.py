"""Own verbs: the tree and its check, training without a test set, what heads answer to."""

import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from PIL import Image
from tiny_encoders import TinyText

from affordance_grasp.cli import main
from affordance_grasp.datasets.affordances_file import (
    AFFORDANCES_FILE,
    AffordanceNotes,
    read_affordances,
    write_affordances,
)
from affordance_grasp.datasets.agd20k import load_split, load_test_split, load_training_split
from affordance_grasp.datasets.data_check import check_data_set
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.datasets.own_data import init_data_set, published_parts
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.labels.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.learning.training.train_config import parse_config
from affordance_grasp.learning.training.training_run import Resources, train_method
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.method import find_method
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import AFFORDANCES

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs/own_verbs.md").read_text(encoding="utf-8")
NOTES = {
    "cut_with": AffordanceNotes(parts={"knife": "knife blade"}),
    "hang_up": AffordanceNotes(("put on the peg",), {"mug": "mug handle"}),
    "hold": AffordanceNotes(parts={"mug": "mug", "knife": "knife handle"}),
}
SMALL = {
    "plsp": {
        "network": {"image_side": 28, "dim": 32, "fuser_heads": 2, "fuser_depth": 1}
        | {"decoder_heads": 2, "decoder_depth": 1},
        "views": {"squash": 32, "side": 28},
    },
    "looptrans": {"network": {"image_side": 28, "noise": 2}, "views": {"resized": 32, "side": 28}},
    "selectivecl": {
        "network": {"image_side": 28, "affinity": "border_contrast"},
        "views": {"resized": 32, "side": 28},
    },
    "locate": {"network": {"image_side": 28}, "views": {"resized": 32, "side": 28}},
}


@pytest.fixture
def root(tmp_path):
    """The tiny data set with "pour" as an own verb, a split of its own name and no test set."""
    folder = write_tree(tmp_path / "data", "Mine")
    for part in ("egocentric", "exocentric"):
        parent = folder / "trainset" / part
        (parent / "pour").rename(parent / "hang_up")
    shutil.rmtree(folder / "testset")
    boxes = folder / "trainset/detections.json"
    boxes.write_text(boxes.read_text().replace('"pour"', '"hang_up"'))
    write_affordances(tmp_path / "data", NOTES)
    return tmp_path / "data"


def test_init_makes_the_folders_and_says_what_is_published(tmp_path):
    folders = init_data_set(tmp_path, "Own", ["hang_up/coat_hook", "hold/knife", "hold/coat_hook"])
    assert len(folders) == 6
    assert (tmp_path / "Own/trainset/exocentric/hang_up/coat_hook").is_dir()
    assert read_affordances(tmp_path) == {
        "hang_up": AffordanceNotes(parts={"coat_hook": "coat hook"}),
        "hold": AffordanceNotes(parts={"knife": "knife handle", "coat_hook": "coat hook"}),
    }
    with pytest.raises(InvalidInput, match="name a new folder, or edit that file"):
        init_data_set(tmp_path, "Own", [])


def test_the_default_is_the_published_table(tmp_path):
    assert main(["dataset", "init", str(tmp_path), "--split", "Mine"]) == 0
    notes = read_affordances(tmp_path)
    assert notes == published_parts()
    assert tuple(notes) == AFFORDANCES
    assert sum(len(each.parts) for each in notes.values()) == 124
    assert (tmp_path / "Mine/trainset/egocentric/write/pen").is_dir()


@pytest.mark.parametrize("pair", ["hang_up", "Hang up/hook", "hang_up/../etc", "/hook", ""])
def test_pairs_that_are_none(tmp_path, pair):
    with pytest.raises(InvalidInput, match="must be VERB/OBJECT"):
        init_data_set(tmp_path, "Own", [pair])


def test_a_good_data_set_has_no_faults(root, capsys):
    found = check_data_set(root, "Mine")
    assert found.faults == ()
    assert [note for note in found.notes if "no testset" in note]
    assert [note for note in found.notes if "images of mug are the same for hang_up, hold" in note]
    assert main(["dataset", "check", str(root), "--split", "Mine"]) == 0
    assert "0 faults" in capsys.readouterr().out


def test_every_fault_is_named(root, capsys):
    train = root / "Mine/trainset"
    (train / "egocentric/hold/mug/mug_000000.jpg").write_bytes(b"no image")
    (train / "exocentric/hold/mug/picture.heic").write_bytes(b"")
    shutil.copy(
        train / "egocentric/cut_with/knife/knife_000001.jpg",
        train / "egocentric/cut_with/knife/again.jpg",
    )
    (train / "exocentric/hold/mug/hold_mug_000000.jpg").unlink()
    (train / "egocentric/Fly Away/kite").mkdir(parents=True)
    boxes = json.loads((train / "detections.json").read_text())
    boxes["parts"]["hang_up"]["mug"]["mug_000001.jpg"]["boxes"] = [[0, 0, 500, 20]]
    del boxes["parts"]["hang_up"]["mug"]["mug_000002.jpg"]
    (train / "detections.json").write_text(json.dumps(boxes))
    found = check_data_set(root, "Mine")
    for said in (
        "hold/mug/mug_000000.jpg",
        "Fly Away is not one of the 3 affordances",
        "Fly Away/kite holds no image",
        "hang_up/mug/mug_000001 reaches beyond its image",
    ):
        assert [fault for fault in found.faults if said in fault], said
    for said in (
        "picture.heic is not read; images end in .jpeg, .jpg, .png",
        "again.jpg",
        "hold/mug holds 2 images",
        "hang_up/mug/mug_000002.jpg has no box of the part",
    ):
        assert [note for note in found.notes if said in note], said
    assert len(found.faults) == 4
    assert main(["dataset", "check", str(root), "--split", "Mine", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"] == list(found.faults)


def test_faults_of_a_test_set(root):
    for part, size in (("egocentric", (40, 30)), ("GT", (30, 40)), ("whole_obj_mask", (40, 30))):
        path = root / "Mine/testset" / part / "hold/mug/a.png"
        path.parent.mkdir(parents=True)
        color = np.zeros((*size[::-1], 3), np.uint8)
        Image.fromarray(color if part == "egocentric" else color[..., 0]).save(path)
    found = check_data_set(root, "Mine")
    assert found.faults == (f"{root}/Mine/testset/GT/hold/mug/a.png is 30x40, its image 40x30",)


def test_one_verb_teaches_methods_of_classes_nothing(root):
    for part in ("egocentric", "exocentric"):
        for verb in ("hang_up", "cut_with"):
            shutil.rmtree(root / "Mine/trainset" / part / verb)
    (root / "Mine/trainset/detections.json").unlink()
    notes = check_data_set(root, "Mine").notes
    assert [note for note in notes if "has one affordance, hold" in note]
    assert [note for note in notes if "detections.json is missing" in note]
    assert [note for note in notes if "names hang_up/mug, of which there are no" in note]


def test_splits_of_other_names(root):
    assert load_training_split(root, "Mine").affordances == ("cut_with", "hold", "hang_up")
    with pytest.raises(InvalidInput, match="no testset with ground truth"):
        load_test_split(root, "Mine")
    with pytest.raises(InvalidInput, match="is no name of a folder"):
        load_split(root, "../Mine")
    (root / AFFORDANCES_FILE).unlink()
    with pytest.raises(UnknownName, match="unknown split 'Mine'; known: Seen"):
        load_split(root, "Mine")


def test_the_pictures_of_the_tutorial_are_a_data_set(tmp_path, monkeypatch, capsys):
    root = str(tmp_path / "hooks")
    pairs = re.search(r"dataset init data/hooks (.*)", TUTORIAL)[1].split()
    assert main(["dataset", "init", root, *pairs]) == 0
    assert main(["dataset", "check", root]) == 1
    script = str(ROOT / "examples/coat_hook_pictures.py")
    monkeypatch.setattr("sys.argv", [script, root, "--objects", "1"])
    runpy.run_path(script, run_name="__main__")
    assert main(["dataset", "check", root]) == 0
    assert main(["pseudo-labels", root, "--split", "Own", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["written"] > 0
    split = load_test_split(tmp_path / "hooks", "Own")
    assert split.affordances == ("hold", "hang_up")
    assert all(item.object_mask for item in split.test)


@pytest.mark.parametrize("method", SMALL)
def test_training_on_own_verbs_without_a_test_set(root, tmp_path, method):
    """Random backbones: that everything is wired, not that anything is learned."""
    config = parse_config(
        {"method": method, "epochs": 2, "batch": 4, "cached": False, **SMALL[method]}
    )
    split = load_training_split(root, "Mine")
    detector = RecordedDetector(root / "Mine/trainset/detections.json")
    if method == "plsp":
        write_pseudo_labels(split, detector)
    torch.manual_seed(0)
    backbone = find_method(method).backbone(config.network_config, False)
    backbone.sha256 = "random"
    resources = Resources(split, backbone, tmp_path / "cache", detector, TinyText())
    run = RunFolder(tmp_path / "run")
    outcome = train_method(resources, config, run)
    assert outcome.complete
    assert outcome.best_epoch is outcome.best_kld is None
    assert not any(name.startswith("test_") for name in outcome.last)
    assert run.sheet.is_file() and not run.best.exists()
    info = load_checkpoint(run.last).info
    assert set(info.affordances) == {"cut_with", "hold", "hang_up"}
    assert info.phrases == {"hang_up": ["put on the peg"]}
    for query in ("hang up the mug", "put it on the peg", "hang_up"):
        assert resolve_query(query, info.affordances, info.phrases) == "hang_up"
    with pytest.raises(UnknownName):
        resolve_query("don't hang it up", info.affordances, info.phrases)
    again = train_method(resources, config, run, resume=True)
    assert again.epochs == 2
