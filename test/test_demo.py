import json
from pathlib import Path

import pytest

from affordance_grasp.cli import main

TRAINED = Path(__file__).parents[1] / "models" / "plsp_simulated.safetensors"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--object", "unicorn"], "unknown object 'unicorn'; known: mug"),
        (["--query", "juggle"], "unknown query 'juggle'; known:"),
        (["--query", "cut_with"], "known: knife"),
        (["--method", "magic"], "unknown method 'magic'; known: plsp"),
        (["--seed", "-1"], "--seed is '-1'; it must be a whole number >= 0"),
        (["--out", "/dev/null/x"], "cannot be written"),
        (["--checkpoint", "/nowhere.safetensors"], "/nowhere.safetensors does not exist"),
        (["--checkpoint", __file__], "corrupt or not a safetensors file"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(arguments, words, capsys, tmp_path):
    assert main(["demo", "--out", str(tmp_path), *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1
    assert not said.out and not list(tmp_path.iterdir())


def test_the_whole_loop_leaves_a_report(request, capsys, tmp_path):
    pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
    checkpoint = TRAINED if TRAINED.exists() else request.getfixturevalue("random_checkpoint")
    code = main(["demo", "--out", str(tmp_path), "--checkpoint", str(checkpoint), "--json"])
    said = capsys.readouterr()
    assert said.out, said.err
    report = json.loads(said.out)
    assert code == (0 if report["success"] else 1)
    assert report["success"] == report["verdict"]["functional"]
    assert report["verdict"]["lifted"] and report["verdict"]["held"], said.err
    assert report["affordance"] == "hold" and report["grasps"]
    for name in ("color.png", "heatmap.png", "candidates.png", "lifted.png", "pick.gif"):
        assert (tmp_path / name).stat().st_size > 1000
    assert json.loads((tmp_path / "report.json").read_text()) == report
