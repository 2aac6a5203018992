"""Compressed images: what went in comes out, and a few bytes cannot claim a huge image."""

import struct

import cv2
import numpy as np
import pytest
from small_bags import compressed

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.decoding import decompress_color, decompress_depth
from affordance_grasp.streams.messages import to_color, to_depth_m

RNG = np.random.default_rng(0)
COLOR = cv2.resize(RNG.integers(0, 256, (6, 8, 3), np.uint8), (64, 48))
DEPTH_MM = RNG.integers(200, 2000, (48, 64)).astype(np.uint16)


def encoded(extension, pixels):
    return cv2.imencode(extension, pixels)[1].tobytes()


def test_png_colour_is_exact_and_jpeg_nearly():
    for extension, form, tolerance in (
        (".png", "rgb8; png compressed bgr8", 0),
        (".jpg", "jpeg", 40),
    ):
        message = compressed(0, encoded(extension, COLOR[..., ::-1]), form)
        color = to_color(decompress_color(message))
        assert color.shape == COLOR.shape
        assert np.abs(color.astype(int) - COLOR).max() <= tolerance


def test_depth_in_millimetres_is_exact():
    data = b"\0" * 12 + encoded(".png", DEPTH_MM)
    depth = to_depth_m(decompress_depth(compressed(0, data, "16UC1; compressedDepth")))
    np.testing.assert_allclose(depth, DEPTH_MM / 1000, atol=1e-6)
    plain = compressed(0, encoded(".png", DEPTH_MM), "16UC1; png compressed")
    np.testing.assert_array_equal(to_depth_m(decompress_depth(plain)), depth)


def test_depth_in_metres_is_inverse_depth():
    A, B = 100.0 * 101.0, 1 - 100.0 * 101.0 / 10.0
    metres = DEPTH_MM / 1000
    units = np.rint(A / metres + B).astype(np.uint16)
    units[0] = 0
    data = struct.pack("<iff", 0, A, B) + encoded(".png", units)
    depth = to_depth_m(decompress_depth(compressed(0, data, "32FC1; compressedDepth png")))
    assert (depth[0] == 0).all()
    np.testing.assert_allclose(depth[1:], metres[1:], rtol=1e-3)


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        (b"", "16UC1; compressedDepth", "not an image in PNG"),
        (b"\0" * 12 + encoded(".png", COLOR), "16UC1; compressedDepth", "3 channel.* of uint8"),
        (b"\0" * 12, "16UC1; compressedDepth rvl", "RVL depth image is cut off"),
        (encoded(".jpg", COLOR), "jpeg", "JPEG, which is lossy"),
        (struct.pack("<iff", 0, float("nan"), 1) + encoded(".png", DEPTH_MM),)
        + (
            "32FC1; compressedDepth",
            "quantisation",
        ),
        (encoded(".png", DEPTH_MM), "32FC1", "expected compressedDepth"),
    ],
)
def test_depth_that_cannot_be_trusted_is_refused(data, form, words):
    with pytest.raises(InvalidInput, match=words):
        decompress_depth(compressed(0, data, form))


def test_a_huge_image_in_a_few_bytes_is_refused_before_it_is_decoded():
    png = bytearray(encoded(".png", COLOR))
    png[16:24] = struct.pack(">II", 60_000, 60_000)
    png[29:33] = struct.pack(">I", __import__("zlib").crc32(png[12:29]))
    with pytest.raises(InvalidInput, match="sides must be 1..8192"):
        decompress_color(compressed(0, png, "png"))


def test_a_image_that_is_cut_off_is_refused(capfd):
    data = encoded(".png", COLOR)
    with pytest.raises(InvalidInput, match="cannot be read"):
        decompress_color(compressed(0, data[:40], "png"))
    assert capfd.readouterr().err == ""
