"""Every public example runs and says what it should."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_bags import bag_writer, image, info, joints

from affordance_grasp import load_robot, read_bag, read_frame
from affordance_grasp.errors import InvalidInput

EXAMPLES = Path(__file__).parents[1] / "examples"
FRAME = EXAMPLES / "frame"
INTRINSICS = 615, 615, 320, 240
HANDLE = (350, 210, 430, 310)
"""Columns and rows that hold the handle of the example's mug: left, top, right, bottom."""


def run(monkeypatch, capsys, name, *words):
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def on_handle(u, v):
    left, top, right, bottom = HANDLE
    return left <= u <= right and top <= v <= bottom


def test_ground_image_finds_the_handle(monkeypatch, capsys, tmp_path):
    out = tmp_path / "heatmap.png"
    said = run(monkeypatch, capsys, "ground_image.py", "--out", out)
    u, v = map(int, re.search(r"peak at column (\d+), row (\d+)", said).groups())
    assert on_handle(u, v)
    with Image.open(out) as written:
        assert written.size == (640, 480)


def test_plan_pick_plans_four_stages_to_the_mug(monkeypatch, capsys):
    said = run(monkeypatch, capsys, "plan_pick.py", "--query", "hold")
    stages = re.findall(r"^(\w+) +\d+ points, ([\d.]+) s$", said, re.MULTILINE)
    assert [name for name, _ in stages] == ["approach", "descend", "lift", "retreat"]
    assert all(0.5 < float(duration_s) < 20 for _, duration_s in stages)
    width_m = float(re.search(r"([\d.]+) m wide", said).group(1))
    assert 0.003 < width_m < 0.03  # the handle's rod, not the mug


def test_plan_pick_needs_the_core_alone_without_heatmap():
    script = (
        "import runpy, sys; del sys.argv[0]; "
        "runpy.run_path(sys.argv[0], run_name='__main__'); print(*sys.modules)"
    )
    words = [sys.executable, "-c", script, EXAMPLES / "plan_pick.py", "--rule", "quality"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    *said, loaded = done.stdout.splitlines()
    assert said[-1].startswith("retreat")
    assert not {"torch", "mujoco", "rosbags", "zmq"} & set(loaded.split())


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Three frames of the example, with the arm at home."""
    path = tmp_path_factory.mktemp("bags") / "bag"
    frame = read_frame(FRAME / "color.jpg", FRAME / "depth.png", INTRINSICS)
    depth = np.rint(frame.depth_m * 1000).astype(np.uint16)
    robot = load_robot()
    with bag_writer(path) as writer:
        for t_s in (0.0, 0.1, 0.2):
            joint_state = joints(t_s, robot.arm.joint_names, robot.home_q)
            writer.write("joint_states", joint_state, t_s)
            writer.write("color/camera_info", info(t_s, frame.intrinsics), t_s)
            topic = "aligned_depth_to_color/image_raw"
            writer.write(topic, image(t_s, depth, "16UC1"), t_s)
            writer.write("color/image_raw", image(t_s, frame.color, "rgb8"), t_s)
    return path


def test_a_bag_is_read_frame_by_frame_with_the_camera_s_pose(bag):
    robot = load_robot()
    first, third = read_bag(bag, robot, every=2)
    assert (first.index, third.index) == (0, 2)
    assert third.stamp_ns - first.stamp_ns == 200_000_000
    assert first.frame.intrinsics.fx == 615
    assert np.allclose(first.view.T_base_cam, robot.T_base_cam(robot.home_q))
    (alone,) = read_bag(str(bag), every=3)
    assert alone.view is None
    with pytest.raises(InvalidInput, match="every is 0"):
        next(read_bag(bag, every=0))


def test_replay_bag_takes_the_mug_by_its_handle(monkeypatch, capsys, bag):
    said = run(monkeypatch, capsys, "replay_bag.py", bag, "--every", 2)
    found = re.findall(r"^ +(\d) grasp at pixel (\d+), (\d+)$", said, re.MULTILINE)
    assert [index for index, _, _ in found] == ["0", "2"]
    assert all(on_handle(int(u), int(v)) for _, u, v in found)


def test_every_cell_of_the_tour_runs(monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text())
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["outcome"].lifted


def test_the_tour_stays_small():
    assert (EXAMPLES / "tour.ipynb").stat().st_size < 500_000


def test_every_example_is_run_by_some_test():
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    examples = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".ipynb"}}
    assert "plan_pick.py" in examples
    assert not {name for name in examples if f'"{name}"' not in tests}
