"""Joint motion along a path, from rest to rest, within velocity and acceleration limits.

The path is a cubic spline q(s) through the waypoints. Two passes over it (forward for speeding
up, backward for braking, as in Bobrow 1985) give the fastest s(t) under

    |q' s_t| <= velocity,    |q' s_tt + q'' s_t^2| <= acceleration.

s(t) is then averaged over a short window, which bounds the jerk and leaves the path exactly where
it was, and time is stretched by what may still exceed velocity, acceleration or jerk.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicHermiteSpline, CubicSpline

from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

GRID = 200
CURVE_SHARE = 0.6
SAME_RAD = 1e-9
CHECKS, CHECKS_EACH = 400, 8
"""Times at which limits are checked: in all at least, and for each waypoint."""
SMOOTHING_S = 0.1
"""Averaging window; jerk stays below about 2 acceleration / window, where corners are gentle."""
JERK_SHARE = 4.0
"""Highest jerk as a share of acceleration / window."""


@dataclass(frozen=True)
class _TimeLaw:
    """s at times t (M,), with speed (M,) there and constant acceleration in between."""

    t: Floats
    s: Floats
    speed: Floats

    def at(self, t: Floats) -> tuple[Floats, Floats]:
        """Position and speed along the path at any times; at rest before and after."""
        clipped = np.clip(t, 0, self.t[-1])
        i = np.clip(np.searchsorted(self.t, clipped, side="right") - 1, 0, len(self.t) - 2)
        dt, span = clipped - self.t[i], self.t[i + 1] - self.t[i]
        rate = (self.speed[i + 1] - self.speed[i]) / span
        return self.s[i] + self.speed[i] * dt + 0.5 * rate * dt**2, self.speed[i] + rate * dt


def time_parameterise(
    waypoints_q: ArrayLike,
    velocity: ArrayLike,
    acceleration: ArrayLike,
    joint_names: tuple[str, ...],
    *,
    sample_s: float = 0.02,
) -> JointTrajectory:
    """A smooth rest-to-rest trajectory through waypoints, sampled evenly in time.

    Args:
        waypoints_q: (N, J) [rad]; two give a straight joint motion. Between more of them the path
            is a cubic spline, so they must be dense where its shape matters.
        velocity: (J,) speed limits [rad/s].
        acceleration: (J,) limits [rad/s^2].
        joint_names: J names, for the result.
        sample_s: largest time between samples.
    """
    q, v_max, a_max = (np.asarray(x, float) for x in (waypoints_q, velocity, acceleration))
    _check(q, v_max, a_max, joint_names)
    q = q[np.append(True, np.abs(np.diff(q, axis=0)).max(axis=1) > SAME_RAD)]
    if len(q) == 1:
        return JointTrajectory(joint_names, np.zeros(1), q, np.zeros_like(q))
    path = _spline(q)
    law = _fastest(path, v_max, a_max)
    window = min(SMOOTHING_S, 0.5 * law.t[-1])
    total = law.t[-1] + window
    t = np.linspace(0, total, max(CHECKS, CHECKS_EACH * len(q)) + 1)
    _, qd, qdd = _smoothed(path, law, window, t)
    peak_v, peak_a = (np.abs(qd) / v_max).max(), (np.abs(qdd) / a_max).max()
    jerk, j_max = np.diff(qdd, axis=0) / t[1], JERK_SHARE * a_max / window
    peak_j = (np.abs(jerk) / j_max).max()
    stretch = 1.002 * max(peak_v, np.sqrt(peak_a), np.cbrt(peak_j), 1.0)
    count = int(np.ceil(total * stretch / sample_s)) + 1
    t = np.linspace(0, total, max(count, 3))
    positions, qd, _ = _smoothed(path, law, window, t)
    velocities = qd / stretch
    positions[[0, -1]], velocities[[0, -1]] = q[[0, -1]], 0.0
    return JointTrajectory(joint_names, t * stretch, positions, velocities)


def resample(trajectory: JointTrajectory, period_s: float) -> tuple[Floats, Floats]:
    """Positions and velocities (M, J) every ``period_s`` from the start, and at the end.

    Cubic between the points, as controllers interpolate points that have velocities.
    """
    if len(trajectory.times_s) == 1:
        return trajectory.positions, trajectory.velocities
    spline = CubicHermiteSpline(trajectory.times_s, trajectory.positions, trajectory.velocities)
    count = int(np.ceil(trajectory.duration_s / period_s)) + 1
    times = np.minimum(np.arange(count) * period_s, trajectory.duration_s)
    return spline(times), spline(times, nu=1)


def top_speed(trajectory: JointTrajectory) -> Floats:
    """Highest speed (J,) [rad/s] at the points and on the cubics between them, exact.

    Along a cubic the velocity is a parabola: start + slope u + bend u^2, with u from 0 to 1.
    """
    start, end = trajectory.velocities[:-1], trajectory.velocities[1:]
    mean = np.diff(trajectory.positions, axis=0) / np.diff(trajectory.times_s)[:, None]
    slope, bend = 6 * mean - 4 * start - 2 * end, 3 * (start + end - 2 * mean)
    turn = np.divide(-slope, 2 * bend, out=np.zeros_like(bend), where=bend != 0).clip(0, 1)
    between = start + slope * turn + bend * turn**2
    return np.asarray(np.abs(np.vstack([trajectory.velocities, between])).max(axis=0))


def _check(q: Floats, velocity: Floats, acceleration: Floats, names: tuple[str, ...]) -> None:
    if q.ndim != 2 or len(q) == 0 or q.shape[1] != len(names) or not np.isfinite(q).all():
        raise InvalidInput(f"waypoints must be finite, (N, {len(names)}) with N >= 1")
    for what, limit in (("velocity", velocity), ("acceleration", acceleration)):
        if limit.shape != (len(names),) or not (limit > 0).all():
            raise InvalidInput(f"{what} limits must be {len(names)} numbers > 0")


def _spline(q: Floats) -> CubicSpline:
    length = np.linalg.norm(np.diff(q, axis=0), axis=1)
    s = np.concatenate([[0.0], np.cumsum(length)])
    return CubicSpline(s, q, bc_type="natural" if len(q) > 2 else "not-a-knot")


def _fastest(path: CubicSpline, v_max: Floats, a_max: Floats) -> _TimeLaw:
    """Two passes over a grid of s with x = speed^2, whose slope is twice the acceleration."""
    s = np.linspace(path.x[0], path.x[-1], max(GRID, 4 * len(path.x)) + 1)
    slope, curve = np.abs(path(s, 1)), np.abs(path(s, 2))
    slope = np.maximum(slope, 1e-12)
    x = np.minimum((v_max / slope) ** 2, CURVE_SHARE * a_max / np.maximum(curve, 1e-12)).min(1)
    x[[0, -1]] = 0.0
    step = s[1] - s[0]
    for order in (range(len(s) - 1), range(len(s) - 1, 0, -1)):
        side = 1 if order.step > 0 else -1
        for i in order:
            rate = ((a_max - curve[i] * x[i]) / slope[i]).min()
            x[i + side] = min(x[i + side], x[i] + 2 * step * rate)
    speed = np.sqrt(x)
    t = np.concatenate([[0.0], np.cumsum(2 * step / (speed[1:] + speed[:-1]))])
    return _TimeLaw(t, s, speed)


def _smoothed(
    path: CubicSpline, law: _TimeLaw, window: float, t: Floats
) -> tuple[Floats, Floats, Floats]:
    """Positions, velocities, accelerations (len(t), J) with s(t) averaged over the window."""
    later, earlier = law.at(t), law.at(t - window)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    inside = t[:, None] - window * (1 - nodes) / 2
    s = law.at(inside.ravel())[0].reshape(inside.shape) @ weights / 2
    speed, rate = (later[0] - earlier[0]) / window, (later[1] - earlier[1]) / window
    s = np.clip(s, path.x[0], path.x[-1])
    slope, curve = path(s, 1), path(s, 2)
    qdd = slope * rate[:, None] + curve * speed[:, None] ** 2
    return np.asarray(path(s)), slope * speed[:, None], qdd
