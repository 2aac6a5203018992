"""Braking along the planned path, which is known to be free of collisions."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicHermiteSpline

from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput

SAMPLE_S = 0.004
AT_REST_S = 1e-6
ROUNDS = 3


def brake(trajectory: JointTrajectory, deceleration: ArrayLike) -> JointTrajectory:
    """Come to rest on a trajectory's own path, beginning at its start and at its speed there.

    Time along it, u = t - t^2 / 2T, runs ever slower and stands still at T. A joint then
    accelerates by q'' u'^2 - q' / T; the shortest T that keeps within the limits is taken.

    Args:
        trajectory: what would be followed from now on.
        deceleration: (J,) limits [rad/s^2]. The trajectory's own accelerations should stay below
            half of them; what exceeds that adds to the braking.
    """
    limit = np.asarray(deceleration, float)
    if limit.shape != (len(trajectory.joint_names),) or not (limit > 0).all():
        raise InvalidInput(f"brakes need {len(trajectory.joint_names)} decelerations > 0")
    start = trajectory.positions[:1]
    at_rest = JointTrajectory(trajectory.joint_names, np.zeros(1), start, np.zeros_like(start))
    if len(trajectory.times_s) == 1:
        return at_rest
    path = CubicHermiteSpline(trajectory.times_s, trajectory.positions, trajectory.velocities)
    over_s = 0.0
    for _ in range(ROUNDS):  # the longer it takes, the more of the path is covered
        ahead = np.linspace(0, min(over_s / 2, trajectory.duration_s), 20)
        spare = np.maximum(limit - np.abs(path(ahead, 2)), limit / 2)
        over_s = float((np.abs(path(ahead, 1)) / spare).max())
    if over_s < AT_REST_S:
        return at_rest
    t = np.linspace(0, over_s, int(np.ceil(over_s / SAMPLE_S)) + 1)
    along = np.minimum(t - t**2 / (2 * over_s), trajectory.duration_s)
    velocities = path(along, 1) * (1 - t / over_s)[:, None]
    return JointTrajectory(trajectory.joint_names, t, path(along), velocities)
