"""Frames from the camera topics: paired by stamp, and never older than the question."""

from threading import Timer
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from affordance_grasp.nodes.calls import NoAnswer
from affordance_grasp.nodes.conversions import seconds
from affordance_grasp.nodes.frames import FrameStream

NOW_S = 100.0


@pytest.fixture
def stream():
    """A stream whose clock stands at 100 s."""
    now = SimpleNamespace(nanoseconds=int(NOW_S * 1e9))
    node = SimpleNamespace(
        get_clock=lambda: SimpleNamespace(now=lambda: now),
        create_subscription=lambda *arguments, **options: None,
    )
    return FrameStream(node)


def header(stamp_s):
    return Header(stamp=Time(sec=int(stamp_s), nanosec=round(stamp_s % 1 * 1e9)))


def send(stream, color_s, depth_s=None):
    stream._take_info(CameraInfo())
    stream._take_depth(Image(header=header(color_s if depth_s is None else depth_s)))
    stream._take_color(Image(header=header(color_s)))


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


def test_frames_of_another_clock_are_named(stream):
    soon(stream, (NOW_S - 40,))
    with pytest.raises(NoAnswer, match=r"stamps 40\.0 s old; the clocks must agree"):
        stream.next(0.3)


def test_what_is_missing_is_named(stream):
    with pytest.raises(NoAnswer, match="nothing arrives on color/image_raw"):
        stream.next(0.05)
    Timer(0.05, stream._take_color, (Image(header=header(NOW_S + 1)),)).start()
    with pytest.raises(NoAnswer, match="must align depth to colour"):
        stream.next(0.3)
    soon(stream, (NOW_S + 1, NOW_S + 2))
    with pytest.raises(NoAnswer, match="stamps differ by more than 50 ms"):
        stream.next(0.3)
