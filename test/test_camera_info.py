"""camera_info against the projection of the whole sensor, which is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affordance_grasp.distortion import PINHOLE
from affordance_grasp.errors import InvalidInput
from affordance_grasp.streams.camera_info import is_rectified, to_distortion, to_intrinsics

SENSOR = 1280, 960
K = (900.0, 905.0, 630.0, 475.0)
POINT_M = np.array([0.07, -0.03, 0.8])


def info(size=SENSOR, roi=(0, 0, 0, 0), binning=(0, 0), k=K, *, p=None, model="plumb_bob", d=()):
    fx, fy, cx, cy = k
    x, y, width, height = roi
    return SimpleNamespace(
        width=size[0],
        height=size[1],
        k=[fx, 0, cx, 0, fy, cy, 0, 0, 1],
        p=[0.0] * 12 if p is None else [p[0], 0, p[2], 0, 0, p[1], p[3], 0, 0, 0, 1, 0],
        distortion_model=model,
        d=list(d),
        binning_x=binning[0],
        binning_y=binning[1],
        roi=SimpleNamespace(x_offset=x, y_offset=y, width=width, height=height, do_rectify=False),
    )


def seen_at(camera, point_m=POINT_M):
    u, v, w = camera.K @ point_m
    return np.array([u / w, v / w])


@pytest.mark.parametrize(
    ("roi", "binning", "image"),
    [
        ((320, 240, 640, 480), (0, 0), (640, 480)),
        ((320, 240, 640, 480), (1, 1), (640, 480)),
        ((400, 300, 640, 480), (2, 2), (320, 240)),
        ((0, 240, 1280, 480), (2, 1), (640, 480)),
        ((0, 0, 0, 0), (2, 2), (640, 480)),
        ((0, 0, 0, 0), (4, 2), (320, 480)),
    ],
)
@pytest.mark.parametrize("whose", ["sensor", "image"])
def test_a_point_is_seen_where_the_whole_sensor_sees_it(roi, binning, image, whose):
    message = info(SENSOR if whose == "sensor" else image, roi, binning)
    camera = to_intrinsics(message, image)
    assert (camera.width, camera.height) == image
    on_sensor = seen_at(to_intrinsics(info()))
    expected = (on_sensor - roi[:2]) / np.maximum(1, binning)
    np.testing.assert_allclose(seen_at(camera), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("message", "image", "words"),
    [
        (info(roi=(320, 240, 0, 0)), (640, 480), "roi.width and roi.height must be > 0"),
        (info(roi=(320, 240, 640, 480)), (1280, 960), "roi 640x480.*it is 1280x960"),
        (info(roi=(900, 240, 640, 480)), (640, 480), "roi must lie within width and height"),
        (info(binning=(2, 2)), (320, 240), "binning 2x2.*it is 320x240"),
        (info((640, 480), (0, 0, 640, 480)), (640, 480), "roi 640x480.*cx"),
        # k is the image's already, as the principal point tells
        (info((640, 480), binning=(2, 2), k=(450, 450, 320, 240)), (640, 480), "binning 2x2.*cx"),
        (info(roi=(320, 240, 640, 480), k=(900, 905, 310, 235)), (640, 480), "roi 640x480.*cx"),
        (info((640, 480), (640, 480, 640, 480), k=(900, 900, 320, 240)), (640, 480), "roi ends"),
    ],
)
def test_what_is_ambiguous_is_refused_and_the_field_is_named(message, image, words):
    with pytest.raises(InvalidInput, match=words):
        to_intrinsics(message, image)


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        ("/camera/rgb/image_rect_color", True),
        ("/camera/rgb/image_rect_color/compressed", True),
        ("image_rect", True),
        ("/kinect2/qhd/image_color_rect", True),
        ("/zed/zed_node/rgb/color/rect/image", True),
        ("/camera/color/image_rect_raw", True),
        ("/camera/color/image_raw", False),
        ("/rect_cam/color/image_raw/compressed", False),
        ("/camera/direct/image", False),
    ],
)
def test_topics_say_whether_images_are_rectified(topic, rectified):
    assert is_rectified(topic) is rectified


def test_rectified_images_have_the_matrix_p_and_no_distortion():
    message = info(p=(880.0, 880.0, 640.0, 480.0), d=(-0.2, 0.05, 0, 0, 0))
    assert to_intrinsics(message, rectified=True).K[[0, 1, 0, 1], [0, 1, 2, 2]].tolist() == [
        *(880.0, 880.0),
        *(640.0, 480.0),
    ]
    assert to_distortion(message, rectified=True) == PINHOLE
    assert to_intrinsics(message).fx == K[0]
    assert to_distortion(message).coefficients == (-0.2, 0.05, 0, 0, 0)


def test_rectified_images_without_p_are_those_of_k_only_where_the_lens_is_a_pinhole():
    assert to_intrinsics(info(), rectified=True).fx == K[0]
    with pytest.raises(InvalidInput, match="p must be the matrix of rectified images"):
        to_intrinsics(info(d=(-0.2, 0.05, 0, 0, 0)), rectified=True)


@pytest.mark.parametrize(
    ("model", "padded", "own"),
    [
        ("plumb_bob", 3, 5),
        ("plumb_bob", 9, 5),
        ("equidistant", 1, 4),
        ("rational_polynomial", 1, 14),
    ],
)
def test_zeros_behind_a_models_coefficients_are_padding(model, padded, own):
    d = tuple(0.01 * (i + 1) for i in range(own))
    assert to_distortion(info(model=model, d=(*d, *[0.0] * padded))).coefficients == d
    with pytest.raises(InvalidInput, match="coefficients"):
        to_distortion(info(model=model, d=(*d, *[0.1] * padded)))


numbers = st.floats(width=64) | st.floats(1, 2000)
sides = st.integers(0, 2**32 - 1) | st.integers(0, 2000)
messages = st.builds(
    info,
    st.tuples(sides, sides),
    st.tuples(sides, sides, sides, sides),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.tuples(numbers, numbers, numbers, numbers),
)


@given(messages, st.sampled_from([None, (640, 480)]))
def test_any_numbers_make_a_camera_or_one_sentence(message, size):
    try:
        camera = to_intrinsics(message, size)
    except InvalidInput as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(camera.K).all()
