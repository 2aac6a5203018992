import json

import numpy as np
import pytest
from PIL import Image, ImageSequence

from affordance_grasp.datatypes import (
    CameraIntrinsics,
    GraspCandidates,
    Heatmap,
    RankedGrasp,
    Reason,
    Region,
    RgbdFrame,
    Selection,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import pose_from_quaternion
from affordance_grasp.image_files import read_color, read_depth
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.report.animation import write_gif
from affordance_grasp.report.figures import heatmap_overlay, montage, titled, write_png
from affordance_grasp.report.glyphs import CHOSEN, around, draw_grasps, gripper_outline
from affordance_grasp.report.plan_report import plan_summary, write_report
from affordance_grasp.scene.table import TablePlane

K = CameraIntrinsics(120, 120, 80, 60, width=160, height=120)
QUATERNION = [0.5, -0.5, 0.5, 0.5]


@pytest.fixture
def plan():
    color = np.full((120, 160, 3), 90, np.uint8)
    values = np.zeros((120, 160), np.float32)
    values[30:40, 100:110] = 1
    values[35, 104] = 1
    T = np.stack([np.eye(4), pose_from_quaternion([0.1, -0.05, 0.4], QUATERNION)])
    T[0, :3, 3] = [0, 0, 0.5]
    contact = np.array([[0, 0, 0.49], [0.1, -0.05, 0.41]])
    candidates = GraspCandidates(
        T, np.array([0.03, 0.02]), contact, np.array([0.4, 0.9]), "test", examined=2000
    )
    best = RankedGrasp(T[0], 0.03, contact[0], (80.0, 60.0), 0.75, 0.4, 0)
    return GraspPlan(
        RgbdFrame(color, np.full((120, 160), 0.5, np.float32), K),
        Heatmap(values, values, "grab", "hold", "plsp", 0.8),
        candidates,
        Selection((best,), {1: Reason.COLD}),
        TablePlane(np.array([0, 0, -1.0]), 0.5),
        Region(60, 10, 140, 90),
        "bands",
        {"total": 12.345},
    )


def test_summary_has_the_fields_of_the_contract(plan):
    summary = plan_summary(plan)
    grasp = summary["grasps"][0]
    assert set(grasp) == {
        "position",
        "quaternion_xyzw",
        "width_m",
        "opening_m",
        "heat",
        "quality",
        "contact_uv",
    }
    assert grasp["position"] == [0, 0, 0.5]
    assert grasp["quaternion_xyzw"] == [0, 0, 0, 1]
    assert summary["rejected"] == {"cold": 1}
    assert summary["timings_ms"] == {"total": 12.3}
    assert summary["frame"] == "camera_color_optical_frame"
    assert (summary["query"], summary["affordance"]) == ("grab", "hold")
    assert json.loads(json.dumps(summary)) == summary


def test_top_limits_what_is_listed(plan):
    assert len(plan_summary(plan, top=1)["grasps"]) == 1
    assert plan_summary(plan, top=0)["grasps"] == []
    assert plan_summary(plan, top=0)["ranked"] == 1


def test_report_writes_everything_it_names(plan, tmp_path):
    photo = np.zeros((90, 120, 3), np.uint8)
    written = write_report(
        tmp_path / "out",
        plan,
        lifted_photo=photo,
        photos=[photo, photo + 80],
        extra={"outcome": {"lifted": True}},
    )
    names = {"color.png", "heatmap.png", "candidates.png", "board.png", "lifted.png", "pick.gif"}
    assert {path.name for path in written.values()} == {*names, "report.json"}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["outcome"] == {"lifted": True}
    assert set(report["files"].values()) == names
    assert np.array_equal(read_color(written["lifted"]), photo)
    frame = tmp_path / "out" / "frame"
    assert np.array_equal(read_color(frame / "color.png"), plan.frame.color)
    depth_m = read_depth(frame / "depth.png", 0.001)
    np.testing.assert_allclose(depth_m, plan.frame.depth_m, atol=0.0005)
    board_of_four = read_color(written["board"])
    without = read_color(write_report(tmp_path / "plan", plan)["board"])
    assert board_of_four.shape[0] > 1.8 * without.shape[0]  # a second row for the photo


def test_report_into_a_file_is_refused(plan, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_report(tmp_path / "file", plan)


def test_hot_pixels_take_the_colour_of_heat_and_cold_ones_keep_theirs(plan):
    picture = heatmap_overlay(plan.frame.color, plan.heatmap).astype(int)
    assert np.ptp(picture[100, 20]) <= 1  # grey stays grey
    assert picture[38, 109, 0] - picture[38, 109, 2] > 60  # hot: yellow, red far above blue


def test_overlay_leaves_the_frame_alone(plan):
    before = plan.frame.color.copy()
    heatmap_overlay(plan.frame.color, plan.heatmap, plan.region)
    assert np.array_equal(plan.frame.color, before)


def test_the_chosen_grasp_is_drawn_where_it_is(plan):
    picture = draw_grasps(plan.frame.color, K, plan.candidates, plan.selection)
    assert picture.shape == (960, 1280, 3)
    rows, columns = np.nonzero((picture == CHOSEN).all(axis=-1))
    # tips 30 mm apart at 0.5 m, knuckles at 0.46 m: within 80 -+ 4 columns, at 8 times the size
    assert columns.min() == pytest.approx(8 * (80 - 120 * 0.015 / 0.46), abs=8)
    assert columns.max() == pytest.approx(8 * (80 + 120 * 0.015 / 0.46), abs=8)
    assert rows.mean() == pytest.approx(8 * 60, abs=8)


def test_a_view_shows_the_same_grasp_larger(plan):
    view = around(Region(60, 40, 100, 80), 160, 120, margin=0.0)
    assert (view.right - view.left) / (view.bottom - view.top) == pytest.approx(
        160 / 120, abs=0.05
    )
    picture = draw_grasps(plan.frame.color, K, plan.candidates, plan.selection, view=view)
    rows, columns = np.nonzero((picture == CHOSEN).all(axis=-1))
    scale = 1280 / (view.right - view.left)
    assert np.ptp(columns) == pytest.approx(scale * 2 * 120 * 0.015 / 0.46, abs=10)
    assert columns.mean() / scale + view.left == pytest.approx(80, abs=1)


def test_fork_has_its_tips_at_the_tcp():
    glyph = gripper_outline(np.eye(4), 0.04)
    assert np.allclose(glyph[[0, 4]], [[-0.02, 0, 0], [0.02, 0, 0]])
    assert glyph[:, 2].max() == 0


def test_grasps_behind_the_camera_are_not_drawn(plan):
    T = plan.candidates.T_cam_tcp.copy()
    T[:, 2, 3] = -1
    behind = GraspCandidates(
        T, plan.candidates.width_m, plan.candidates.contact_cam, plan.candidates.quality, "test"
    )
    plain = draw_grasps(plan.frame.color, K, behind, Selection((), {0: Reason.COLD}))
    assert np.ptp(plain.reshape(-1, 3), axis=0).max() == 0


def test_title_strip_stands_on_top_and_long_notes_are_cut(plan):
    picture = titled(plan.frame.color, "grasps", "a note that is much too long " * 10)
    assert picture.shape[1] == 160
    assert np.array_equal(picture[-120:], plan.frame.color)


def test_board_puts_images_side_by_side():
    red = np.full((40, 60, 3), (200, 0, 0), np.uint8)
    blue = np.full((80, 120, 3), (0, 0, 200), np.uint8)
    sheet = montage([red, blue], columns=2, gap_px=4)
    assert sheet.shape == (48, 132, 3)
    assert tuple(sheet[20, 30]) == (200, 0, 0)
    assert tuple(sheet[20, 90]) == (0, 0, 200)
    with pytest.raises(InvalidInput, match="at least one"):
        montage([])


def test_gif_has_all_frames_and_stays_small(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (300, 400, 3), np.uint8) for _ in range(5)]
    path = write_gif(tmp_path / "noise.gif", noise, fps=5, max_bytes=250_000)
    assert path.stat().st_size <= 250_000
    with Image.open(path) as gif:
        assert gif.n_frames == 5
        shown_ms = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert shown_ms == [200, 200, 200, 200, 1500]
    with pytest.raises(InvalidInput, match="at least one"):
        write_gif(tmp_path / "none.gif", [], fps=5)


def test_png_round_trip(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (7, 9, 3), np.uint8)
    assert np.array_equal(read_color(write_png(tmp_path / "a" / "b.png", picture)), picture)
