"""What comes from another program is refused in one sentence, or clean afterwards."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.candidates.external.external_grasps import (
    MAX_GRASPS,
    external_grasps,
    poses_from_parts,
)
from affordance_grasp.errors import ExternalFault

GOOD = np.tile(np.eye(4), (3, 1, 1))


def changed(row, column, value):
    T = GOOD.copy()
    T[1, row, column] = value
    return T


def test_what_a_generator_does_not_say_is_nan():
    grasps = external_grasps(GOOD, "test", score=[0.1, 0.2, 0.3])
    assert len(grasps) == 3
    assert np.isnan(grasps.width_m).all()
    assert np.isnan(grasps.depth_m).all()
    assert len(external_grasps([], "test")) == 0


def test_rotations_of_single_precision_are_made_exact():
    R = Rotation.random(50, random_state=0).as_matrix().astype(np.float16)
    T = poses_from_parts(R.astype(float), np.zeros((50, 3)))
    T[:, 3] = 7.0  # a last row that some networks leave unset
    clean = external_grasps(T, "test").T_cam_external
    R = clean[:, :3, :3]
    np.testing.assert_allclose(
        R @ np.swapaxes(R, 1, 2), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12
    )
    np.testing.assert_array_equal(clean[:, 3], np.tile([0, 0, 0, 1.0], (50, 1)))
    np.testing.assert_allclose(R, T[:, :3, :3], atol=2e-3)


@pytest.mark.parametrize(
    ("poses", "words"),
    [
        (np.eye(4), r"poses are \(4, 4\), expected \(N, 4, 4\)"),
        (np.zeros((2, 3, 4)), r"poses are \(2, 3, 4\)"),
        (7.0, "expected"),
        ([["a", "b"]], "not numbers"),
        ([[1.0], [2.0, 3.0]], "not numbers in a regular array"),
        ([[[10**400]]], "not numbers"),
        (np.tile(np.eye(4), (MAX_GRASPS + 1, 1, 1)), f"at most {MAX_GRASPS}"),
        (np.zeros((2, 4, 4)), "none of 2 grasps is usable: 2 with a rotation that is not orth"),
    ],
)
def test_an_answer_that_holds_no_grasps_is_refused(poses, words):
    with pytest.raises(ExternalFault, match=words):
        external_grasps(poses, "test")


@pytest.mark.parametrize(
    ("poses", "reason"),
    [
        (changed(0, 3, np.nan), "with a pose that holds NaN or infinity"),
        (changed(0, 0, np.inf), "with a pose that holds NaN or infinity"),
        (changed(2, 3, 480.0), "more than 10 m away"),
        (changed(2, 3, 1e300), "more than 10 m away"),
        (changed(0, 0, 1.1), "with a rotation that is not orthonormal"),
        (changed(0, 0, 1e300), "with a rotation that is not orthonormal"),
        (changed(0, 0, -1.0), "with a left-handed rotation"),
    ],
)
def test_one_bad_pose_is_left_out_and_counted(poses, reason):
    grasps = external_grasps(poses, "test", score=[0.1, 0.2, 0.3])
    np.testing.assert_array_equal(grasps.score, [0.1, 0.3])
    np.testing.assert_array_equal(grasps.T_cam_external, GOOD[:2])
    assert grasps.left_out == {reason: 1}
    assert grasps.proposed == 3
    with pytest.raises(ExternalFault, match=f"test: none of 1 grasps is usable: 1 {reason};"):
        external_grasps(poses[1:2], "test")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"width_m": [0.1, 0.2]}, r"width_m is \(2,\) for 3 grasps"),
        ({"score": ["best", 1, 2]}, "score are not numbers"),
    ],
)
def test_columns_that_do_not_fit_are_refused(values, words):
    with pytest.raises(ExternalFault, match=words):
        external_grasps(GOOD, "test", **values)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"score": [0.1, np.inf, 0.2]}, "with an infinite score"),
        ({"width_m": [0.1, 80.0, 0.1]}, "with a width that is not within 0..1 m"),
        ({"width_m": [0.066, -0.001, 0.1]}, "with a width that is not within 0..1 m"),
        ({"depth_m": [0.0, 20.0, 0.0]}, "with a depth that is not within 1 m"),
    ],
)
def test_one_bad_number_is_left_out_and_counted(values, reason):
    assert external_grasps(GOOD, "test", **values).left_out == {reason: 1}


def test_a_grasp_with_two_faults_is_counted_once():
    grasps = external_grasps(changed(0, 3, np.nan), "test", width_m=[0.1, -1.0, 0.1])
    assert grasps.left_out == {"with a pose that holds NaN or infinity": 1}
