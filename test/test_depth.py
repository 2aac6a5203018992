"""Depth as it is stored: no readings, byte orders, and what each encoding means."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_bags import image

from affordance_grasp.errors import InvalidInput
from affordance_grasp.streams.depth import metres, millimetres
from affordance_grasp.streams.messages import to_depth_m

MEASURED_MM = cv2.imread(
    str(Path(__file__).parents[1] / "examples/frame/depth.png"), cv2.IMREAD_UNCHANGED
)
CLOSE_MM = np.rint(np.linspace(515, 588, 480)[:, None] + np.linspace(0, 2, 640)).astype(np.uint16)
"""A table that fills the image, 515 to 590 mm away: swapped, many values are depth too."""


@pytest.mark.parametrize("encoding", ["16UC1", "mono16", "Z16", "16SC1"])
def test_sixteen_bits_are_millimetres_under_any_of_their_names(encoding):
    dtype = np.int16 if encoding == "16SC1" else np.uint16
    message = image(0, np.array([[0, 500, 1234]], dtype), encoding)
    np.testing.assert_allclose(to_depth_m(message), [[0, 0.5, 1.234]], atol=1e-6)


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [([[500, 0, 2**16 - 1]], np.uint16), ([[500, 0, -3]], np.int16)]
    + [([[0.5, np.nan, np.inf]], np.float32), ([[0.5, -np.inf, -1.0]], np.float32)],
)
def test_what_means_no_reading_is_zero(stored, dtype):
    np.testing.assert_allclose(metres(np.array(stored, dtype)), [[0.5, 0, 0]])


def test_depth_that_sixteen_bits_cannot_hold_is_no_reading():
    assert millimetres(np.array([[65.534, 65.535, 70]], np.float32)).tolist() == [[65534, 0, 0]]


FLAT_MM = np.full((48, 64), 700, np.uint16)
"""Nothing but a plane that faces the camera: only the distance tells."""


@pytest.mark.parametrize(
    "depth_mm", [MEASURED_MM, CLOSE_MM, FLAT_MM], ids=["measured", "close", "flat"]
)
@pytest.mark.parametrize("big", [0, 1])
@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_a_wrong_byte_order_is_said_and_a_right_one_read(depth_mm, big, encoding):
    stored = depth_mm if encoding == "16UC1" else (depth_mm / 1000).astype(np.float32)
    sent = stored.astype(stored.dtype.newbyteorder("><"[not big]))
    read = to_depth_m(image(0, sent, encoding, is_bigendian=big))
    np.testing.assert_allclose(read, depth_mm / 1000, atol=1e-6)
    with pytest.raises(InvalidInput, match="is_bigendian"):
        to_depth_m(image(0, sent, encoding, is_bigendian=1 - big))


def test_a_wall_that_is_out_of_range_is_no_wrong_byte_order():
    far_mm = np.linspace(29_000, 31_000, 48 * 64).reshape(48, 64).astype(np.uint16)
    assert metres(far_mm).max() == 31
    assert not metres(np.zeros((48, 64), np.uint16)).any()


@given(
    st.sampled_from(["<u2", "<i2", "<f4"]).flatmap(
        lambda dtype: arrays(dtype, st.tuples(st.integers(1, 20), st.integers(1, 20)))
    )
)
def test_any_values_are_depth_or_one_sentence(stored):
    try:
        depth_m = metres(stored)
    except InvalidInput as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(depth_m).all()
        assert (depth_m >= 0).all()
