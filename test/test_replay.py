"""A whole replay: every message counted, nothing planned twice, one sentence when it cannot be."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from small_bags import START_NS, bag_writer, compressed, image, info, joints, transforms
from tabletop import INTRINSICS, Block, tabletop

from affordance_grasp import pipeline
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.cli import main
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import CameraIntrinsics, Heatmap, RgbdFrame
from affordance_grasp.errors import ExternalFault
from affordance_grasp.geometry import pose, quaternion_xyzw
from affordance_grasp.replay.report.results import read_results

PREFIX = "/camera/camera/"
COLOR, DEPTH, INFO = (
    f"{PREFIX}{name}"
    for name in ("color/image_raw", "aligned_depth_to_color/image_raw", "color/camera_info")
)
SMALL = CameraIntrinsics(
    INTRINSICS.fx / 4, INTRINSICS.fy / 4, INTRINSICS.cx / 4, INTRINSICS.cy / 4, 160, 120
)
FRAMES = 6


@pytest.fixture(scope="module")
def bar() -> RgbdFrame:
    """A bar on a table, small, so that a plan is quick."""
    whole = tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20), noise_m=0.0005)
    return RgbdFrame(
        np.ascontiguousarray(whole.color[::4, ::4]), whole.depth_m[::4, ::4].copy(), SMALL
    )


def millimetres(frame):
    return np.rint(frame.depth_m * 1000).astype(np.uint16)


def write_frame(bag, frame, t_s, with_depth=True, **color):
    bag.write(INFO, info(t_s, frame.intrinsics), t_s)
    if with_depth:
        bag.write(DEPTH, image(t_s, millimetres(frame), "16UC1"), t_s)
    bag.write(COLOR, image(t_s, frame.color, **{"encoding": "rgb8", **color}), t_s)


@pytest.fixture(scope="module")
def bag(bar, tmp_path_factory):
    """Six frames; the fourth is bare, and one colour image in between has no depth."""
    path = tmp_path_factory.mktemp("bags") / "bag"
    bare = replace(bar, depth_m=tabletop(noise_m=0.0005).depth_m[::4, ::4])
    with bag_writer(path) as writer:
        for i in range(FRAMES):
            write_frame(writer, bare if i == 3 else bar, i * 0.2)
            if i == 1:
                writer.write(COLOR, image(0.3, bar.color, "rgb8"), 0.3)
    return path


def replayed(capsys, bag, *words):
    code = main(
        ["replay", str(bag), "--query", "hold", "--rule", "quality", "--workers", "1", "--json"]
        + [str(word) for word in words]
    )
    said = capsys.readouterr()
    return json.loads(said.out) if code == 0 else (code, said.err)


def refused(capsys, bag, *words):
    code, error = replayed(capsys, bag, *words)
    assert code == 2
    lines = [line for line in error.splitlines() if line.startswith("affordance-grasp replay: ")]
    assert len(lines) == 1
    return lines[0]


def test_every_frame_has_a_result_and_everything_else_is_counted(bag, tmp_path, capsys):
    out = tmp_path / "out"
    summary = replayed(capsys, bag, "--out", out)
    assert summary["frames"] == {"total": 6, "planned": 5, "nothing": 1, "broken": 0}
    assert summary["left_out"] == {"colour_images_without_depth": 1, "broken_messages": 0}
    assert summary["grasp_found_rate"] == 1.0
    assert any("no object is above the table" in words for words in summary["messages"])
    results = list(read_results(out / "frames.jsonl"))
    assert [r.index for r in results] == list(range(FRAMES))
    assert [r.stamp_ns - START_NS for r in results] == [i * 200_000_000 for i in range(FRAMES)]
    first = results[0].grasps[0]
    assert first["width_m"] == pytest.approx(0.025, abs=0.008)
    assert results[0].grasps == results[5].grasps
    assert {p.name for p in (out / "frames").iterdir()} == {
        f"{i:06d}.jpg" for i in range(FRAMES) if i != 3
    }
    assert cv2.imread(str(out / "frames" / "000000.jpg")).shape == (120, 160, 3)
    assert len((out / "frames.csv").read_text().splitlines()) == 1 + FRAMES
    assert json.loads((out / "summary.json").read_text()) == summary


def test_every_nth_frame_of_a_part_of_the_bag(bag, tmp_path, capsys):
    out = tmp_path / "out"
    replayed(capsys, bag, "--out", out, "--every", 2, "--pictures-every", 0)
    assert [r.index for r in read_results(out / "frames.jsonl")] == [0, 2, 4]
    assert not (out / "frames").exists()
    summary = replayed(capsys, bag, "--start", 0.35, "--end", 0.55)
    assert summary["frames"]["total"] == 1
    assert summary["files"] is None


def test_frames_are_written_in_3d_and_linked(bag, tmp_path, capsys):
    pytest.importorskip("viser", reason="viser (extra: page) is not installed")
    out = tmp_path / "out"
    replayed(capsys, bag, "--out", out, "--every", 2, "--scenes-every", 2, "--workers", 1)
    assert {path.name for path in (out / "scenes").iterdir()} == {"000000.html", "000004.html"}
    page = (out / "report.html").read_text()
    assert 'href="scenes/000004.html"' in page and "scenes/000002" not in page


def test_a_frame_keeps_its_number_wherever_a_replay_starts(bag, tmp_path, capsys):
    words = ("--out", tmp_path / "out", "--start", 0.35)
    replayed(capsys, bag, *words)
    path = tmp_path / "out" / "frames.jsonl"
    results = list(read_results(path))
    assert [(r.index, r.stamp_ns - START_NS) for r in results] == [
        (i, i * 200_000_000) for i in range(2, FRAMES)
    ]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    assert replayed(capsys, bag, *words)["this_run"]["resumed_after"] == 1
    assert [r.index for r in read_results(path)] == list(range(2, FRAMES))


def test_what_is_broken_before_the_start_is_not_counted(bar, tmp_path, capsys):
    with bag_writer(tmp_path / "bag") as writer:
        writer.write(COLOR, b"\0\1\0\0 short", 0, "sensor_msgs/msg/Image")
        write_frame(writer, bar, 0.4)
    summary = replayed(capsys, tmp_path / "bag", "--start", 0.2, "--strict")
    assert summary["left_out"]["broken_messages"] == 0


@pytest.mark.parametrize(("kept", "torn"), [(0, ""), (2, ""), (5, '{"index": 5, "sta'), (6, "")])
def test_a_killed_replay_goes_on_where_it_was(bag, tmp_path, capsys, kept, torn):
    out = tmp_path / "out"
    whole = replayed(capsys, bag, "--out", out)
    lines = (out / "frames.jsonl").read_text().splitlines(keepends=True)
    (out / "frames.jsonl").write_text("".join(lines[:kept]) + torn)
    again = replayed(capsys, bag, "--out", out)
    assert again["this_run"]["resumed_after"] == kept
    assert again["this_run"]["frames"] == FRAMES - kept
    for name in ("frames", "left_out", "rejected", "messages"):
        assert again[name] == whole[name]
    results = [r.index for r in read_results(out / "frames.jsonl")]
    assert results == list(range(FRAMES))


def test_a_folder_of_another_replay_is_not_continued(bag, tmp_path, capsys):
    out = tmp_path / "out"
    replayed(capsys, bag, "--out", out, "--end", 0.3)
    said = refused(capsys, bag, "--out", out)
    assert "holds a replay with end_s 0.3 instead of None" in said and "--restart" in said
    assert replayed(capsys, bag, "--out", out, "--restart")["frames"]["total"] == FRAMES
    (out / "frames.jsonl").write_text("not ours\n")
    assert "not the results file" in refused(capsys, bag, "--out", out)


def test_a_replay_with_another_checkpoint_or_length_of_lists_is_another(
    bag, tmp_path, capsys, random_checkpoint
):
    out, checkpoint = tmp_path / "out", tmp_path / "head.safetensors"
    checkpoint.write_bytes(random_checkpoint.read_bytes())
    words = ("--out", out, "--rule", "bands", "--checkpoint", checkpoint, "--end", 0.1)
    replayed(capsys, bag, *words)
    said = refused(capsys, bag, *words, "--top", 3)
    assert "holds a replay with top 10 instead of 3" in said
    checkpoint.write_bytes(random_checkpoint.read_bytes() + b" ")
    assert "holds a replay with checkpoint_sha256" in refused(capsys, bag, *words)


def test_a_restart_loses_nothing_until_everything_that_it_needs_is_there(
    bag, tmp_path, capsys, random_checkpoint
):
    out = tmp_path / "out"
    replayed(capsys, bag, "--out", out)
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    heat = ("--rule", "bands", "--checkpoint")
    for words in (
        ("--query", "???"),
        ("--color-topic", "/none"),
        (*heat, "/none"),
        (*heat, random_checkpoint, "--query", "ride"),
    ):
        refused(capsys, bag, "--out", out, "--restart", *words)
    refused(capsys, tmp_path / "typo", "--out", out, "--restart")
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before


def test_a_restart_takes_away_all_that_was_made_before_and_nothing_else(bag, tmp_path, capsys):
    out = tmp_path / "out"
    replayed(capsys, bag, "--out", out)
    (out / "notes.txt").write_text("mine")
    refused(capsys, bag, "--out", out, "--restart", "--start", 1e6)
    left = {path.name for path in out.rglob("*.*")}
    assert left == {"notes.txt", "frames.jsonl", "run.json"}


def test_broken_messages_are_counted_and_not_fatal(bar, tmp_path, capsys):
    with bag_writer(tmp_path / "bag", "SQLITE3") as writer:
        for i in range(3):
            write_frame(writer, bar, i * 0.2)
        writer.write(COLOR, b"\0\1\0\0 short", 0.7, "sensor_msgs/msg/Image")
        write_frame(writer, bar, 0.8, encoding="yuv422")
        write_frame(writer, bar, 1.0, data=np.zeros(7, np.uint8))
        write_frame(writer, bar, 1.2, width=2**31)
    summary = replayed(capsys, tmp_path / "bag")
    assert summary["frames"] == {"total": 6, "planned": 3, "nothing": 0, "broken": 3}
    assert summary["left_out"]["broken_messages"] == 1
    said = " ".join(summary["messages"])
    for words in ("encoding 'yuv422'", "has 7 bytes", "sides must be", "readable header"):
        assert words in said
    assert "readable header" in refused(capsys, tmp_path / "bag", "--strict")


def test_a_bag_of_wrong_images_is_one_sentence(bar, tmp_path, capsys):
    with bag_writer(tmp_path / "bag") as writer:
        for i in range(30):
            write_frame(writer, bar, i * 0.1, encoding="bayer_rggb8")
    said = refused(capsys, tmp_path / "bag")
    assert "the first 10 frames cannot be used" in said and "'bayer_rggb8'" in said
    with bag_writer(tmp_path / "few") as writer:
        write_frame(writer, bar, 0, encoding="bayer_rggb8")
    assert "no frame of bag" in refused(capsys, tmp_path / "few")


class Moody:
    """A generator that cannot serve every frame."""

    def __init__(self, served):
        self._served, self._asked = iter(served), 0

    def generate(self, frame, *, seed=0, scene=None, target=None):
        if next(self._served):
            return make_generator("antipodal").generate(frame, seed=seed, scene=scene)
        self._asked += 1
        raise ExternalFault(f"graspgen: no answer to request {self._asked}")


def test_a_frame_that_a_generator_cannot_serve_is_one_without_grasps(
    bag, tmp_path, capsys, monkeypatch
):
    moody = Moody([True, False, True, True, True, True])
    monkeypatch.setattr(pipeline, "make_generator", lambda *_: moody)
    summary = replayed(capsys, bag, "--out", tmp_path / "out")
    assert summary["frames"] == {"total": 6, "planned": 4, "nothing": 2, "broken": 0}
    assert summary["messages"]["graspgen: no answer to request 1"] == 1
    results = list(read_results(tmp_path / "out" / "frames.jsonl"))
    assert [r.index for r in results if r.fault] == [1]


@pytest.mark.parametrize("frames", [3, 11])
def test_a_generator_that_serves_no_frame_ends_the_replay_and_can_be_put_right(
    bar, tmp_path, capsys, monkeypatch, frames
):
    words = "no frame of bag" if frames < 10 else "the first 10 frames"
    with bag_writer(tmp_path / "bag") as writer:
        for i in range(frames):
            write_frame(writer, bar, i * 0.1)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "make_generator", lambda *_: Moody([False] * frames))
        said = refused(capsys, tmp_path / "bag", "--out", tmp_path / "out")
    assert words in said and "graspgen: no answer" in said
    again = replayed(capsys, tmp_path / "bag", "--out", tmp_path / "out")
    assert again["frames"]["planned"] == again["frames"]["total"] > 0


def test_depth_that_never_comes_in_time_is_one_sentence(bar, tmp_path, capsys):
    with bag_writer(tmp_path / "bag") as writer:
        for i in range(3):
            writer.write(INFO, info(i, SMALL), i)
            writer.write(DEPTH, image(i + 0.2, millimetres(bar), "16UC1"), i + 0.2)
            writer.write(COLOR, image(i, bar.color, "rgb8"), i)
    assert "none of the 3 colour images" in refused(capsys, tmp_path / "bag")


def test_compressed_images_give_the_same_grasps(bar, bag, tmp_path, capsys):
    with bag_writer(tmp_path / "bag", "SQLITE3", "MESSAGE") as writer:
        writer.write(INFO, info(0, SMALL), 0)
        depth = b"\0" * 12 + cv2.imencode(".png", millimetres(bar))[1].tobytes()
        color = cv2.imencode(".png", bar.color[..., ::-1])[1].tobytes()
        message = compressed(0, depth, "16UC1; compressedDepth")
        writer.write(f"{DEPTH}/compressedDepth", message, 0)
        writer.write(f"{COLOR}/compressed", compressed(0, color, "rgb8; png compressed bgr8"), 0)
    for folder, path in (("raw", bag), ("small", tmp_path / "bag")):
        replayed(capsys, path, "--out", tmp_path / folder, "--end", 0.1)
    raw, small = (
        next(read_results(tmp_path / name / "frames.jsonl")) for name in ("raw", "small")
    )
    assert raw.grasps == small.grasps


class Bright:
    """GrounderProtocol whatever is bright."""

    def resolve(self, query):
        return "hold"

    def ground(self, color, query, region=None):
        values = np.zeros(color.shape[:2], np.float32)
        values[region.slices] = color[region.slices].mean(axis=2) / 255
        return Heatmap(values, values, query, "hold", "bright", 0.5)


def test_ground_truth_in_the_bag_and_in_a_folder_score_alike(bar, tmp_path, capsys, monkeypatch):
    mask = np.where(bar.depth_m < tabletop(noise_m=0).depth_m[::4, ::4] - 0.008, 255, 0)
    mask = mask.astype(np.uint8)
    with bag_writer(tmp_path / "bag") as writer:
        write_frame(writer, bar, 0)
        writer.write("/annotation/hold", image(0, mask, "mono8"), 0)
        writer.write("/annotation/pour", image(0, mask * 0, "mono8"), 0)
    (tmp_path / "truth").mkdir()
    cv2.imwrite(str(tmp_path / "truth" / f"{START_NS}.png"), mask)
    folder = ("--truth", tmp_path / "truth")
    alone = replayed(capsys, tmp_path / "bag", *folder)["ground_truth"]
    assert (alone["maps"], alone["kld"], alone["on_part_rate"]) == (0, None, 1.0)  # no heatmap
    monkeypatch.setattr("affordance_grasp.grounding.grounder.load_grounder", lambda *_: Bright())
    scores = [
        replayed(capsys, tmp_path / "bag", "--rule", "bands", *words)["ground_truth"]
        for words in ((), folder)
    ]
    assert scores[0] == scores[1]
    assert scores[0]["maps"] == 1 and scores[0]["on_part_rate"] == 1.0
    assert scores[0]["sim"] > 0.05
    cv2.imwrite(str(tmp_path / "truth" / f"{START_NS}.png"), mask[::2])
    said = refused(capsys, tmp_path / "bag", "--truth", tmp_path / "truth")
    assert "ground truth is 160x60 and the colour image 160x120" in said


def robot_view():
    robot = load_robot()
    return robot, robot.T_base_cam(robot.home_q)


@pytest.mark.parametrize("known", ["joints", "tf", "nothing", "not asked"])
def test_reach_is_checked_where_the_bag_tells_where_the_camera_was(bar, tmp_path, capsys, known):
    robot, T_base_cam = robot_view()
    with bag_writer(tmp_path / "bag") as writer:
        if known in ("joints", "not asked"):
            message = joints(0, robot.arm.joint_names, robot.home_q)
            writer.write("/joint_states", message, 0)
        if known == "tf":
            xyz, q = T_base_cam[:3, 3], quaternion_xyzw(T_base_cam)
            link = ("base_link", "camera_color_optical_frame", xyz, q)
            writer.write("/tf_static", transforms(0, link), 0)
        write_frame(writer, bar, 0)
    words = ["--no-reach"] if known == "not asked" else []
    summary = replayed(capsys, tmp_path / "bag", "--out", tmp_path / "out", *words)
    result = next(read_results(tmp_path / "out" / "frames.jsonl"))
    unchecked = "reach was not checked on 1 of 1 planned frames: the bag has neither joint_states"
    assert summary["reach_not_checked"].startswith(unchecked) == (known == "nothing")
    assert bool(summary["reach_not_checked"]) == (known == "nothing")
    if known in ("nothing", "not asked"):
        assert result.view is None and result.base is None
        return
    assert result.view == ("joint_states" if known == "joints" else "tf")
    T_cam_tcp = pose(translation_m=result.grasps[0]["position"])
    np.testing.assert_allclose(result.base["position"], (T_base_cam @ T_cam_tcp)[:3, 3], atol=1e-4)


def test_a_lost_depth_image_costs_its_frame_and_the_worst_gap_is_told(bar, tmp_path, capsys):
    with bag_writer(tmp_path / "bag") as writer:
        for i in range(8):
            write_frame(writer, bar, i / 30, with_depth=i != 4)
        depth = image(8 / 30 + 0.004, millimetres(bar), "16UC1")
        writer.write(DEPTH, depth, 8 / 30)
        writer.write(COLOR, image(8 / 30, bar.color, "rgb8"), 8 / 30)
    summary = replayed(capsys, tmp_path / "bag")
    assert summary["frames"]["planned"] == 8
    assert summary["left_out"]["colour_images_without_depth"] == 1
    assert summary["worst_depth_gap_ms"] == 4.0
    words = ["replay", str(tmp_path / "bag"), "--query", "hold", "--rule", "quality"]
    assert main([*words, "--workers", "1", "--every", "9"]) == 0
    said = capsys.readouterr().out
    assert said.count("reach was not checked on 1 of 1 planned frames") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--every", 0), "--every is '0'; it must be a whole number >= 1"),
        (("--start", 2, "--end", 1), "end_s is 1; it must be after start_s, 2"),
        (("--start", 1e6), "no colour image"),
        (("--start", "inf"), "finite"),
        (("--end", "inf"), "finite"),
        (("--end", "nan"), "--end is 'nan'; it must be a number > 0"),
        (("--rule", "luck"), "unknown selection rule 'luck'"),
        (("--precision", "luck"), "unknown precision 'luck'"),
        (("--generator", "luck"), "unknown generator 'luck'"),
        (("--generator", "command"), "needs the program to run"),
        (("--generator", "command", "--generator-option", "command=false"), "ended with code 1"),
        (("--query", "???"), "'???'"),
        (("--color-topic", "/none"), "no topic /none"),
        (("--truth", "/none"), "no PNG"),
        (("--robot", "/none.yaml"), "/none.yaml"),
    ],
)
def test_bad_arguments_are_one_sentence(bag, capsys, words, said):
    assert said in refused(capsys, bag, *words)
