import json

import numpy as np
import pytest

from affordance_grasp.calibration.correction import Correction
from affordance_grasp.calibration.verdict import CalibrationCheck, Verdict, height_warnings
from affordance_grasp.control.camera_mounting import HandEye


def check(mm, deg, std_mm=0.5, std_deg=0.05):
    rotation, translation = np.radians([deg, 0, 0]), np.array([0, mm, 0]) / 1e3
    std = np.full(3, np.radians(std_deg)), np.full(3, std_mm / 1e3)
    correction = Correction(rotation, translation, *std)
    return CalibrationCheck("table", 8, 1.0, 0.1, 0.5, 0.05, 0.0, correction)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (check(0, 0), Verdict.GOOD),
        (check(2.9, 0.4), Verdict.GOOD),
        (check(5, 0.2), Verdict.FAIR),
        (check(1, 0.9), Verdict.FAIR),
        (check(12, 0), Verdict.POOR),
        (check(0, 3), Verdict.POOR),
        (check(9, 0.2, std_mm=6), Verdict.UNDECIDED),  # may well be chance
        (check(0, 0, std_mm=20), Verdict.UNDECIDED),
        (check(0, 0, std_deg=4), Verdict.UNDECIDED),
    ],
)
def test_the_verdict_weighs_size_and_certainty(found, verdict):
    assert found.verdict is verdict


def test_the_summary_is_plain_json():
    summary = json.loads(json.dumps(check(12, 3).summary()))
    assert summary["verdict"] == "poor"
    assert summary["correction"]["translation_mm"] == [0.0, 12.0, 0.0]
    assert summary["correction"]["rotation_deg"] == [3.0, 0.0, 0.0]
    assert summary["correction"]["determined"] is True


def test_the_corrected_calibration_moves_the_camera():
    before = HandEye(np.diag([1.0, -1, -1, 1]), "tool0", "camera_color_optical_frame")
    after = check(12, 0).corrected(before)
    np.testing.assert_allclose(after.T_tool0_cam[:3, 3], [0, -0.012, 0])
    assert after.camera_frame == before.camera_frame


PENDANT = (
    "the views put it {off} mm from table_z_m = {expected}: that is the 23.5 mm between the base "
    "of Aubo's pendant and base_link of the robot description; heights read from the pendant need "
    "it added"
)
ELSEWHERE = (
    "the views put it {off} mm from table_z_m = {expected}; measure the height again, or calibrate"
)


@pytest.mark.parametrize(
    ("z_m", "expected_z_m", "sentence", "off"),
    [
        (0.002, 0.0, None, ""),
        (-0.0059, 0.0, None, ""),
        (0.0062, 0.0, ELSEWHERE, "+6.2"),
        (0.0194, 0.0, ELSEWHERE, "+19.4"),
        (0.0196, 0.0, PENDANT, "+19.6"),
        (0.0235, 0.0, PENDANT, "+23.5"),
        (-0.0215, 0.0, PENDANT, "-21.5"),
        (0.040, 0.0, ELSEWHERE, "+40.0"),
        (0.040, 0.0165, PENDANT, "+23.5"),
        (0.040, 0.04, None, ""),
    ],
)
def test_what_is_said_about_the_height(z_m, expected_z_m, sentence, off):
    said = height_warnings(z_m, expected_z_m, "table_z_m")
    wanted = sentence and sentence.format(off=off, expected=f"{expected_z_m:g}")
    assert said == ((wanted,) if wanted else ())
