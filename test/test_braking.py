"""Braking on the way that was planned."""

import numpy as np
import pytest

from affordance_grasp.control.motion.braking import brake
from affordance_grasp.control.motion.trajectory import resample, time_parameterise
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput

NAMES = ("a", "b")
LIMITS = np.array([8.0, 10.0])


def rest_of(motion, from_s):
    """What remains of a motion after a while."""
    positions, velocities = resample(motion, 0.001)
    begin = round(from_s / 0.001)
    times_s = 0.001 * np.arange(len(positions) - begin)
    return JointTrajectory(NAMES, times_s, positions[begin:], velocities[begin:])


def steady(speed):
    q = np.outer([0.0, 1.0], speed)
    return JointTrajectory(NAMES, np.array([0.0, 1.0]), q, np.tile(speed, (2, 1)))


def test_at_constant_speed_the_way_is_half_the_speed_times_the_time():
    """The slower joint to stop, b, takes 5 / 10 s; a then brakes at 2 / 0.5."""
    braked = brake(steady([2.0, -5.0]), LIMITS)
    assert braked.duration_s == pytest.approx(0.5)
    np.testing.assert_allclose(braked.positions[-1], [0.5, -1.25])
    np.testing.assert_allclose(braked.velocities[0], [2.0, -5.0])
    np.testing.assert_allclose(braked.velocities[-1], 0, atol=1e-12)


@pytest.mark.parametrize("from_s", [0.05, 0.2, 0.5, 0.9])
def test_the_way_is_kept_and_the_limits_hold(from_s):
    bend = np.array([[0, 0], [0.3, 0.1], [0.5, 0.4], [0.5, 0.9]])
    motion = time_parameterise(bend, [1.5, 1.5], [2.0, 2.0], NAMES)
    ahead = rest_of(motion, from_s)
    positions, velocities = resample(brake(ahead, LIMITS), 0.001)
    fine = resample(ahead, 0.0002)[0]
    for q in positions[::10]:
        assert np.abs(fine - q).max(axis=1).min() < 1e-3
    np.testing.assert_allclose(velocities[0], ahead.velocities[0], atol=1e-9)
    assert (np.abs(np.diff(velocities, axis=0)) <= 1.02 * 0.001 * LIMITS).all()
    np.testing.assert_allclose(velocities[-1], 0, atol=1e-9)


def test_a_motion_that_ends_sooner_ends_where_it_would_have():
    motion = time_parameterise([[0, 0], [1, 1]], [1.0, 1.0], [2.0, 2.0], NAMES)
    braked = brake(rest_of(motion, motion.duration_s - 0.02), 0.1 * LIMITS)
    np.testing.assert_allclose(braked.positions[-1], [1, 1], atol=1e-3)
    assert (braked.positions <= 1).all()


def test_at_rest_nothing_moves():
    at_rest = JointTrajectory(NAMES, np.zeros(1), np.ones((1, 2)), np.zeros((1, 2)))
    assert brake(at_rest, LIMITS).positions.tolist() == [[1, 1]]
    assert brake(steady([0.0, 0.0]), LIMITS).duration_s == 0


@pytest.mark.parametrize("limits", [[1.0], [0.0, 1.0], [1.0, -1.0]])
def test_brakes_must_be_able_to_brake(limits):
    with pytest.raises(InvalidInput, match="2 decelerations > 0"):
        brake(steady([1.0, 1.0]), limits)
