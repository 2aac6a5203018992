"""``hand-eye check`` and ``hand-eye convert``, from files to a verdict and an exit code."""

import json
from dataclasses import replace

import numpy as np
import pytest
from calibration_views import ROBOT, TILTS, board_views, table_views

from affordance_grasp.calibration.board_check import Board
from affordance_grasp.calibration.views import write_view
from affordance_grasp.cli import main
from affordance_grasp.control.camera_mounting import (
    D435_LINK_OPTICAL,
    load_hand_eye,
    read_hand_eye,
    write_hand_eye,
)
from affordance_grasp.geometry import pose


def store(folder, views, offsets=TILTS):
    for view, offset in zip(views, offsets, strict=True):
        q = dict(zip(ROBOT.arm.joint_names, (ROBOT.home_q + offset).tolist(), strict=True))
        write_view(folder / view.name, view.frame, q)
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return store(tmp_path_factory.mktemp("table"), table_views())


@pytest.fixture
def wrong(tmp_path):
    """A calibration whose camera is 14 mm beside the true one."""
    path = tmp_path / "wrong.calib"
    moved = ROBOT.hand_eye.T_tool0_cam @ pose(translation_m=[0.014, 0, 0])
    hand_eye = ROBOT.hand_eye
    write_hand_eye(path, type(hand_eye)(moved, hand_eye.effector_frame, hand_eye.camera_frame))
    return path


def test_the_robot_s_own_calibration_is_good(table, capsys):
    assert main(["hand-eye", "check", str(table)]) == 0
    said = capsys.readouterr().out
    assert "8 views of the table" in said
    assert "verdict: good" in said


def test_a_wrong_calibration_is_put_right(table, wrong, tmp_path, capsys):
    right = tmp_path / "right.calib"
    words = ["hand-eye", "check", str(table), "--hand-eye", str(wrong), "--json"]
    assert main([*words, "--out", str(right)]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert summary["verdict"] == "poor"
    assert summary["correction"]["translation_mm"][0] == pytest.approx(-14, abs=1)
    T = load_hand_eye(right).T_tool0_cam
    np.testing.assert_allclose(T[:3, 3], ROBOT.T_tool0_cam[:3, 3], atol=0.0015)
    assert main(["hand-eye", "check", str(table), "--hand-eye", str(right)]) == 0


def test_views_that_decide_nothing_leave_no_calibration(tmp_path, capsys):
    offsets = [(0.1 * turn, 0, 0, 0, 0, 0) for turn in range(-4, 4)]  # never tilted
    folder = store(tmp_path / "views", table_views(offsets=offsets), offsets)
    out = tmp_path / "right.calib"
    assert main(["hand-eye", "check", str(folder), "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "verdict: undecided" in said and "right.calib is not written" in said
    assert not out.exists()


def test_a_board_is_looked_for_when_it_is_named(tmp_path, wrong, capsys):
    board = Board(6, 5, 0.025, 0.018)
    place = pose(np.diag([1.0, -1.0, -1.0]), [0.42, 0.06, 0.0])
    folder = store(tmp_path / "board", board_views(board, place))
    words = ["hand-eye", "check", str(folder), "--square-mm", "25", "--marker-mm", "18"]
    assert main([*words, "--board", "6x5", "--hand-eye", str(wrong), "--json"]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["target"], summary["verdict"]) == ("board", "poor")
    assert summary["correction"]["translation_mm"][0] == pytest.approx(-14, abs=1)


def test_a_calibration_goes_to_the_link_and_back(tmp_path, capsys):
    optical, link, back = (tmp_path / f"{name}.calib" for name in ("optical", "link", "back"))
    write_hand_eye(optical, ROBOT.hand_eye)
    assert main(["hand-eye", "convert", str(optical), "--to", "link", "--out", str(link)]) == 0
    assert "pose of camera_link in tool0" in capsys.readouterr().out
    T_tool0_link = read_hand_eye(link).T_tool0_cam
    np.testing.assert_allclose(T_tool0_link @ D435_LINK_OPTICAL, ROBOT.T_tool0_cam, atol=1e-9)
    assert main(["hand-eye", "convert", str(link), "--to", "optical", "--out", str(back)]) == 0
    np.testing.assert_allclose(load_hand_eye(back).T_tool0_cam, ROBOT.T_tool0_cam, atol=1e-9)


def test_a_calibration_of_the_depth_imager_is_that_of_colour_15_mm_aside(tmp_path):
    depth, optical = tmp_path / "depth.calib", tmp_path / "optical.calib"
    write_hand_eye(depth, replace(ROBOT.hand_eye, camera_frame="camera_depth_optical_frame"))
    assert main(["hand-eye", "convert", str(depth), "--to", "optical", "--out", str(optical)]) == 0
    moved = np.linalg.inv(ROBOT.T_tool0_cam) @ load_hand_eye(optical).T_tool0_cam
    np.testing.assert_allclose(moved, pose(translation_m=[-0.015, 0, 0]), atol=1e-9)


def test_the_camera_s_own_extrinsics_may_be_given(tmp_path):
    optical, link = tmp_path / "optical.calib", tmp_path / "link.calib"
    write_hand_eye(optical, ROBOT.hand_eye)
    extrinsics = ["--link-to-optical", "0.001", "0.0148", "0.0002", "-0.5", "0.5", "-0.5", "0.5"]
    words = ["hand-eye", "convert", str(optical), "--to", "link", "--out", str(link)]
    assert main([*words, "--frame", "wrist_link", *extrinsics]) == 0
    T_link_optical = pose(D435_LINK_OPTICAL[:3, :3], [0.001, 0.0148, 0.0002])
    moved = read_hand_eye(link)
    assert moved.camera_frame == "wrist_link"
    np.testing.assert_allclose(moved.T_tool0_cam @ T_link_optical, ROBOT.T_tool0_cam, atol=1e-9)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["check", "{tmp}"], "holds no views"),
        (["check", "{tmp}", "--board", "big"], "--board is 'big'; expected squares such as 7x5"),
        (["check", "{tmp}", "--hand-eye", "{tmp}/x"], "/x cannot be read"),
        (["convert", "{tmp}/x", "--to", "link", "--out", "{tmp}/y"], "/x cannot be read"),
        (["convert", "{good}", "--to", "optical", "--out", "{tmp}/y"], "nothing to convert"),
        (
            ["convert", "{good}", "--to", "link", "--out", "{tmp}/y", "--link-to-optical"]
            + ["0"] * 7,
            "unit quaternion",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path, capsys, words, sentence):
    good = tmp_path / "good.calib"
    write_hand_eye(good, ROBOT.hand_eye)
    words = [word.format(tmp=tmp_path, good=good) for word in words]
    assert main(["hand-eye", *words]) == 2
    complaint = capsys.readouterr().err
    assert sentence in complaint
    assert complaint.count("\n") == 1
