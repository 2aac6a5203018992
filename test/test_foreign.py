"""What comes from another program is refused in one sentence, or clean afterwards."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.candidates.external.external_grasps import (
    MAX_GRASPS,
    GeneratorFault,
    external_grasps,
    poses_from_parts,
)

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
        (changed(0, 3, np.nan), "NaN or infinity"),
        (changed(0, 0, np.inf), "NaN or infinity"),
        (changed(2, 3, 480.0), "480 m away; positions are in metres"),
        (changed(0, 0, 1.1), "not orthonormal and right-handed"),
        (changed(0, 0, -1.0), "not orthonormal and right-handed"),
        (np.zeros((1, 4, 4)), "not orthonormal"),
        (np.tile(np.eye(4), (MAX_GRASPS + 1, 1, 1)), f"at most {MAX_GRASPS}"),
    ],
)
def test_bad_poses_are_refused(poses, words):
    with pytest.raises(GeneratorFault, match=words):
        external_grasps(poses, "test")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"width_m": [0.1, 0.2]}, r"width_m is \(2,\) for 3 grasps"),
        ({"score": [0.1, 0.2, np.inf]}, "score holds infinity"),
        ({"width_m": [80.0, 0.1, 0.1]}, "width_m has the value 80; it is in metres"),
        ({"width_m": [-0.1, 0.0, 0.1]}, "width_m has the value"),
        ({"depth_m": [20.0, 0.0, 0.0]}, "depth_m has the value 20"),
        ({"score": ["best", 1, 2]}, "score are not numbers"),
    ],
)
def test_bad_numbers_are_refused(values, words):
    with pytest.raises(GeneratorFault, match=words):
        external_grasps(GOOD, "test", **values)
