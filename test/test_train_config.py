"""Training configurations: whose method they are for, what is refused, what the shipped say."""

from pathlib import Path

import pytest

from affordance_grasp.cli import main
from affordance_grasp.commands import train as train_command
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.train_config import load_config

CONFIGS = Path(__file__).parents[1] / "config"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The configuration that the words of a ``train`` command end in, and its exit code."""
    seen = []

    def record(sources, config, folder, **options):
        seen.append(config)
        raise InvalidInput("seen")

    for name in ("_split", "_sources"):
        monkeypatch.setattr(train_command, name, lambda *_: None)
    monkeypatch.setattr(train_command, "train_method", record)

    def ask(*words):
        seen.clear()
        common = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
        assert main([*common, "--threads", "1", *words]) == 2
        return seen[0] if seen else None

    return ask


def test_the_method_is_the_configurations_unless_one_is_named(asked, tmp_path):
    shipped = CONFIGS / "train_looptrans_simulated.yaml"
    assert asked("--config", str(shipped)) == load_config(shipped)
    assert asked("--config", str(shipped), "--method", "looptrans") == load_config(shipped)
    assert asked("--method", "looptrans") == load_config(shipped)
    assert asked().method == "plsp"
    silent = tmp_path / "silent.yaml"
    silent.write_text("views: {ego_crops: 1}\n")
    assert asked("--config", str(silent), "--method", "selectivecl").method == "selectivecl"


@pytest.mark.parametrize("command", ["train", "ablation"])
def test_two_different_methods_are_one_sentence(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("affordance_grasp.commands.ablation.load_split", lambda *_: None)
    config = str(CONFIGS / "train_looptrans_simulated.yaml")
    words = [command, "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--config", config]
    assert main([*words, "--method", "plsp", "--threads", "1"]) == 2
    assert "is for method 'looptrans', but --method is plsp" in capsys.readouterr().err
