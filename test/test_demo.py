import json
import sys
from io import StringIO
from pathlib import Path

import pytest
from tabletop import Block, tabletop

from affordance_grasp.cli import main
from affordance_grasp.commands.grasping.demo import (
    Account,
    DemoOptions,
    _page,
    _parameters,
    _recorded,
)
from affordance_grasp.pipeline import plan_grasps

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


def test_every_node_that_knows_the_robot_is_told_which(tmp_path):
    options = DemoOptions(robot_file=Path("config/panda.yaml"))
    told = {node for node, given in _parameters(options).items() if "robot_file" in given}
    assert told == {"simulator", "candidates", "selector", "controller"}
    assert {_parameters(options)[node]["robot_file"] for node in told} == {"config/panda.yaml"}


SLOW_TO_CLOSE = """
import signal, sys, time
from pathlib import Path

def close(*_):
    time.sleep(1)
    Path({bag!r}, "metadata.yaml").write_text("whole")
    sys.exit(0)

signal.signal(signal.SIGTERM, close)
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.processes
@pytest.mark.parametrize("records", [True, False])
def test_only_a_node_that_records_is_waited_for_until_its_bag_is_closed(
    tmp_path, monkeypatch, records
):
    pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
    from affordance_grasp.nodes.graph import processes

    program = [sys.executable, "-c", SLOW_TO_CLOSE.format(bag=str(tmp_path))]
    monkeypatch.setattr(processes, "STOP_S", 0.1)
    monkeypatch.setattr(processes.Graph, "_command", lambda self, node: program)
    parameters = {"simulator": {"record": str(tmp_path) if records else ""}}
    with processes.Graph(tmp_path / "log", ["simulator"], parameters) as graph:
        while graph.last_words("simulator") != "ready":
            graph.check()
    assert (tmp_path / "metadata.yaml").exists() == records


@pytest.mark.parametrize("closed", [True, False])
def test_recorded_is_said_of_a_bag_that_can_be_read(tmp_path, closed):
    if closed:
        (tmp_path / "metadata.yaml").touch()
    said = StringIO()
    assert _recorded(tmp_path, Account(said), Path("demo/log")) == closed
    words = ("recorded", "affordance-grasp replay") if closed else ("failed", "was not closed")
    assert all(word in said.getvalue() for word in words)


@pytest.mark.processes
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


def test_the_page_of_a_demo_has_an_address_or_says_what_is_missing(tmp_path, monkeypatch):
    frame = tabletop(Block(0, 0, (0.2, 0.025, 0.02)))
    plan = plan_grasps(frame, "hold", None, rule="quality")
    options = DemoOptions(out=tmp_path)
    monkeypatch.setitem(sys.modules, "viser", None)
    assert "pip install 'affordance_grasp[page]'" in _page(plan, options)
    monkeypatch.undo()
    pytest.importorskip("viser", reason="viser (extra: page) is not installed")
    assert _page(plan, options) == (tmp_path / "plan.html").resolve().as_uri()
    assert (tmp_path / "plan.html").stat().st_size > 1_000_000
