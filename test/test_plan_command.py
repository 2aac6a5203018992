import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tabletop import INTRINSICS, Block, Can, looking_down, tabletop, to_world

from affordance_grasp import pipeline
from affordance_grasp.cli import main
from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.report.figures import PAPER, write_png
from affordance_grasp.simulation.rendering.noise import degrade_depth
from affordance_grasp.streams.frame_files import write_frame

K = [str(value) for value in (INTRINSICS.fx, INTRINSICS.fy, INTRINSICS.cx, INTRINSICS.cy)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Colour and depth (in millimetres and tenths) of a bar on a table."""
    folder = tmp_path_factory.mktemp("frame")
    frame = tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20))
    write_png(folder / "color.png", frame.color)
    cv2.imwrite(str(folder / "depth.png"), (frame.depth_m * 10_000).round().astype(np.uint16))
    cv2.imwrite(str(folder / "depth.tiff"), frame.depth_m)
    cv2.imwrite(str(folder / "zero.png"), np.zeros((480, 640), np.uint16))
    cv2.imwrite(str(folder / "small.png"), np.ones((240, 320), np.uint16))
    cv2.imwrite(str(folder / "bytes.png"), np.ones((480, 640), np.uint8))
    flat = (tabletop().depth_m * 10_000).round().astype(np.uint16)
    cv2.imwrite(str(folder / "bare.png"), flat)
    (folder / "text.png").write_text("not an image")
    (folder / "cut.png").write_bytes((folder / "depth.png").read_bytes()[:5000])
    return folder


def arguments(files, depth="depth.png", scale="0.0001", color="color.png", k=K, **options):
    words = ["plan", "--color", str(files / color), "--depth", str(files / depth)]
    words += ["--depth-scale", scale, "--intrinsics", *k]
    options = {"query": "hold", "rule": "quality", **options}
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    return words


def test_json_has_ranked_grasps_in_the_camera_frame(files, capsys):
    assert main([*arguments(files, top=3), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["grasps"]) == 3
    first = report["grasps"][0]
    assert np.linalg.norm(first["quaternion_xyzw"]) == pytest.approx(1, abs=1e-5)
    assert first["width_m"] == pytest.approx(0.025, abs=0.004)
    assert first["position"][2] == pytest.approx(0.48, abs=0.05)
    assert report["examined"] >= 2000
    assert {"ground", "generate", "select", "total"} <= set(report["timings_ms"])


def test_a_thing_that_no_hand_can_grasp_is_no_success(files, monkeypatch, capsys):
    none = GraspCandidates(
        np.zeros((0, 4, 4)), np.zeros(0), np.zeros((0, 3)), np.zeros(0), "antipodal", examined=7
    )
    generator = SimpleNamespace(name="antipodal", generate=lambda *_, **__: none)
    monkeypatch.setattr(pipeline, "make_generator", lambda *_: generator)
    assert main(arguments(files)) == 1
    said = capsys.readouterr().out
    assert "\nno grasp was proposed: of 7 hand poses" in said and "rejected" not in said
    assert main([*arguments(files), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["refusal"].startswith("no grasp was proposed")


def test_float_depth_in_metres_gives_the_same_grasp(files, capsys):
    reports = []
    for depth, scale in (("depth.png", "0.0001"), ("depth.tiff", "1")):
        assert main([*arguments(files, depth=depth, scale=scale), "--json"]) == 0
        reports.append(json.loads(capsys.readouterr().out)["grasps"][0]["width_m"])
    assert reports[0] == pytest.approx(reports[1], abs=0.002)


def test_folder_gets_images_and_report(files, tmp_path, capsys):
    assert main(arguments(files, out=tmp_path / "out")) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    pictures = {"color.png", "heatmap.png", "candidates.png", "board.png"}
    assert names == {*pictures, "frame", "report.json"}
    assert "ranked" in capsys.readouterr().out


def test_cloud_and_view_are_written(files, tmp_path):
    """In a process of its own, as a view is the last thing that one does."""
    open3d = pytest.importorskip("open3d", reason="open3d (extra: view) is not installed")
    cloud, view = tmp_path / "cloud.ply", tmp_path / "view.png"
    words = [*arguments(files, **{"save-cloud": cloud, "show": view}), "--json"]
    command = [sys.executable, "-m", "affordance_grasp.cli", *words]
    child = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (0, "")
    assert json.loads(child.stdout)["ranked"] > 0
    heat = open3d.t.io.read_point_cloud(str(cloud)).point["heatmap"].numpy()
    assert len(heat) > 300_000
    assert set(np.unique(heat)) == {0.0, 1.0}  # no method was asked: 1 where the object is
    image = cv2.imread(str(view))[..., ::-1].astype(int)
    assert 0.2 < (np.abs(image - PAPER).max(axis=2) > 20).mean() < 0.95
    chosen = (image[..., 1] > 120) & (image[..., 1] > image[..., [0, 2]].max(axis=2) * 1.5)
    rows, columns = np.nonzero(chosen)
    assert len(rows) > 300
    assert np.median(columns) == pytest.approx(image.shape[1] / 2, abs=60)
    assert np.median(rows) == pytest.approx(image.shape[0] / 2, abs=160)


def test_learned_heat_from_file_to_grasp(files, capsys, random_checkpoint):
    words = arguments(files, rule="bands", query="grab", checkpoint=random_checkpoint)
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["affordance"] == "hold"
    assert report["ranked"] + sum(report["rejected"].values()) == report["candidates"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"color": "missing.png"}, "missing.png cannot be read"),
        ({"color": "text.png"}, "text.png cannot be read"),
        ({"depth": "missing.png"}, "missing.png cannot be read"),
        ({"depth": "text.png"}, "not an image"),
        ({"depth": "small.png"}, "differ in size"),
        ({"depth": "bytes.png"}, "uint16 or float32"),
        ({"depth": "color.png"}, "3 channel"),
        ({"depth": "zero.png"}, "zero or NaN"),
        ({"depth": "bare.png"}, "no object is above"),
        ({"scale": "0"}, "--depth-scale is"),
        ({"scale": "1"}, "check the depth scale"),
        ({"k": ["0", "615", "320", "240"]}, "not invertible"),
        ({"k": ["nan", "615", "320", "240"]}, ", finite"),
        ({"query": "xyzzy", "rule": "quality"}, "unknown query 'xyzzy'; known: "),
        ({"rule": "best"}, "bands, argmax, quality"),
        ({"generator": "magic"}, "known: antipodal"),
        ({"method": "magic", "rule": "bands"}, "plsp"),
        ({"checkpoint": "missing.safetensors", "rule": "bands"}, "missing.safetensors"),
        ({"top": 0}, "whole number >= 1"),
        ({"seed": -1}, "--seed is '-1'"),
        ({"depth": "cut.png"}, "truncated"),
        ({"color": "depth.png"}, "as depth images have"),
        ({"save-cloud": "cloud.obj"}, "expected .ply or .pcd"),
        ({"show": "view.jpg"}, "written as .png"),
        ({"k": ["1e-9", "1e-9", "320", "240"]}, "fit no lens"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(files, capfd, changes, words):
    assert main(arguments(files, **changes)) == 2
    printed = capfd.readouterr()  # of the process: OpenCV complains past Python
    assert printed.out == ""
    assert words in printed.err
    assert printed.err.count("\n") == 1


def test_meaningless_query_lists_the_known(files, capsys, random_checkpoint):
    words = arguments(files, rule="bands", query="qwertz", checkpoint=random_checkpoint)
    assert main(words) == 2
    assert "hold" in capsys.readouterr().err


CLUTTERED = {
    "boxes": (
        [Block(-0.12, 0.02, (0.07, 0.05, 0.16), 25), Block(0.1, -0.03, (0.15, 0.03, 0.04), -40)],
        55.0,
    ),
    "cans": ([Can(-0.1, 0.06, 0.033, 0.12), Can(0.08, -0.02, 0.03, 0.1)], 40.0),
    "both": ([Can(0.12, 0.08, 0.035, 0.1), Block(-0.05, -0.06, (0.19, 0.06, 0.06), 70)], 70.0),
}


@pytest.mark.parametrize("name", CLUTTERED)
def test_a_stereo_cameras_noise_and_holes_leave_grasps_on_things(name, tmp_path, capsys):
    things, elevation_deg = CLUTTERED[name]
    T = looking_down(elevation_deg, 0.8)
    frame = tabletop(*things, noise_m=0, T_world_cam=T)
    rng = np.random.default_rng(0)
    measured = degrade_depth(frame.depth_m, frame.color, frame.intrinsics, rng)
    assert (measured == 0).sum() > 1000
    write_frame(tmp_path, replace(frame, depth_m=measured))
    words = arguments(tmp_path, scale="0.001", top=20)
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["grasps"]) == 20
    assert report["grasps"][0]["quality"] > 0.3
    tcp = to_world([grasp["position"] for grasp in report["grasps"]], T)
    middles = np.array([(thing.x, thing.y) for thing in things])
    reach_m = max(
        np.hypot(*thing.size[:2]) / 2 if isinstance(thing, Block) else thing.radius
        for thing in things
    )
    away_m = np.linalg.norm(tcp[:, None, :2] - middles, axis=2).min(axis=1)
    assert (away_m < reach_m).all()
    assert ((tcp[:, 2] > 0) & (tcp[:, 2] < 0.17)).all()
