"""A board drawn where it would be seen; the camera's true mounting is found again."""

import numpy as np
import pytest
from calibration_views import ROBOT, TILTS, board_views, table_views
from scipy.spatial.transform import Rotation

from affordance_grasp.calibration.board_check import Board, check_on_board, detect_board
from affordance_grasp.calibration.verdict import Verdict
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.geometry import invert, pose

BOARD = Board(7, 5, 0.03, 0.022)
# Its z axis looks into the table, as OpenCV counts it.
T_BASE_BOARD = pose(np.diag([1.0, -1.0, -1.0]), [0.40, 0.08, 0.0])


@pytest.fixture(scope="module")
def views():
    return board_views(BOARD, T_BASE_BOARD)


def test_the_board_is_found_where_it_was_drawn(views):
    found = [seen for view in views if (seen := detect_board(view, BOARD))]
    assert len(found) >= 6, "some of the views cut it off"
    for seen in found:
        expected = invert(seen.T_base_tool0 @ ROBOT.T_tool0_cam) @ T_BASE_BOARD
        assert np.linalg.norm(seen.T_cam_board[:3, 3] - expected[:3, 3]) < 0.002
        turned = Rotation.from_matrix(seen.T_cam_board[:3, :3].T @ expected[:3, :3]).magnitude()
        assert np.degrees(turned) < 0.5


def test_a_true_calibration_is_good(views):
    check = check_on_board(views, BOARD, ROBOT)
    assert check.verdict is Verdict.GOOD
    assert check.views >= 6
    assert check.correction.distance_mm < 0.7
    assert check.correction.angle_deg < 0.1
    assert check.warnings == ()
    assert check.target_z_m == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize("rotation_deg", [(0, 0, 0), (2, -1, 1.5)])
def test_a_known_error_is_found_and_put_right(views, rotation_deg):
    R = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    T_wrong = ROBOT.T_tool0_cam @ pose(R, [0.012, -0.009, 0.015])
    check = check_on_board(views, BOARD, ROBOT, T_wrong)
    assert check.verdict is Verdict.POOR
    T = invert(ROBOT.T_tool0_cam) @ T_wrong @ check.correction.T_cam_corrected
    assert np.linalg.norm(T[:3, 3]) < 0.001
    assert np.degrees(Rotation.from_matrix(T[:3, :3]).magnitude()) < 0.1
    assert check.spread_mm > 3
    assert check.spread_after_mm < 1


def test_the_height_of_the_pendant_is_recognised():
    higher = pose(translation_m=[0, 0, 0.0235]) @ T_BASE_BOARD
    check = check_on_board(board_views(BOARD, higher, offsets=TILTS[:5]), BOARD, ROBOT)
    assert "23.5 mm between the base of Aubo's pendant" in check.warnings[0]


def test_views_without_the_board_do_not_count(views):
    bare = table_views(offsets=TILTS[:2])
    assert (
        check_on_board([*views, *bare], BOARD, ROBOT).views
        == check_on_board(views, BOARD, ROBOT).views
    )
    with pytest.raises(InvalidInput, match="seen in 0 of 2 views; at least 3"):
        check_on_board(bare, BOARD, ROBOT)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ((2, 5, 0.03, 0.02), InvalidInput, "columns is 2; it must be a whole number >= 3"),
        ((7, 5, 0.03, 0.03), InvalidInput, "must be smaller than square_m"),
        ((7, 5, 30.0, 22.0), InvalidInput, "square_m is 30.0; it must be a number > 0 and <= 1"),
        ((7, 5, 0.03, 0.02, "DICT_9X9_1"), UnknownName, "DICT_4X4_50"),
    ],
)
def test_a_board_that_cannot_be_is_refused(fields, error, words):
    with pytest.raises(error, match=words):
        Board(*fields)
