"""Colour, depth and intrinsics of one instant out of a stream; nothing is held for long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affordance_grasp.errors import InvalidInput
from affordance_grasp.streams.messages import Header
from affordance_grasp.streams.pairing import (
    COLOR,
    DEPTH,
    INFO,
    MOST_HELD,
    NEAR_NS,
    PATIENCE_NS,
    SLOP_NS,
    TRUTH,
    Losses,
    Pairer,
    Stamped,
)

MS = 1_000_000


def came(role, ms, at_ms=None):
    """A message of a role; the message itself is its stamp [ms]."""
    header = Header(round(ms * MS), "cam")
    return role, Stamped(header, ms, round((ms if at_ms is None else at_ms) * MS))


def feed(pairer, *arrivals, known_ms=float("inf")):
    frames = []
    for role, stamped in arrivals:
        pairer.take(role, stamped)
        known = lambda header: header.stamp_ns <= known_ms * MS  # noqa: E731
        frames += pairer.ready(stamped.arrived_ns, known)
    return frames


def pairs(frames):
    return [(frame.color, frame.depth) for frame in frames]


def pairer(losses=None, **options):
    return Pairer(losses or Losses(), 1, **options)


def test_one_stamp_is_paired_at_once_whichever_comes_first():
    assert pairs(feed(pairer(), came(DEPTH, 100), came(COLOR, 100))) == [(100, 100)]
    (frame,) = feed(pairer(), came(COLOR, 100), came(DEPTH, 100))
    assert (frame.color, frame.depth, frame.header) == (100, 100, Header(100 * MS, "cam"))


def test_the_nearest_depth_and_not_the_newest():
    assert pairs(feed(pairer(), came(DEPTH, 100), came(DEPTH, 133), came(COLOR, 100))) == [
        (100, 100)
    ]
    frames = feed(
        pairer(), came(DEPTH, 970), came(COLOR, 1000), came(DEPTH, 1010), came(DEPTH, 1040)
    )
    assert pairs(frames) == [(1000, 1010)]


def test_depth_that_comes_one_image_late_finds_its_partner():
    arrivals = []
    for i in range(1, 8):
        arrivals += [came(COLOR, 33 * i)] + [came(DEPTH, 33 * (i - 1), 33 * i)] * (i > 1)
    assert pairs(feed(pairer(), *arrivals)) == [(33 * i, 33 * i) for i in range(1, 7)]


def test_frames_come_in_order():
    one = pairer()
    assert feed(one, came(COLOR, 1000), came(COLOR, 1100)) == []
    frames = feed(one, came(DEPTH, 1000, 1150), came(DEPTH, 1100, 1200))
    assert pairs(frames) == [(1000, 1000), (1100, 1100)]


def test_depth_at_a_lower_rate_serves_several_images():
    frames = feed(
        pairer(),
        came(DEPTH, 100),
        came(COLOR, 100),
        came(COLOR, 117),
        came(DEPTH, 133),
        came(COLOR, 133),
    )
    assert pairs(frames) == [(100, 100), (117, 133), (133, 133)]


def camera(colors, depths):
    """The frames of a recorded camera, by the times at which each took images [ms]."""
    losses = Losses()
    one = pairer(losses, ahead=True)
    arrivals = sorted(
        [came(COLOR, ms) for ms in colors] + [came(DEPTH, ms) for ms in depths],
        key=lambda one: one[1].arrived_ns,
    )
    return [*feed(one, *arrivals), *one.rest()], losses.unpaired


@pytest.mark.parametrize("lost", [{0}, {1}, {2}, {7}, {19}, {3, 4}, {2, 9, 15}])
def test_an_image_whose_depth_was_lost_is_left_out_where_the_others_match(lost):
    stamps = [100 + 33 * i for i in range(20)]
    there = [ms for i, ms in enumerate(stamps) if i not in lost]
    frames, unpaired = camera(stamps, there)
    assert pairs(frames) == [(ms, ms) for ms in there]
    assert unpaired == len(lost) and all(frame.gap_ns == 0 for frame in frames)


@pytest.mark.parametrize("late_ms", [8, 16])
def test_depth_that_is_always_as_late_is_that_of_the_image(late_ms):
    stamps = [100 + 33 * i for i in range(20)]
    frames, unpaired = camera(stamps, [ms + late_ms for ms in stamps])
    assert (len(frames), unpaired) == (20, 0)
    assert {frame.gap_ns for frame in frames} == {late_ms * MS}


def test_depth_at_half_the_rate_is_not_lost():
    frames, unpaired = camera([100 + 33 * i for i in range(20)], [100 + 66 * i for i in range(12)])
    assert (len(frames), unpaired) == (20, 0)


def test_a_camera_that_is_triggered_is_not_waited_for():
    """Live, nobody knows whether another image will come."""
    assert pairs(feed(pairer(), came(COLOR, 1000), came(DEPTH, 1030))) == [(1000, 1030)]


def test_images_without_depth_are_counted_and_hold_nobody_up():
    losses = Losses()
    one = pairer(losses)
    assert pairs(feed(one, came(COLOR, 1000), came(COLOR, 1200), came(DEPTH, 1200))) == [
        (1200, 1200)
    ]
    assert losses.unpaired == 1
    assert feed(one, came(COLOR, 2000), came(COLOR, 2600)) == []
    assert losses.unpaired == 2
    assert list(one.rest()) == [] and losses.unpaired == 3


def test_depth_that_has_stopped_is_waited_for_half_a_second():
    one = pairer()
    assert feed(one, came(DEPTH, 990), came(COLOR, 1000), came(COLOR, 1500)) == []
    assert pairs(feed(one, came(COLOR, 1501))) == [(1000, 990)]


def test_what_else_is_wanted_is_waited_for_but_not_for_ever():
    pair = came(COLOR, 1000), came(DEPTH, 1000)
    assert feed(pairer(), *pair, known_ms=900) == []
    assert pairs(feed(pairer(), *pair, known_ms=1000)) == [(1000, 1000)]
    assert pairs(feed(pairer(), *pair, came(DEPTH, 1600), known_ms=900)) == [(1000, 1000)]


def test_truth_joins_where_there_is_one():
    frames = feed(
        pairer(with_truth=True),
        came(COLOR, 1000),
        came(TRUTH, 1000),
        came(DEPTH, 1000),
        came(COLOR, 2000),
        came(DEPTH, 2000),
        came(DEPTH, 2600),
    )
    assert [frame.truth for frame in frames] == [1000, None]


def test_intrinsics_near_the_image_win_over_the_last_ones():
    frames = feed(
        pairer(),
        came(INFO, 1000),
        came(INFO, 1300),
        came(COLOR, 1020),
        came(DEPTH, 1020),
        came(COLOR, 5000),
        came(DEPTH, 5000),
    )
    assert [frame.camera_info for frame in frames] == [1000, 1300]


def test_nothing_is_complete_before_intrinsics_came():
    one = Pairer(Losses())
    assert feed(one, came(COLOR, 1000), came(DEPTH, 1000)) == []
    assert pairs(feed(one, came(INFO, 0, 1001))) == [(1000, 1000)]


def test_what_is_held_is_bounded():
    one = pairer()
    for i in range(1000):
        feed(one, came(COLOR, 1000 + i * 0.1), came(DEPTH, 1 + i * 0.1))
    assert len(one._waiting) <= MOST_HELD + 1
    assert len(one._held[DEPTH]) <= MOST_HELD


@pytest.mark.parametrize("role", [COLOR, DEPTH, TRUTH])
def test_images_without_stamps_of_their_own_are_refused(role):
    one = pairer(with_truth=True)
    with pytest.raises(InvalidInput, match=f"{role} images have no stamp; the driver must"):
        one.take(*came(role, 0))
    for _ in range(10):
        one.take(*came(role, 1000))
    with pytest.raises(InvalidInput, match=f"the last 11 {role} images have one stamp, 1.000 s"):
        one.take(*came(role, 1000))


def test_a_repeated_image_is_no_other_image():
    arrivals = [came(role, ms) for ms in (100, 133) for role in (DEPTH, COLOR, COLOR, DEPTH)]
    assert pairs(feed(pairer(), *arrivals)) == [(100, 100), (133, 133)]


STAMPS_MS = st.lists(st.integers(1, 2000), min_size=1, max_size=40, unique=True).map(sorted)


@given(STAMPS_MS, STAMPS_MS, st.integers(0, 400))
def test_every_image_gets_the_nearest_depth_and_none_beyond_the_slop(colors, depths, late_ms):
    """Whatever the rates and however late depth is, within the patience."""
    arrivals = [came(COLOR, ms) for ms in colors]
    arrivals += [came(DEPTH, ms, ms + late_ms) for ms in depths]
    arrivals.sort(key=lambda one: one[1].arrived_ns)
    losses = Losses()
    one = pairer(losses)
    frames = [*feed(one, *arrivals), *one.rest()]
    expected = {}
    for color in colors:
        away = min(abs(depth - color) for depth in depths)
        if away * MS <= SLOP_NS:
            expected[color] = away
    away = {frame.color: abs(frame.depth - frame.color) for frame in frames}
    assert list(away) == sorted(away) and away.items() <= expected.items()
    assert all(expected[color] * MS > NEAR_NS for color in expected if color not in away)
    assert losses.unpaired == len(colors) - len(frames)


@given(STAMPS_MS)
def test_no_image_is_held_longer_than_the_patience(colors):
    one = pairer()
    for role, stamped in [came(COLOR, ms) for ms in colors]:
        one.take(role, stamped)
        list(one.ready(stamped.arrived_ns))
        assert stamped.arrived_ns - one._waiting[0].arrived_ns <= PATIENCE_NS
