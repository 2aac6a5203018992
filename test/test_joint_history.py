"""Joint positions of the last seconds, at the stamp of an image."""

import numpy as np
import pytest
from small_bags import START_NS, joints

from affordance_grasp.errors import InvalidInput
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.timeline import NotKnown

NAMES = ("a", "b")


def ns(t_s):
    return START_NS + round(t_s * 1e9)


@pytest.fixture
def history():
    return JointHistory(NAMES)


def take(history, t_s, *positions, names=NAMES):
    history.take(joints(t_s, names, positions))


def test_positions_are_interpolated_and_in_the_order_of_the_names(history):
    take(history, 0.0, 1.0, 0.0, 9.0, names=("b", "a", "grip"))
    take(history, 0.1, 1.0, 3.0)
    np.testing.assert_allclose(history.at(ns(0.025)), [0.25, 1.5])
    np.testing.assert_allclose(history.newest, [1.0, 3.0])
    assert history.newest_ns == ns(0.1)


def test_a_message_of_other_joints_says_nothing(history):
    take(history, 0.0, 9.0, names=("grip",))
    assert not history.received and not history.knows(ns(0))
    with pytest.raises(NotKnown, match="nothing arrives on joint_states"):
        history.at(ns(0))


def test_positions_that_are_none_are_refused(history):
    with pytest.raises(InvalidInput, match="joint_states holds NaN"):
        take(history, 0.0, float("nan"), 0)
    assert not history.received


def test_far_from_every_message_nothing_is_known(history):
    take(history, 0.0, 1.0, 0.0)
    with pytest.raises(NotKnown, match="joint_states ends 1.00 s before the image"):
        history.at(ns(1.0))


def test_messages_that_come_twice_change_nothing_while_the_arm_moves(history):
    """Two publishers of one driver, or a bridge: 1 rad/s at 10 Hz, read between two messages."""
    for i in range(20):
        for _ in range(2):
            take(history, 0.1 * i, 0.1 * i, -0.1 * i)
    np.testing.assert_allclose(history.at(ns(1.05)), [1.05, -1.05])
    assert history.contradiction == ""


def test_rest_is_read_from_all_that_came_in_the_window(history):
    for i in range(20):
        take(history, 0.1 * i, 1.0 + 0.001 * (i % 2) + (i < 5), 0.0)
    assert history.rests(10**9), "a driver's noise is no motion"
    assert not history.rests(16 * 10**8), "it moved then"
    assert not history.rests(3 * 10**9), "nobody knows what was before"


def test_publishers_that_contradict_each_other_are_refused(history):
    """A driver at 50 Hz, and one that always says zero."""
    for i in range(10):
        take(history, 0.02 * i, 1.2, -0.7)
        take(history, 0.02 * i + 0.01, 0.0, 0.0)
    with pytest.raises(InvalidInput, match="jumps to and fro between positions of a, b, as from"):
        history.at(ns(0.1))


@pytest.mark.parametrize("radps", [3.0, 12.0, 40.0])
def test_a_fast_motion_from_rest_is_no_contradiction(history, radps):
    """At 50 Hz; simulated arms are played faster than any real one moves."""
    for i in range(40):
        moved_s = max(0.0, 0.02 * i - 0.2)
        take(history, 0.02 * i, radps * min(moved_s, 0.3), 0.0)
    assert history.contradiction == ""
