"""``affordance-grasp checkpoint import``: from a released file to one that grounds."""

import json

import torch
from test_released import hollow, written

from affordance_grasp.cli import main
from affordance_grasp.methods.checkpoint import load_checkpoint


def test_imports_and_reports(tmp_path, capsys):
    official = written(tmp_path / "best.pth", hollow("looptrans"))
    out = tmp_path / "models" / "imported.safetensors"
    words = ["checkpoint", "import", str(official), "--method", "looptrans", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "checkpoint": str(out),
        "method": "looptrans",
        "backbone": "dino_vits16",
        "affordances": 36,
        "tensors": 299,
    }
    assert load_checkpoint(out).text.shape == (36, 0)
    assert main(words) == 0
    assert capsys.readouterr().out == (
        f"{out}: looptrans on dino_vits16, 299 tensors, 36 affordances\n"
    )


def test_takes_the_classes_by_name(tmp_path):
    head = {"aff_fc.weight": torch.zeros(17, 384, 1, 1), "aff_fc.bias": torch.zeros(17)}
    official = written(tmp_path / "best.pth", hollow("looptrans", **head))
    out = tmp_path / "two.safetensors"
    words = ["checkpoint", "import", str(official), "--method", "looptrans", "--out", str(out)]
    assert main([*words, "--affordances", "pour,hold"]) == 0
    assert load_checkpoint(out).info.affordances == ("pour", "hold")
    assert main(words) == 2


def test_a_misfit_is_one_sentence_and_writes_nothing(tmp_path, capsys):
    tensors = hollow("looptrans", surplus=torch.zeros(1))
    del tensors["aff_fc.bias"]
    official = written(tmp_path / "odd.pth", tensors)
    out = tmp_path / "out.safetensors"
    words = ["checkpoint", "import", str(official), "--method", "looptrans", "--out", str(out)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.endswith("missing: aff_fc.bias; unexpected: surplus\n")
    assert error.count("\n") == 1
    assert not out.exists()
    assert main(["checkpoint", "import", "nowhere.pth", *words[3:]]) == 2
    assert "nowhere.pth does not exist" in capsys.readouterr().err
