"""One set of rules for all that moves: what is kept, what is replaced, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affordance_grasp.streams.timeline import (
    KEPT_NS,
    MAX_GAP_NS,
    MOST_KEPT,
    STEP_BACK_NS,
    NotKnown,
    Timeline,
)

MS = 1_000_000
SPEED = 10.0


def numbers():
    """A line of numbers that change by at most 10 in a second."""
    return Timeline(lambda a, b, seconds: abs(a - b) > 0.1 + SPEED * seconds)


def line(*entries):
    made = numbers()
    for ms, value in entries:
        made.insert(ms * MS, value)
    return made


def at(made, ms):
    before, after, share = made.around(round(ms * MS), "it")
    return (1 - share) * before + share * after


def test_between_entries_is_interpolated_and_beyond_them_they_hold():
    made = line((100, 1.0), (200, 3.0))
    for ms, value in ((100, 1.0), (125, 1.5), (200, 3.0), (50, 1.0), (340, 3.0)):
        assert at(made, ms) == pytest.approx(value)
        assert 0 <= made.around(ms * MS, "it")[2] <= 1


def test_a_wide_gap_is_bridged_near_its_ends_only():
    made = line((0, 0.0), (1000, 10.0))
    assert at(made, 100) == pytest.approx(1.0)
    assert at(made, 900) == pytest.approx(9.0)
    with pytest.raises(NotKnown, match="it has nothing from 0.50 s before the image to 0.50 s"):
        at(made, 500)


@pytest.mark.parametrize(
    ("ms", "words"),
    [(1351, "it ends 0.35 s before the image; its publisher is late"), (800, "it begins 0.20 s")],
)
def test_beyond_the_ends_a_sentence_says_how_far(ms, words):
    with pytest.raises(NotKnown, match=words):
        at(line((1000, 0.0)), ms)
    with pytest.raises(NotKnown, match="nothing arrives on it"):
        at(numbers(), ms)


def test_a_stamp_that_is_there_already_is_replaced():
    made = line((100, 1.0), (200, 2.0), (200, 2.05), (100, 1.05))
    assert len(made) == 2
    assert at(made, 150) == pytest.approx(1.55)


def test_a_late_entry_is_put_in_its_place():
    made = line((100, 1.0), (300, 3.0), (200, 5.0))
    assert at(made, 200) == 5.0 and at(made, 250) == pytest.approx(4.0)
    assert made.newest_ns == 300 * MS and made.newest == 3.0


def test_only_a_clear_step_back_of_the_clock_forgets():
    start = 10_000 * MS
    made = numbers()
    made.insert(start, 1.0)
    made.insert(start - STEP_BACK_NS, 0.5)
    assert len(made) == 2
    made.insert(start - STEP_BACK_NS - 1, 0.4)
    assert len(made) == 1 and made.newest == 0.4


def test_what_is_kept_is_bounded_in_time_and_number():
    made = numbers()
    for i in range(300):
        made.insert(i * 100 * MS, 0.0)
    assert len(made) == KEPT_NS // (100 * MS) + 1
    for i in range(MOST_KEPT + 10):
        made.insert(10**12 + i, 0.0)
    assert len(made) == MOST_KEPT


def test_who_waits_waits_for_the_stamp():
    made = line((100, 1.0))
    assert made.knows(100 * MS) and not made.knows(100 * MS + 1)
    assert not numbers().knows(0)


def test_since_begins_before_the_stamp():
    made = line((100, 1.0), (200, 2.0), (300, 3.0))
    assert made.since(200 * MS) == [2.0, 3.0]
    assert made.since(199 * MS) == [1.0, 2.0, 3.0]
    assert made.since(99 * MS) == []


def interleaved(*values, step_ms=10):
    return line(*((i * step_ms, value) for i, value in enumerate(values)))


def test_two_publishers_that_contradict_each_other_are_found():
    assert interleaved(*[0.0, 5.0] * 3).contradicts_itself
    assert interleaved(*[0.0, 0.0, 5.0, 5.0] * 4).contradicts_itself
    assert line(*((i // 2 * 10, i % 2 * 5.0) for i in range(6))).contradicts_itself, "one stamp"


def test_one_publisher_is_not_blamed():
    fast = interleaved(*np.arange(50) * 0.1)
    assert not fast.contradicts_itself
    put_elsewhere = interleaved(0.0, 0.0, 5.0, 5.0, 0.0, 0.0, step_ms=100)
    assert not put_elsewhere.contradicts_itself, "a simulation that is begun anew"
    put_onwards = interleaved(*np.repeat([0.0, 5.0, 10.0, 15.0, 20.0], 2))
    assert not put_onwards.contradicts_itself
    noisy = interleaved(*[0.0, 0.09] * 20)
    assert not noisy.contradicts_itself


def test_a_contradiction_that_has_ended_is_forgiven():
    made = interleaved(*[0.0, 5.0] * 3)
    for ms in range(60, 3100, 10):
        made.insert(ms * MS, 5.0)
    assert not made.contradicts_itself


@given(st.lists(st.integers(0, 900), min_size=1, max_size=30), st.integers(-200, 1100))
def test_whatever_the_order_of_arrival_it_is_read_as_if_sorted(stamps_ms, asked_ms):
    made = line(*((ms, ms * 1e-3) for ms in stamps_ms))
    known = sorted(set(stamps_ms))
    nearest = min(abs(ms - asked_ms) for ms in known)
    if nearest * MS > MAX_GAP_NS:
        with pytest.raises(NotKnown):
            at(made, asked_ms)
    else:
        expected = np.interp(asked_ms, known, np.array(known) * 1e-3)
        assert at(made, asked_ms) == pytest.approx(expected)
