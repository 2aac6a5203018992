import pytest

from affordance_grasp.camera.connection import FrameCounter


def counted(numbers, rate_hz=10.0):
    count = FrameCounter()
    for i, number in enumerate(numbers):
        count.add({"color": number, "depth": number + 7}, i / rate_hz)
    return count


def test_missing_numbers_are_drops():
    statistics = counted([5, 6, 9, 10, 12]).at(0.4)
    assert (statistics.frames, statistics.dropped) == (5, 3)


def test_one_lost_instant_counts_once_although_both_streams_miss_it():
    count = FrameCounter()
    count.add({"color": 1, "depth": 1}, 0.0)
    count.add({"color": 3, "depth": 3}, 0.1)
    count.add({"color": 4, "depth": 6}, 0.2)
    assert count.at(0.2).dropped == 3


def test_the_rate_is_that_of_the_last_seconds():
    count = counted(range(100), rate_hz=20.0)
    assert count.at(4.95).rate_hz == pytest.approx(20.0, rel=0.02)
    assert count.at(60.0).rate_hz == 0.0
    assert count.at(60.0).frames == 100


def test_a_camera_that_counts_afresh_has_dropped_nothing():
    count = counted([500, 501])
    count.restart()
    count.add({"color": 1, "depth": 1}, 1.0)
    count.add({"color": 2, "depth": 2}, 1.1)
    assert count.at(1.1).dropped == 0
    assert counted([500, 501, 3, 4]).at(1.0).dropped == 0
    assert counted([1, 2, 4_000_000_000]).at(1.0).dropped == 0


def test_nothing_yet_is_nothing():
    statistics = FrameCounter().at(3.0)
    assert (statistics.frames, statistics.dropped, statistics.rate_hz) == (0, 0, 0.0)
