import numpy as np
import pytest
from tabletop import Block, Can, looking_down, tabletop

from affordance_grasp.errors import InvalidInput
from affordance_grasp.scene.table import TablePlane, fit_table


def assert_is_the_table(plane, T_world_cam):
    up_cam = T_world_cam[:3, :3].T @ [0, 0, 1]
    assert np.degrees(np.arccos(min(1.0, plane.normal_cam @ up_cam))) < 0.1
    assert plane.offset_m == pytest.approx(T_world_cam[2, 3], abs=5e-4)


@pytest.mark.parametrize("elevation_deg", [35, 65, 90])
def test_plane_under_an_object(elevation_deg):
    T = looking_down(elevation_deg)
    frame = tabletop(Block(0, 0, (0.1, 0.07, 0.05)), T_world_cam=T)
    assert_is_the_table(fit_table(frame), T)


def test_noise_is_measured():
    assert fit_table(tabletop(noise_m=0.002, T_world_cam=looking_down(90))).noise_m == (
        pytest.approx(0.002, rel=0.1)
    )


def test_a_wide_lid_is_not_the_table():
    frame = tabletop(Can(0, 0.0, 0.155, 0.11))
    assert_is_the_table(fit_table(frame), looking_down())


def test_same_seed_same_plane():
    frame = tabletop(Block(0, 0, (0.1, 0.07, 0.05)))
    first, second = fit_table(frame, seed=3), fit_table(frame, seed=3)
    assert np.array_equal(first.normal_cam, second.normal_cam)
    assert first.offset_m == second.offset_m


def test_heights_and_feet():
    plane = TablePlane(np.array([0, 0, -1.0]), 0.5)
    points = np.array([[0.1, 0.2, 0.4], [0, 0, 0.6], [np.nan] * 3])
    assert np.allclose(plane.height_m(points), [0.1, -0.1, np.nan], equal_nan=True)
    assert np.allclose(plane.drop(points[:1]), [[0.1, 0.2, 0.5]])


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_empty_depth_is_refused(value):
    frame = tabletop()
    empty = type(frame)(
        frame.color, np.full(frame.depth_m.shape, value, np.float32), frame.intrinsics
    )
    with pytest.raises(InvalidInput, match="zero or NaN"):
        fit_table(empty)


def test_depth_in_the_wrong_unit_is_named():
    frame = tabletop()
    far = type(frame)(frame.color, frame.depth_m * 1000, frame.intrinsics)
    with pytest.raises(InvalidInput, match="depth scale"):
        fit_table(far)


def test_depth_without_a_plane_is_refused():
    frame = tabletop()
    rng = np.random.default_rng(0)
    rough = rng.uniform(0.2, 1.1, frame.depth_m.shape).astype(np.float32)
    with pytest.raises(InvalidInput, match="no plane"):
        fit_table(type(frame)(frame.color, rough, frame.intrinsics))


def test_a_plane_needs_a_unit_normal_and_a_camera_above_it():
    with pytest.raises(InvalidInput, match="unit"):
        TablePlane(np.array([0, 0, -2.0]), 0.5)
    with pytest.raises(InvalidInput, match="above"):
        TablePlane(np.array([0, 0, -1.0]), -0.5)
