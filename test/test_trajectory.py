import numpy as np
import pytest

from affordance_grasp.control.motion.trajectory import resample, time_parameterise
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput

NAMES = ("a", "b", "c")
VELOCITY = np.array([1.0, 0.5, 2.0])
ACCELERATION = np.array([2.0, 3.0, 1.5])


def plan(waypoints, **options):
    return time_parameterise(waypoints, VELOCITY, ACCELERATION, NAMES, **options)


def curve(count):
    t = np.linspace(0, 1, count)[:, None]
    return np.sin(t * np.array([3.0, 5.0, 2.0])) * [0.5, 0.3, 0.8]


def paths():
    rng = np.random.default_rng(0)
    return [rng.uniform(-2, 2, (n, 3)) for n in (2, 2, 3, 6)] + [curve(60)]


@pytest.mark.parametrize("waypoints", paths())
def test_limits_hold_by_finite_differences(waypoints):
    motion = plan(waypoints, sample_s=0.004)
    dt = np.diff(motion.times_s)
    assert dt.max() <= 0.004 + 1e-12
    np.testing.assert_allclose(dt, dt[0])
    velocity = np.diff(motion.positions, axis=0) / dt[0]
    acceleration = np.diff(velocity, axis=0) / dt[0]
    jerk = np.diff(acceleration, axis=0) / dt[0]
    assert (np.abs(velocity) <= VELOCITY * 1.001).all()
    assert (np.abs(acceleration) <= ACCELERATION * 1.001).all()
    assert (np.abs(jerk) <= 4 * ACCELERATION / 0.1).all()
    middle = (motion.positions[2:] - motion.positions[:-2]) / (2 * dt[0])
    np.testing.assert_allclose(motion.velocities[1:-1], middle, atol=2e-3)


@pytest.mark.parametrize("waypoints", paths())
def test_starts_and_ends_at_rest_on_the_waypoints(waypoints):
    motion = plan(waypoints)
    np.testing.assert_array_equal(motion.positions[[0, -1]], waypoints[[0, -1]])
    np.testing.assert_array_equal(motion.velocities[[0, -1]], 0)


def test_straight_motion_is_nearly_as_fast_as_a_trapezoid():
    """Joint b is the slow one: 2 rad at 0.5 rad/s with 3 rad/s^2, and the smoothing window."""
    motion = plan([[0, 0, 0], [0.4, 2.0, 0.4]])
    assert motion.duration_s == pytest.approx(2 / 0.5 + 0.5 / 3 + 0.1, rel=0.01)
    ratio = motion.positions[1:-1] / motion.positions[1:-1, 1:2]
    np.testing.assert_allclose(ratio, np.tile([0.2, 1.0, 0.2], (len(ratio), 1)), atol=1e-9)


def test_path_is_kept():
    """Every sample lies on the curve that the waypoints were taken from."""
    motion = plan(curve(80))
    fine = curve(5000)
    distance = np.abs(motion.positions[:, None] - fine[None]).max(axis=2).min(axis=1)
    assert distance.max() < 1e-3


def test_short_and_empty_motion():
    still = plan([[0.1, 0.2, 0.3]] * 3)
    assert still.duration_s == 0
    np.testing.assert_array_equal(still.positions, [[0.1, 0.2, 0.3]])
    tiny = plan([[0, 0, 0], [1e-4, 0, 0]])
    assert 0 < tiny.duration_s < 0.1
    assert len(tiny.times_s) >= 3


def test_slower_limits_take_longer():
    fast = time_parameterise(curve(30), VELOCITY, ACCELERATION, NAMES)
    slow = time_parameterise(curve(30), VELOCITY * 0.2, ACCELERATION * 0.2, NAMES)
    assert slow.duration_s > 2 * fast.duration_s


def test_refusals():
    with pytest.raises(InvalidInput, match="waypoints"):
        plan([[0, 0], [1, 1]])
    with pytest.raises(InvalidInput, match="waypoints"):
        plan([[0, 0, np.nan], [1, 1, 1]])
    with pytest.raises(InvalidInput, match="velocity limits"):
        time_parameterise([[0, 0, 0]], np.zeros(3), ACCELERATION, NAMES)


def test_resampling_keeps_the_points_and_ends_at_the_end():
    times = np.array([0.0, 0.5, 1.05])
    positions = np.array([[0.0, 1.0], [0.5, 0.0], [2.0, -1.0]])
    trajectory = JointTrajectory(("a", "b"), times, positions, np.zeros((3, 2)))
    q, qd = resample(trajectory, 0.1)
    assert len(q) == 12
    np.testing.assert_allclose(q[[0, 5, -1]], positions, atol=1e-12)
    np.testing.assert_allclose(qd[[0, 5, -1]], 0, atol=1e-12)
    # Between two points at rest a cubic is fastest half way, at 3/2 of the average.
    np.testing.assert_allclose(resample(trajectory, 0.25)[1][1], [1.5, -3.0])


def test_a_single_point_is_resampled_to_itself():
    trajectory = JointTrajectory(("a",), np.zeros(1), np.ones((1, 1)), np.zeros((1, 1)))
    assert resample(trajectory, 0.1)[0].tolist() == [[1.0]]
