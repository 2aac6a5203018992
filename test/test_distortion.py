"""Frames of a distorting lens become those of a pinhole."""

import cv2
import numpy as np
import pytest

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.distortion import (
    IGNORED_SHIFT_PX,
    PINHOLE,
    Distortion,
    max_shift_px,
    undistort,
    undistort_map,
)
from affordance_grasp.errors import InvalidInput

INTRINSICS = CameraIntrinsics(300.0, 300.0, 160.0, 120.0, 320, 240)
BARREL = Distortion("plumb_bob", (-0.12, 0.03, 0.001, -0.002, 0.0))
FISHEYE = Distortion("equidistant", (0.02, -0.004, 0.0, 0.0))
POINTS_CAM = np.array([[0.0, 0.0, 0.5], [0.15, 0.1, 0.6], [-0.2, -0.12, 0.7], [0.2, -0.1, 0.9]])


def seen_by(distortion: Distortion) -> RgbdFrame:
    """Small bright squares at known points, where that lens shows them."""
    color = np.zeros((240, 320, 3), np.uint8)
    depth_m = np.zeros((240, 320), np.float32)
    d = np.array(distortion.coefficients)
    points, zero = POINTS_CAM[:, None, :], np.zeros(3)
    project = cv2.fisheye.projectPoints if distortion.model == "equidistant" else cv2.projectPoints
    pixels = project(points, zero, zero, INTRINSICS.K, d)[0]
    for (u, v), z in zip(pixels.reshape(-1, 2), POINTS_CAM[:, 2], strict=True):
        rows = slice(round(v) - 2, round(v) + 3)
        columns = slice(round(u) - 2, round(u) + 3)
        color[rows, columns] = 255
        depth_m[rows, columns] = z
    return RgbdFrame(color, depth_m, INTRINSICS)


def pinhole_pixels() -> np.ndarray:
    return POINTS_CAM[:, :2] / POINTS_CAM[:, 2:] * 300.0 + [160.0, 120.0]


@pytest.mark.parametrize("lens", [BARREL, FISHEYE])
def test_points_are_where_a_pinhole_shows_them(lens):
    assert max_shift_px(INTRINSICS, lens) > 2
    frame = undistort(seen_by(lens), lens)
    for (u, v), z in zip(pinhole_pixels(), POINTS_CAM[:, 2], strict=True):
        assert frame.depth_m[round(v), round(u)] == pytest.approx(z)
        assert frame.color[round(v), round(u)].min() > 200
        near = np.argwhere(frame.depth_m == np.float32(z)).mean(axis=0)[::-1]
        assert np.abs(near - [u, v]).max() < 1.0


@pytest.mark.parametrize("lens", [BARREL, FISHEYE])
def test_a_map_moves_as_the_depth_under_it(lens):
    seen = seen_by(lens)
    moved = undistort_map((seen.depth_m > 0).astype(np.uint8) * 7, INTRINSICS, lens)
    np.testing.assert_array_equal(moved, (undistort(seen, lens).depth_m > 0) * 7)
    assert undistort_map(moved, INTRINSICS, PINHOLE) is moved


def test_no_depth_is_invented_between_two_surfaces():
    frame = seen_by(BARREL)
    depth_m = np.where(np.arange(320) < 160, np.float32(0.4), np.float32(0.8))
    frame = RgbdFrame(frame.color, np.tile(depth_m, (240, 1)), INTRINSICS)
    assert set(np.unique(undistort(frame, BARREL).depth_m)) <= {
        np.float32(0),
        np.float32(0.4),
        np.float32(0.8),
    }


def test_a_pinhole_and_a_negligible_lens_change_nothing():
    frame = seen_by(BARREL)
    slight = Distortion("plumb_bob", (1e-4, 0, 0, 0, 0))
    assert 0 < max_shift_px(INTRINSICS, slight) < IGNORED_SHIFT_PX
    assert undistort(frame, PINHOLE) is frame
    assert undistort(frame, slight) is frame


def test_all_zero_is_a_pinhole_whatever_the_model_is_called():
    assert Distortion("", (0.0,) * 5).coefficients == ()
    assert Distortion("inverse_something", (0.0,)).coefficients == ()


@pytest.mark.parametrize(
    ("model", "coefficients", "words"),
    [
        ("thin_prism", (0.1, 0.2), "known: plumb_bob"),
        ("plumb_bob", (0.1, 0.2), "2 coefficients; expected 4 or 5"),
        ("plumb_bob", (float("nan"),) * 5, "NaN"),
    ],
)
def test_an_unexplained_lens_is_refused(model, coefficients, words):
    with pytest.raises(InvalidInput, match=words):
        Distortion(model, coefficients)


def test_a_lens_that_no_depth_camera_has_is_refused():
    with pytest.raises(InvalidInput, match="calibrate the camera again"):
        max_shift_px(INTRINSICS, Distortion("plumb_bob", (3.0, 2.0, 0.0, 0.0, 0.0)))
