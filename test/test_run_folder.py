"""A run's folder: written whole or not at all, and refused where it is broken."""

import json

import pytest
import torch

from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.learning.training import run_folder
from affordance_grasp.learning.training.run_folder import RunFolder

ASKED = {"split": "Seen", "config": {"seed": 1}}


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.start(ASKED, resume=False)
    run.save_state({"epoch": 3, "network": {"a": torch.ones(100)}})
    return run


def test_a_run_goes_on_only_with_what_it_was_asked(run):
    run.start(ASKED, resume=True)
    with pytest.raises(InvalidInput, match="another split;"):
        run.start({**ASKED, "split": "Unseen"}, resume=True)


def test_a_folder_without_a_finished_epoch_is_begun_anew(run):
    with pytest.raises(InvalidInput, match="already holds a run"):
        run.start(ASKED, resume=False)
    run.state.unlink()
    run.start({**ASKED, "split": "Unseen"}, resume=False)
    assert json.loads(run.config.read_text())["split"] == "Unseen"


def test_a_kill_while_the_description_is_written_leaves_none(tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "run")
    monkeypatch.setattr(run_folder.Path, "replace", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception):
        run.start(ASKED, resume=False)
    monkeypatch.undo()
    run.start(ASKED, resume=False)
    assert json.loads(run.config.read_text())["split"] == "Seen"


@pytest.mark.parametrize("text", ["", "{", "3", "[1]"])
def test_a_broken_description_is_one_sentence(run, text):
    run.config.write_text(text)
    with pytest.raises(InvalidInput, match="run.json is corrupt; remove .*run and start again"):
        run.start(ASKED, resume=True)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"words"])
def test_a_broken_state_is_one_sentence(run, damage):
    assert RunFolder(run.path / "other").load_state() is None
    assert run.load_state()["epoch"] == 3
    run.state.write_bytes(damage(run.state.read_bytes()))
    with pytest.raises(CheckpointError, match="state.pt is corrupt"):
        run.load_state()


def test_a_state_that_holds_no_names_is_refused(run):
    torch.save(torch.ones(3), run.state)
    with pytest.raises(CheckpointError, match="state.pt is corrupt"):
        run.load_state()
