"""Factory lenses of the camera's library as plumb bobs."""

import cv2
import numpy as np
import pytest

pytest.importorskip("pyrealsense2", reason="no pyrealsense2 (or no libusb-1.0) here")

import pyrealsense2 as rs
from software_camera import _intrinsics

from affordance_grasp.camera.intrinsics import (
    STANDARD_MODELS,
    distortion_of,
    intrinsics_of,
    lens_named,
)
from affordance_grasp.distortion import PINHOLE
from affordance_grasp.errors import InvalidInput

SLIGHT = (0.08, -0.15, 0.001, -0.0015, 0.03)


def key(word):
    return word.lower().replace(" ", "_")


def stream(model, coefficients=SLIGHT):
    return _intrinsics(640, 480, 615.0, model, coefficients)


@pytest.mark.parametrize(
    "model",
    [
        rs.distortion.brown_conrady,
        rs.distortion.modified_brown_conrady,
        rs.distortion.inverse_brown_conrady,
    ],
    ids=str,
)
def test_points_land_where_the_library_puts_them(model):
    factory = stream(model)
    lens, K = distortion_of(factory), intrinsics_of(factory).K
    points = np.array([[x, y, 1.0] for x in (-0.45, 0.0, 0.3) for y in (-0.35, 0.1, 0.35)])
    theirs = [rs.rs2_project_point_to_pixel(factory, list(point)) for point in points]
    zero = np.zeros(3)
    ours = cv2.projectPoints(points[:, None], zero, zero, K, np.array(lens.coefficients))[0]
    np.testing.assert_allclose(ours.reshape(-1, 2), theirs, atol=0.5)


@pytest.mark.parametrize("word", STANDARD_MODELS)
def test_a_lens_named_in_a_recording_is_where_the_library_puts_it(word):
    """Coefficients of a D455's colour lens."""
    model = next(one for one in rs.distortion.__members__.values() if str(one)[11:] == key(word))
    coefficients = (-0.056, 0.066, 0.0007, -0.0003, -0.021)
    factory = stream(model, coefficients)
    lens, K = lens_named(word, coefficients), intrinsics_of(factory).K
    points = np.array([[x, y, 1.0] for x in (-0.45, 0.0, 0.3) for y in (-0.35, 0.1, 0.35)])
    theirs = [rs.rs2_project_point_to_pixel(factory, list(point)) for point in points]
    zero, d = np.zeros(3), np.array(lens.coefficients)
    if lens.model == "equidistant":
        ours = cv2.fisheye.projectPoints(points[:, None], zero, zero, K, d)[0]
    else:
        ours = cv2.projectPoints(points[:, None], zero, zero, K, d)[0]
    np.testing.assert_allclose(ours.reshape(-1, 2), theirs, atol=0.1)


def test_another_lens_named_in_a_recording_is_refused():
    with pytest.raises(InvalidInput, match="of model 'Ftheta'; known"):
        lens_named("Ftheta", SLIGHT)


def test_brown_conrady_is_the_plumb_bob_itself():
    lens = distortion_of(stream(rs.distortion.brown_conrady))
    np.testing.assert_allclose(lens.coefficients, SLIGHT, atol=1e-4)


def test_no_distortion_is_a_pinhole():
    assert distortion_of(stream(rs.distortion.none)) == PINHOLE
    assert distortion_of(stream(rs.distortion.inverse_brown_conrady, (0.0,) * 5)) == PINHOLE


def test_a_fisheye_keeps_its_model():
    lens = distortion_of(stream(rs.distortion.kannala_brandt4, (0.1, -0.02, 0.003, 0.0, 0.0)))
    assert lens.model == "equidistant"
    np.testing.assert_allclose(lens.coefficients, (0.1, -0.02, 0.003, 0.0), atol=1e-6)


def test_a_lens_that_is_no_plumb_bob_is_refused():
    with pytest.raises(InvalidInput, match="px from every plumb bob"):
        distortion_of(stream(rs.distortion.modified_brown_conrady, (2.5, 0.0, 0.3, 0.3, 0.0)))
