import numpy as np
import pytest

from affordance_grasp.datatypes import (
    CameraIntrinsics,
    GraspCandidates,
    Heatmap,
    JointTrajectory,
    Reason,
    Region,
    RgbdFrame,
    Selection,
)
from affordance_grasp.errors import InvalidInput

SMALL = CameraIntrinsics(10, 10, 4, 3, width=8, height=6)


def candidates(n=3, **changes):
    fields = {
        "T_cam_tcp": np.tile(np.eye(4), (n, 1, 1)),
        "width_m": np.full(n, 0.02),
        "contact_cam": np.ones((n, 3)),
        "quality": np.ones(n),
        "generator": "test",
    }
    return GraspCandidates(**{**fields, **changes})


def test_camera_matrix():
    assert np.array_equal(SMALL.K, [[10, 0, 4], [0, 10, 3], [0, 0, 1]])


@pytest.mark.parametrize(
    ("fx", "fy", "width", "words"),
    [
        (1e-9, 10, 8, "fit no lens"),
        (10, 1e12, 8, "fit no lens"),
        (0, 10, 8, "not invertible"),
        (10, -1, 8, "not invertible"),
        (np.nan, 10, 8, "NaN"),
        (10, 10, 0, "sides must be"),
        (10, 10, 100_000, "sides must be"),
    ],
)
def test_unusable_intrinsics_are_refused(fx, fy, width, words):
    with pytest.raises(InvalidInput, match=words):
        CameraIntrinsics(fx, fy, 4, 3, width=width, height=6)


@pytest.mark.parametrize("cx", [-5000, 1e9])
def test_a_principal_point_far_outside_is_refused(cx):
    with pytest.raises(InvalidInput, match="principal point"):
        CameraIntrinsics(600, 600, cx, 240, width=640, height=480)


def test_region_slices_cut_the_rectangle():
    image = np.arange(48).reshape(6, 8)
    assert image[Region(2, 1, 5, 3).slices].tolist() == [[10, 11, 12], [18, 19, 20]]


@pytest.mark.parametrize("corners", [(2, 1, 2, 3), (-1, 0, 4, 4), (0, 3, 4, 2)])
def test_empty_or_negative_region_is_refused(corners):
    with pytest.raises(InvalidInput, match="region"):
        Region(*corners)


def test_frame_cleans_depth():
    depth = np.full((6, 8), 0.5, np.float32)
    depth[0, :3] = [np.nan, np.inf, -1]
    frame = RgbdFrame(np.zeros((6, 8, 3), np.uint8), depth, SMALL)
    assert frame.depth_m[0].tolist() == [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert frame.depth_m.dtype == np.float32


@pytest.mark.parametrize(
    ("color", "depth", "words"),
    [
        (np.zeros((6, 8, 3), np.uint8), np.zeros((6, 9)), "aligned"),
        (np.zeros((5, 8, 3), np.uint8), np.zeros((6, 8)), "aligned"),
        (np.zeros((6, 8, 3)), np.zeros((6, 8)), "uint8"),
        (np.zeros((6, 8), np.uint8), np.zeros((6, 8)), "rgb"),
    ],
)
def test_frames_that_do_not_fit_are_refused(color, depth, words):
    with pytest.raises(InvalidInput, match=words):
        RgbdFrame(color, depth.astype(np.float32), SMALL)


def test_peak_is_column_and_row():
    values = np.zeros((6, 8), np.float32)
    values[2, 5] = 1
    assert Heatmap(values, values, "hold", "hold", "test", 1.0).peak_uv == (5, 2)


def test_candidates_know_their_number():
    assert len(candidates(3)) == 3
    assert len(candidates(0)) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quality": np.ones(2)}, "quality"),
        ({"contact_cam": np.ones((3, 2))}, "contact_cam"),
        ({"T_cam_tcp": np.eye(4)}, "T_cam_tcp"),
        ({"width_m": np.array([0.02, np.nan, 0.02])}, "NaN"),
    ],
)
def test_candidates_that_disagree_are_refused(changes, words):
    with pytest.raises(InvalidInput, match=words):
        candidates(**changes)


def test_selection_counts_reasons_in_fixed_order():
    selection = Selection((), {0: Reason.TABLE, 1: Reason.COLD, 2: Reason.COLD})
    assert selection.best is None
    assert list(selection.rejection_counts().items()) == [("cold", 2), ("table", 1)]


def trajectory(times):
    zeros = np.zeros((len(times), 2))
    return JointTrajectory(("a", "b"), np.array(times, float), zeros, zeros)


def test_trajectory_duration():
    assert trajectory([0, 0.5, 2]).duration_s == 2


@pytest.mark.parametrize("times", [[0.1, 1], [0, 1, 1], [0, 2, 1]])
def test_trajectory_times_must_grow_from_zero(times):
    with pytest.raises(InvalidInput, match="grow"):
        trajectory(times)


def test_trajectory_shapes_must_agree():
    with pytest.raises(InvalidInput, match=r"\(2, 2\)"):
        JointTrajectory(("a", "b"), np.array([0.0, 1]), np.zeros((2, 3)), np.zeros((2, 2)))


def test_a_frame_of_more_pixels_than_a_depth_camera_has_is_refused():
    size = (3000, 6000)
    large = CameraIntrinsics(4000, 4000, 3000, 1500, 6000, 3000)
    with pytest.raises(InvalidInput, match="6000x3000; at most 16.8 megapixels"):
        RgbdFrame(np.zeros((*size, 3), np.uint8), np.zeros(size, np.float32), large)
