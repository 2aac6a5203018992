"""A camera that is mounted elsewhere than the calibration says, found from views of the table."""

import numpy as np
import pytest
from calibration_views import ROBOT, TILTS, table_views
from scipy.spatial.transform import Rotation

from affordance_grasp.calibration.table_check import check_on_table, check_planes, fit_planes
from affordance_grasp.calibration.verdict import Verdict
from affordance_grasp.calibration.views import CalibrationView
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert, pose
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object


def error(translation_mm, rotation_deg):
    R = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    return pose(R, np.array(translation_mm) / 1e3)


def left_over(check, T_wrong):
    """What remains between the corrected and the true mounting: mm and degrees."""
    T = invert(ROBOT.T_tool0_cam) @ T_wrong @ check.correction.T_cam_corrected
    angle = np.degrees(Rotation.from_matrix(T[:3, :3]).magnitude())
    return np.linalg.norm(T[:3, 3]) * 1e3, angle


@pytest.fixture(scope="module")
def views():
    return table_views()


@pytest.fixture(scope="module")
def check(views):
    """The check of a calibration on the same views, whose planes are fitted once."""
    planes = fit_planes(views)
    return lambda T_tool0_cam: check_planes(planes, views, ROBOT, T_tool0_cam)


def test_a_true_calibration_is_good(views):
    check = check_on_table(views, ROBOT)
    assert check.verdict is Verdict.GOOD
    assert check.spread_mm < 0.3
    assert check.spread_deg < 0.1
    assert abs(check.target_z_m) < 0.001
    assert check.warnings == ()


@pytest.mark.parametrize(
    ("translation_mm", "rotation_deg"),
    [((15, 0, 0), (0, 0, 0)), ((0, 15, 0), (0, 0, 0)), ((0, 0, 20), (0, 0, 0)),
     ((0, 0, 0), (2, 0, 0)), ((0, 0, 0), (0, -2, 0)), ((0, 0, 0), (0, 0, 3)),
     ((8, -6, 10), (1, -1.5, 1))],
)  # fmt: skip
def test_a_known_error_is_found_and_put_right(check, translation_mm, rotation_deg):
    T_wrong = ROBOT.T_tool0_cam @ error(translation_mm, rotation_deg)
    found = check(T_wrong)
    assert found.verdict is Verdict.POOR
    distance_mm, angle_deg = left_over(found, T_wrong)
    assert distance_mm < 1.5
    assert angle_deg < 0.15
    assert found.spread_after_mm < 0.3


def test_a_small_error_is_within_what_grasping_forgives(check):
    assert check(ROBOT.T_tool0_cam @ error((1, -1, 1), (0.2, 0, 0))).verdict is Verdict.GOOD
    assert check(ROBOT.T_tool0_cam @ error((4, 0, 0), (0, 0.6, 0))).verdict is Verdict.FAIR


def test_views_that_are_alike_decide_nothing():
    turned = [(0, 0, 0, 0, 0, angle) for angle in (-0.02, -0.01, 0.0, 0.01, 0.02)]
    check = check_on_table(table_views(offsets=turned), ROBOT)
    assert check.verdict is Verdict.UNDECIDED
    assert not check.correction.determined


def test_the_height_of_the_pendant_is_recognised():
    check = check_on_table(table_views(table_z_m=0.0235), ROBOT)
    assert check.verdict is Verdict.GOOD, "the mounting itself is right"
    assert check.target_z_m == pytest.approx(0.0235, abs=0.001)
    assert "23.5 mm between the base of Aubo's pendant" in check.warnings[0]
    check = check_on_table(table_views(table_z_m=-0.05, offsets=TILTS[:4]), ROBOT)
    assert " mm from table_z_m = 0; measure the height again" in check.warnings[0]


def test_a_leaning_table_is_told(views):
    lean = pose(Rotation.from_euler("x", 3, degrees=True).as_matrix())
    leaning = [CalibrationView(v.name, v.frame, lean @ v.T_base_tool0) for v in views[:5]]
    check = check_on_table(leaning, ROBOT)
    assert check.spread_deg < 0.1
    assert any("leans by 3.0 degrees" in warning for warning in check.warnings)


def test_too_few_or_empty_views_are_refused(views):
    with pytest.raises(InvalidInput, match="3 views are too few"):
        check_on_table(views[:3], ROBOT)
    frame = views[0].frame
    empty = CalibrationView(
        "dark", type(frame)(frame.color, np.zeros_like(frame.depth_m), frame.intrinsics), np.eye(4)
    )
    with pytest.raises(InvalidInput, match="view dark: depth image has 0 readings"):
        check_on_table([*views[:4], empty], ROBOT)


def test_in_the_simulated_cell_with_an_object_and_a_real_camera_s_noise():
    """The renderer's own camera, holes and bent depth; the calibration says 12 mm and 1.5 deg."""
    views = []
    small = CameraIntrinsics(307.5, 307.5, 160, 120, 320, 240)
    mug, place = make_object("mug", 0), table_pose(0.5, 0.0, 0.3)
    with World(ROBOT, mug, place, intrinsics=small) as world:
        for number, offset in enumerate(TILTS):
            world.set_arm_target(ROBOT.home_q + np.array(offset))
            world.step(0.8)
            T_base_tool0 = ROBOT.T_base_cam(world.joint_positions()) @ invert(ROBOT.T_tool0_cam)
            views.append(CalibrationView(str(number), world.observe(), T_base_tool0))
    planes = fit_planes(views)
    assert check_planes(planes, views, ROBOT).verdict is Verdict.GOOD
    T_wrong = ROBOT.T_tool0_cam @ error((10, -6, 3), (1.2, 0.9, 0))
    check = check_planes(planes, views, ROBOT, T_wrong)
    assert check.verdict is Verdict.POOR
    distance_mm, angle_deg = left_over(check, T_wrong)
    assert distance_mm < 3
    assert angle_deg < 0.3
