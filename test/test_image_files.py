"""Image files: what was stored is read, and whatever cannot be is one sentence."""

import resource
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import (
    image_size,
    read_color,
    read_depth,
    read_depth_units,
    read_gray,
)

RNG = np.random.default_rng(0)
COLOR = cv2.resize(RNG.integers(0, 256, (3, 4, 3), np.uint8), (24, 18))
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""EXIF orientation -> the upright image of what is stored."""


def turned(stored, orientation, form):
    content, exif = BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(content, form, exif=exif, lossless=True)
    return content.getvalue()


def png(width, height, bits=8, kind=2, rows=b""):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_reader_turns_images_upright(orientation, form, tmp_path):
    path, upright = tmp_path / "image", TURNS[orientation]
    path.write_bytes(turned(COLOR, orientation, form))
    np.testing.assert_array_equal(read_color(path), upright(COLOR))
    assert image_size(path) == upright(COLOR).shape[1::-1]
    if form != "WEBP":
        gray = COLOR[..., 0]
        np.testing.assert_array_equal(read_gray(turned(gray, orientation, form)), upright(gray))
        depth = gray.astype(np.uint16) * 7
        units = read_depth_units(turned(depth, orientation, form))
        np.testing.assert_array_equal(units, upright(depth))


def test_a_jpeg_of_a_telephone_is_turned_upright():
    stored = np.kron(np.eye(2, 3, dtype=np.uint8) * 255, np.ones((16, 16), np.uint8))
    read = read_color(turned(np.dstack([stored] * 3), 6, "JPEG"))[..., 0]
    np.testing.assert_allclose(read, TURNS[6](stored), atol=40)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("orientation", [None, 6])
def test_deep_colours_of_any_number_of_bits_are_as_bright_as_they_should_be(
    bits, channels, orientation
):
    eight = np.dstack([COLOR, COLOR[..., :1]])[..., :channels].copy()
    eight[0, 0] = 255
    deep = eight.astype(np.uint16) << (bits - 8)
    encoded = cv2.imencode(".png", deep)[1].tobytes()
    if orientation:
        encoded = with_exif(encoded, orientation)
    expected = eight[..., :3][..., ::-1]
    np.testing.assert_array_equal(read_color(encoded), TURNS[orientation or 1](expected))


def with_exif(encoded, orientation):
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
    data = b"eXIf" + tiff
    chunk = struct.pack(">I", len(tiff)) + data + struct.pack(">I", zlib.crc32(data))
    return encoded[:33] + chunk + encoded[33:]


def test_deep_colours_of_a_tiff_are_read_or_refused():
    deep = COLOR.astype(np.uint16) * 257
    read = read_color(cv2.imencode(".tiff", deep)[1].tobytes())
    np.testing.assert_array_equal(read, COLOR[..., ::-1])
    with pytest.raises(InvalidInput, match="significant bits"):
        read_color(cv2.imencode(".tiff", deep >> 4)[1].tobytes())


def test_depth_is_in_metres_and_its_largest_value_no_reading():
    units = np.array([[0, 500, 65535]], np.uint16)
    for extension in (".png", ".tiff"):
        encoded = cv2.imencode(extension, units)[1].tobytes()
        np.testing.assert_allclose(read_depth(encoded), [[0, 0.5, 0]])
        np.testing.assert_array_equal(read_depth_units(encoded), units)
    encoded = cv2.imencode(".tiff", np.array([[0.25, np.nan]], np.float32))[1].tobytes()
    np.testing.assert_allclose(read_depth(encoded, 1.0), [[0.25, np.nan]])


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (cv2.imencode(".png", COLOR)[1].tobytes(), r"3 channel\(s\) of uint8"),
        (cv2.imencode(".jpg", COLOR[..., 0])[1].tobytes(), "not an image in PNG or TIFF"),
        (cv2.imencode(".png", COLOR[..., 0])[1].tobytes(), r"1 channel\(s\) of uint8"),
    ],
)
def test_what_is_no_depth_image_is_refused(encoded, words):
    with pytest.raises(InvalidInput, match=words):
        read_depth(encoded)


@pytest.mark.parametrize("read", [read_color, read_gray, read_depth, image_size])
def test_postscript_is_refused_and_starts_no_program(read, tmp_path, monkeypatch):
    gs, path = tmp_path / "gs", tmp_path / "photo.png"
    gs.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    gs.chmod(0o755)
    path.write_bytes(EPS)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(InvalidInput, match="photo.png cannot be read .not an image in PNG"):
        read(path)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("size", [(8192, 8192), (30_000, 30_000), (10_000, 20), (2**31 - 1, 1)])
@pytest.mark.parametrize("read", [read_color, read_gray, read_depth, image_size])
def test_a_huge_image_is_refused_before_it_is_decoded(read, size):
    for bits, kind in ((8, 2), (16, 2), (16, 0), (1, 0)):
        with pytest.raises(InvalidInput, match="sides must be 1..8192") as refusal:
            read(png(*size, bits, kind))
        assert "\n" not in str(refusal.value)


def test_a_tiff_of_huge_tiles_is_refused():
    rows = zlib.compress(bytes(1000))
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: 60_000, 323: 60_000}
    tags |= {324: 8 + 2 + 12 * (len(tags) + 2) + 4, 325: len(rows)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    content = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + rows
    with pytest.raises(InvalidInput, match="a tile of colour image is 60000x60000"):
        read_color(content)


def test_the_largest_image_is_read_in_less_than_two_gigabytes(tmp_path):
    path = tmp_path / "large.png"
    rows = zlib.compress(bytes((5000 * 6 + 1) * 5000), 1)
    path.write_bytes(png(5000, 5000, 16, 2, rows))
    script = (
        "import resource; from affordance_grasp.image_files import read_color\n"
        f"print(read_color({str(path)!r}).shape)"
    )
    limit = (2 * 2**30, 2 * 2**30)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit),
    )
    assert done.stdout == "(5000, 5000, 3)\n", done.stderr


@pytest.mark.parametrize("read", [read_color, read_gray, read_depth, image_size])
def test_what_is_not_there_is_named(read, tmp_path):
    with pytest.raises(InvalidInput, match="nothing.png cannot be read .No such file"):
        read(tmp_path / "nothing.png")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path)


SAMPLES = [
    turned(COLOR, 6, form) for form in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
] + [
    cv2.imencode(extension, pixels)[1].tobytes()
    for extension, pixels in (
        (".png", COLOR.astype(np.uint16) << 4),
        (".png", COLOR[..., 0].astype(np.uint16)),
        (".tiff", COLOR[..., 0].astype(np.float32)),
        (".tiff", COLOR.astype(np.uint16)),
    )
]


@st.composite
def damaged(draw):
    """An image with bytes changed, taken out or cut off; or any bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    content = bytearray(draw(st.sampled_from(SAMPLES)))
    for place in draw(st.lists(st.integers(0, len(content) - 1) | st.integers(0, 60), max_size=5)):
        content[place] = draw(st.integers(0, 255))
    start = draw(st.integers(0, len(content)))
    del content[start : start + draw(st.sampled_from([0, 0, 1, 4, len(content)]))]
    return bytes(content)


@given(damaged())
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_an_image_or_one_sentence(content):
    for read in (read_color, read_gray, read_depth, image_size):
        try:
            read(content)
        except InvalidInput as error:
            assert "\n" not in str(error)
