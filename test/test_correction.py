import numpy as np
import pytest

from affordance_grasp.calibration.correction import (
    PRIOR_TRANSLATION_M,
    Correction,
    correction_pose,
    solve,
)

TRUE = np.array([0.01, -0.02, 0.005, 0.012, 0.0, -0.008])


def test_a_known_correction_is_found_with_the_deviation_of_its_readings():
    rng = np.random.default_rng(0)
    readings = TRUE + rng.normal(0, 0.001, (400, 6))
    found, x = solve(lambda x: ((x - readings) / 0.001).ravel(), np.zeros(6))
    np.testing.assert_allclose(x, TRUE, atol=2e-4)
    np.testing.assert_allclose(found.translation_std_m, 0.001 / 20, rtol=0.2)
    assert found.determined
    assert found.distance_significant
    assert found.angle_significant
    assert found.distance_mm == pytest.approx(14.4, abs=0.2)
    assert found.angle_deg == pytest.approx(1.31, abs=0.02)


def test_a_direction_that_no_reading_shows_stays_open():
    """Only x and y of the translation and the rotation are read."""
    seen = [0, 1, 2, 3, 4]
    found, _ = solve(lambda x: np.tile((x - TRUE)[seen] / 0.001, 20), np.zeros(6))
    assert found.translation_m[2] == 0
    assert found.translation_std_m[2] == pytest.approx(PRIOR_TRANSLATION_M)
    assert not found.determined


def test_readings_that_contradict_each_other_make_it_uncertain():
    apart = np.concatenate([np.full((50, 6), 0.01), np.full((50, 6), -0.01)])
    found, _ = solve(lambda x: ((x - apart) / 1e-4).ravel(), np.zeros(6))
    assert found.translation_std_m.max() > 5e-4
    assert not found.distance_significant
    assert not found.angle_significant


def test_the_correction_is_a_motion_of_the_camera_in_its_own_frame():
    quarter = Correction(np.array([0, 0, np.pi / 2]), np.array([0.1, 0, 0]), *np.zeros((2, 3)))
    point = quarter.T_cam_corrected @ [1.0, 0, 0, 1]
    np.testing.assert_allclose(point, [0.1, 1.0, 0, 1], atol=1e-12)
    np.testing.assert_array_equal(correction_pose(np.zeros(9)), np.eye(4))
