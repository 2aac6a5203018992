"""One contract for both ways between messages and arrays: numpy's and ``cv_bridge``'s."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.convert import conversions, images
from affordance_grasp.streams.messages import PixelFormat

ENCODINGS = {
    "rgb8": PixelFormat("u1", 3),
    "bgr8": PixelFormat("u1", 3),
    "rgba8": PixelFormat("u1", 4),
    "bgra8": PixelFormat("u1", 4),
    "mono8": PixelFormat("u1", 1),
    "mono16": PixelFormat("u2", 1),
    "8UC1": PixelFormat("u1", 1),
    "8UC3": PixelFormat("u1", 3),
    "8UC4": PixelFormat("u1", 4),
    "16UC1": PixelFormat("u2", 1),
    "32FC1": PixelFormat("f4", 1),
    "32FC3": PixelFormat("f4", 3),
}
PADDINGS = (0, 1, 3, 5, 12, 16)
WIDTH, HEIGHT = 5, 3
HEADER = Header(frame_id="camera_color_optical_frame")


@pytest.fixture(params=["numpy", "cv_bridge"], autouse=True)
def way(request, monkeypatch):
    """Every test once by each way; the ways meet in the answers, which are known."""
    if request.param == "numpy":
        monkeypatch.setattr(images, "bridge", lambda: None)
    elif images.bridge() is None:
        pytest.skip("this ROS 2 has no cv_bridge that starts")
    return request.param


def pixels_of(encoding: PixelFormat) -> np.ndarray:
    size = HEIGHT * WIDTH * encoding.channels
    values = np.random.default_rng(7).integers(1, 255, size * np.dtype(encoding.dtype).itemsize)
    drawn = values.astype(np.uint8).view(encoding.dtype)
    return drawn.reshape(HEIGHT, WIDTH, encoding.channels)


def message_of(pixels: np.ndarray, encoding: str, padding: int, big: bool) -> Image:
    stored = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<"))
    rows = np.frombuffer(stored.tobytes(), np.uint8).reshape(HEIGHT, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    message = Image(header=HEADER, width=WIDTH, height=HEIGHT, encoding=encoding)
    message.step, message.is_bigendian = rows.shape[1], int(big)
    message.data = rows.tobytes()
    return message


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", ENCODINGS)
def test_pixels_are_read_whatever_the_encoding_padding_and_byte_order(name, padding, big):
    pixels = pixels_of(ENCODINGS[name])
    read = images.unpack(message_of(pixels, name, padding, big), ENCODINGS[name])
    assert read.dtype.newbyteorder("=") == pixels.dtype
    np.testing.assert_array_equal(read, pixels)


def test_rows_that_leave_their_step_out_are_read():
    message = message_of(pixels_of(ENCODINGS["rgb8"]), "rgb8", 0, False)
    message.step = 0
    np.testing.assert_array_equal(
        images.unpack(message, ENCODINGS["rgb8"]), pixels_of(ENCODINGS["rgb8"])
    )


@pytest.mark.parametrize("name", ENCODINGS)
def test_messages_hold_every_byte_and_say_how(name):
    pixels = pixels_of(ENCODINGS[name])
    flat = pixels[..., 0] if ENCODINGS[name].channels == 1 else pixels
    for given in (flat, np.asfortranarray(flat), np.ascontiguousarray(flat[:, ::-1])[:, ::-1]):
        message = images.packed(given, name, HEADER)
        assert (message.width, message.height, message.encoding) == (WIDTH, HEIGHT, name)
        assert (message.step, message.is_bigendian) == (pixels[0].nbytes, 0)
        assert bytes(message.data) == pixels.tobytes()
        assert message.header == HEADER


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    ("name", "rgb"),
    [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2]), ("bgra8", [2, 1, 0])],
)
def test_colour_is_brought_to_rgb(name, rgb, padding):
    pixels = pixels_of(ENCODINGS[name])
    read = images.to_color(message_of(pixels, name, padding, False))
    np.testing.assert_array_equal(read, pixels[..., rgb])
    assert read.flags.c_contiguous


def test_depth_and_heat_survive_the_round_trip():
    depth_m = np.array([[0.0, 0.5], [1.234, 65.534]], np.float32)
    heat = np.array([[0.0, 0.25], [1.0, 0.1]], np.float32)
    np.testing.assert_array_equal(images.to_depth_m(images.from_depth_m(depth_m, HEADER)), depth_m)
    np.testing.assert_array_equal(images.to_map(images.from_map(heat, HEADER)), heat)


def test_what_was_read_outlives_its_message():
    message = message_of(pixels_of(ENCODINGS["rgb8"]), "rgb8", 0, False)
    read = images.to_color(message)
    message.data = bytes(len(message.data))
    np.testing.assert_array_equal(read, pixels_of(ENCODINGS["rgb8"]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": b"\0" * 44}, "44 bytes"),
        ({"step": 14}, "rows of 14"),
        ({"height": 0}, "sides must be"),
        ({"width": 2**31}, "sides must be"),
        ({"encoding": "yuv422"}, "encoding 'yuv422'"),
        ({"encoding": "16UC1"}, "encoding '16UC1'"),
    ],
)
def test_a_message_that_contradicts_itself_is_refused_before_it_is_read(changes, words):
    message = message_of(pixels_of(ENCODINGS["rgb8"]), "rgb8", 0, False)
    for field, value in changes.items():
        setattr(message, field, value)
    with pytest.raises(InvalidInput, match=words):
        images.to_color(message)
    info = conversions.from_intrinsics(CameraIntrinsics(9.0, 9.0, 2.0, 1.0, 5, 3), HEADER)
    with pytest.raises(InvalidInput, match=words):
        images.to_rgbd(message, images.from_depth_m(np.ones((3, 5)), HEADER), info)
