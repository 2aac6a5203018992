"""Frames from the camera topics: paired by stamp, and never older than the question."""

from threading import Timer
from time import monotonic
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.distortion import PINHOLE, Distortion, undistort
from affordance_grasp.nodes.convert.conversions import from_intrinsics
from affordance_grasp.nodes.convert.images import from_color, from_depth_m, from_map
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, INFO, FrameStream, StampedFrame
from affordance_grasp.nodes.ros.calls import NoAnswer
from affordance_grasp.streams.camera_info import to_distortion
from affordance_grasp.streams.messages import seconds, stamp_ns, to_color

NOW_S = 100.0
INTRINSICS = CameraIntrinsics(300.0, 300.0, 160.0, 120.0, 320, 240)
BARREL = Distortion("plumb_bob", (-0.12, 0.03, 0.0, 0.0, 0.0))


def still_stream(on_frame=None, resolve=lambda name: f"/camera/{name}"):
    """A stream whose clock stands at 100 s."""
    now = SimpleNamespace(nanoseconds=int(NOW_S * 1e9))
    node = SimpleNamespace(
        get_clock=lambda: SimpleNamespace(now=lambda: now),
        create_subscription=lambda *arguments, **options: None,
        resolve_topic_name=resolve,
        get_logger=lambda: SimpleNamespace(warning=lambda text, **options: None),
    )
    return FrameStream(node, on_frame)


@pytest.fixture
def stream():
    return still_stream()


def live_pairs(arrivals):
    """Stamps of colour -> of depth [ns] of the frames that a live reader gets.

    ``arrivals``: whether it is colour, and its stamp [ns].
    """
    frames = []
    stream = still_stream(frames.append)
    stream._take(INFO, pinhole())
    for is_color, ns in arrivals:
        stamp = Time(sec=ns // 10**9, nanosec=ns % 10**9)
        stream._take(COLOR if is_color else DEPTH, Image(header=Header(stamp=stamp)))
    return {stamp_ns(f.header.stamp): stamp_ns(f.depth.header.stamp) for f in frames}


def header(stamp_s):
    return Header(stamp=Time(sec=int(stamp_s), nanosec=round(stamp_s % 1 * 1e9)))


def pinhole():
    return from_intrinsics(INTRINSICS, Header())


def send(stream, color_s, depth_s=None):
    stream._take(INFO, pinhole())
    stream._take(DEPTH, Image(header=header(color_s if depth_s is None else depth_s)))
    stream._take(COLOR, Image(header=header(color_s)))


def soon(stream, *frames):
    """Frames that arrive one after the other while somebody waits."""
    timers = [Timer(0.05 * (i + 1), send, (stream, *stamps)) for i, stamps in enumerate(frames)]
    for timer in timers:
        timer.start()


def test_a_frame_that_was_under_way_is_not_the_answer(stream):
    soon(stream, (NOW_S - 0.02,), (NOW_S + 0.3,))
    assert seconds(stream.next(2.0).header.stamp) == pytest.approx(NOW_S + 0.3)


def test_a_frame_from_before_the_question_is_not_the_answer(stream):
    send(stream, NOW_S + 0.1)
    soon(stream, (NOW_S + 0.4,))
    assert seconds(stream.next(2.0).header.stamp) == pytest.approx(NOW_S + 0.4)


def test_colour_and_depth_of_one_instant_make_a_frame(stream):
    soon(stream, (NOW_S + 0.1, NOW_S + 0.2), (NOW_S + 0.5, NOW_S + 0.53))
    frame = stream.next(2.0)
    assert seconds(frame.color.header.stamp) == pytest.approx(NOW_S + 0.5)
    assert seconds(frame.depth.header.stamp) == pytest.approx(NOW_S + 0.53)


def test_the_exact_partner_of_one_colour_image_late_is_found(stream):
    """Aligned depth that comes one image late at 30 Hz, as after a slow filter."""
    frames = []
    stream._on_frame = frames.append
    stream._take(INFO, pinhole())
    for i in range(8):
        stream._take(COLOR, Image(header=header(NOW_S + i / 30)))
        if i:
            stream._take(DEPTH, Image(header=header(NOW_S + (i - 1) / 30)))
    assert len(frames) == 7
    assert all(frame.depth.header.stamp == frame.header.stamp for frame in frames)


def test_images_without_stamps_are_refused(stream):
    timer = Timer(0.05, stream._take, (COLOR, Image(header=header(0))))
    timer.start()
    with pytest.raises(NoAnswer, match="colour images have no stamp; the driver must stamp each"):
        stream.next(0.3)


def test_a_slash_before_the_frame_is_taken_off_once(stream):
    for topic in (INFO, DEPTH, COLOR):
        message = pinhole() if topic == INFO else Image()
        message.header = header(NOW_S)
        message.header.frame_id = "/camera"
        stream._take(topic, message)
    frame = stream._newest
    assert frame.header.frame_id == frame.depth.header.frame_id == "camera"


def test_frames_of_another_clock_are_named(stream):
    soon(stream, (NOW_S - 40,))
    with pytest.raises(NoAnswer, match=r"stamps 40\.0 s old; the clocks must agree"):
        stream.next(0.3)


def test_an_image_that_is_far_too_old_is_not_waited_out(stream):
    soon(stream, (NOW_S - 10,))
    begun = monotonic()
    with pytest.raises(NoAnswer, match=r"no camera frame: frames arrive with stamps 10\.0 s old"):
        stream.next(60.0)
    assert monotonic() - begun < 30
    soon(stream, (NOW_S - 4,), (NOW_S + 0.4,))
    assert seconds(stream.next(60.0).header.stamp) == pytest.approx(NOW_S + 0.4)


def test_what_is_missing_is_named(stream):
    with pytest.raises(NoAnswer, match="nothing arrives on color/image_raw"):
        stream.next(0.05)
    Timer(0.05, stream._take, (COLOR, Image(header=header(NOW_S + 1)))).start()
    with pytest.raises(NoAnswer, match="must align depth to colour"):
        stream.next(0.3)
    soon(stream, (NOW_S + 1, NOW_S + 2))
    with pytest.raises(NoAnswer, match="stamps differ by more than 50 ms"):
        stream.next(0.3)


@pytest.fixture
def distorted():
    """A frame as a barrel lens shows it, and what a pinhole would have seen."""
    rng = np.random.default_rng(0)
    color = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    depth_m = rng.integers(400, 900, (240, 320)).astype(np.float32) / np.float32(1000)
    frame = RgbdFrame(color, depth_m, INTRINSICS)
    return frame, undistort(frame, BARREL)


@pytest.mark.parametrize("depth_message", [from_depth_m, from_map])
def test_the_lens_is_taken_out_of_all_three_messages(distorted, depth_message):
    frame, seen = distorted
    stamped = StampedFrame(
        from_color(frame.color, header(1)),
        depth_message(frame.depth_m, header(1)),
        from_intrinsics(INTRINSICS, header(1), BARREL),
    )
    assert to_distortion(stamped.camera_info) == BARREL
    np.testing.assert_array_equal(stamped.frame().color, seen.color)
    plain = stamped.undistorted()
    assert to_distortion(plain.camera_info) == PINHOLE
    assert plain.header == stamped.header
    np.testing.assert_array_equal(to_color(plain.color), seen.color)
    for again in (plain.frame(), plain.undistorted().frame()):
        np.testing.assert_array_equal(again.color, seen.color)
        np.testing.assert_allclose(again.depth_m, seen.depth_m, atol=1e-6)


def test_who_asks_for_a_frame_gets_that_of_a_pinhole(stream, distorted):
    frame, seen = distorted
    stamp = header(NOW_S + 0.1)

    def arrive():
        stream._take(INFO, from_intrinsics(INTRINSICS, stamp, BARREL))
        stream._take(DEPTH, from_depth_m(frame.depth_m, stamp))
        stream._take(COLOR, from_color(frame.color, stamp))

    Timer(0.05, arrive).start()
    stamped = stream.next(2.0)
    assert to_distortion(stamped.camera_info) == PINHOLE
    np.testing.assert_array_equal(to_color(stamped.color), seen.color)


def test_a_pinhole_frame_is_passed_on_as_it_came(distorted):
    frame, _ = distorted
    stamped = StampedFrame(
        from_color(frame.color, header(1)), from_depth_m(frame.depth_m, header(1)), pinhole()
    )
    assert stamped.undistorted() is stamped


def test_rectified_images_are_passed_on_with_their_own_matrix(distorted):
    frame, _ = distorted
    info = from_intrinsics(INTRINSICS, header(1), BARREL)
    info.p[0] = info.p[5] = 280.0
    images = from_color(frame.color, header(1)), from_depth_m(frame.depth_m, header(1))
    plain = StampedFrame(*images, info, rectified=True).undistorted()
    assert (plain.color, plain.depth) == images
    assert plain.frame().intrinsics.fx == 280.0
    np.testing.assert_array_equal(plain.frame().color, frame.color)


def test_a_part_of_the_sensor_stays_that_part_when_the_lens_is_taken_out(distorted):
    frame, seen = distorted
    info = from_intrinsics(INTRINSICS, header(1), BARREL)
    roi = info.roi
    roi.x_offset, roi.y_offset, roi.width, roi.height = 100, 80, 128, 96
    part = slice(80, 176), slice(100, 228)
    stamped = StampedFrame(
        from_color(frame.color[part], header(1)),
        from_depth_m(frame.depth_m[part], header(1)),
        info,
    )
    again = stamped.undistorted().undistorted().frame()
    assert (again.intrinsics.cx, again.intrinsics.cy) == (60.0, 40.0)
    inner = slice(30, 50), slice(40, 80)  # around the middle of the lens, which bends little
    np.testing.assert_array_equal(again.color[inner], seen.color[part][inner])
    assert again.color.shape == (96, 128, 3)


def test_a_topic_that_says_so_is_rectified():
    assert not still_stream()._rectified
    assert still_stream(resolve=lambda name: "/camera/rgb/image_rect_color")._rectified
