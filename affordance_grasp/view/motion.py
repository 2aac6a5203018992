"""A planned pick as a film: the arm's configuration and the fingers at even times."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.geometry import Floats

CLOSING_S = 0.6


@dataclass(frozen=True, eq=False)
class Pose:
    """Joint positions ``q`` (J,) [rad] and the fingertips' distance at a time of a stage."""

    time_s: float
    stage: str
    q: Floats
    width_m: float


def film(pick: PickPlan, rate_hz: float = 15.0) -> tuple[Pose, ...]:
    """The poses of a pick in the order of time, ``rate_hz`` of them a second.

    The fingers close in ``CLOSING_S``, which is about what a gripper takes; it is not planned.
    """
    steps = list(_steps(pick, 1 / rate_hz))
    return tuple(Pose(i / rate_hz, *step) for i, step in enumerate(steps))


def _steps(pick: PickPlan, period_s: float) -> Iterator[tuple[str, Floats, float]]:
    width_m = pick.open_width_m
    for stage, trajectory in pick.stages():
        if stage == "lift":
            count = max(1, round(CLOSING_S / period_s))
            for width_m in np.linspace(pick.open_width_m, pick.grasp_width_m, count):
                yield "close", pick.q_grasp, float(width_m)
            width_m = pick.grasp_width_m
        for q in resample(trajectory, period_s)[0]:
            yield stage, q, float(width_m)
