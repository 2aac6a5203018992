"""Colour, depth and intrinsics of one instant out of a stream; nothing is held for long."""

import struct

import pytest
from small_bags import START_NS

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import RawMessage
from affordance_grasp.replay.bags.topics import Topics
from affordance_grasp.streams.pairing import MOST_HELD, Losses, Pairer

TOPICS = Topics("/color", "/depth", "/info")
WITH_TRUTH = Topics("/color", "/depth", "/info", truth="/truth")


def message(topic, stamp_s, bag_s=None, data=None):
    ns = START_NS + round(stamp_s * 1e9)
    head = b"\0\1\0\0" + struct.pack("<iII", ns // 10**9, ns % 10**9, 4) + b"cam\0"
    bag_ns = START_NS + round((stamp_s if bag_s is None else bag_s) * 1e9)
    return RawMessage(topic, "sensor_msgs/msg/Image", bag_ns, head if data is None else data)


def feed(pairer, *messages, others_s=None):
    others = None if others_s is None else START_NS + round(others_s * 1e9)
    frames = []
    for one in messages:
        pairer.take(one)
        frames += pairer.ready(one.bag_ns, others)
    return frames


def stamps(frames):
    return [round((f.header.stamp_ns - START_NS) * 1e-9, 3) for f in frames]


def pairer(topics=TOPICS, losses=None):
    return Pairer(topics, losses or Losses(), message("/info", 0))


def test_the_nearest_depth_within_50_ms():
    frames = feed(
        pairer(),
        message("/depth", 0.97),
        message("/color", 1.0),
        message("/depth", 1.01),
        message("/depth", 1.04),
    )
    assert stamps(frames) == [1.0]
    assert frames[0].depth.bag_ns == START_NS + 1_010_000_000
    assert frames[0].header.frame_id == "cam"


def test_frames_come_in_order_and_late_depth_is_waited_for():
    one = pairer()
    assert feed(one, message("/color", 1.0), message("/color", 1.1)) == []
    frames = feed(one, message("/depth", 1.0, 1.15), message("/depth", 1.1, 1.2))
    assert stamps(frames) == [1.0, 1.1]


def test_images_without_depth_are_counted_and_hold_nobody_up():
    losses = Losses()
    one = pairer(losses=losses)
    frames = feed(one, message("/color", 1.0), message("/color", 1.2), message("/depth", 1.2))
    assert stamps(frames) == [1.2]
    assert losses.unpaired == 1
    assert feed(one, message("/color", 2.0), message("/color", 2.6)) == []
    assert losses.unpaired == 2
    assert list(one.rest()) == [] and losses.unpaired == 3


def test_joints_behind_the_image_are_waited_for_but_not_for_ever():
    pair = message("/color", 1.0), message("/depth", 1.0)
    assert feed(pairer(), *pair, others_s=0.9) == []
    assert stamps(feed(pairer(), *pair, others_s=1.0)) == [1.0]
    late = message("/depth", 1.6)
    assert stamps(feed(pairer(), *pair, late, others_s=0.9)) == [1.0]


def test_truth_joins_where_there_is_one():
    frames = feed(
        pairer(WITH_TRUTH),
        message("/color", 1.0),
        message("/truth", 1.0),
        message("/depth", 1.0),
        message("/color", 2.0),
        message("/depth", 2.0),
        message("/depth", 2.6),
    )
    assert [f.truth is not None for f in frames] == [True, False]


def test_intrinsics_near_the_image_win_over_the_last_ones():
    frames = feed(
        pairer(),
        message("/info", 1.0),
        message("/info", 1.3),
        message("/color", 1.02),
        message("/depth", 1.02),
        message("/color", 5.0),
        message("/depth", 5.0),
    )
    infos = [(f.camera_info.bag_ns - START_NS) * 1e-9 for f in frames]
    assert infos == pytest.approx([1.0, 1.3])


def test_what_is_held_is_bounded():
    one = pairer()
    for i in range(1000):
        feed(one, message("/color", 1 + i * 1e-4), message("/depth", i * 1e-4 - 50))
    assert len(one._waiting) <= MOST_HELD + 1
    assert len(one._held["/depth"]) <= MOST_HELD


def test_a_message_without_a_header_is_refused():
    with pytest.raises(InvalidInput, match="/color does not begin"):
        pairer().take(message("/color", 0, data=b"short"))
