"""The hand closes where the affordance asks, or is on its way there."""

import numpy as np
import pytest

from affordance_grasp.simulation.dataset.functional_parts import FUNCTIONAL_PARTS
from affordance_grasp.simulation.dataset.person import (
    ARM,
    HAND,
    Grip,
    find_grip,
    make_hand,
    reach_for,
    usage_rotation,
)
from affordance_grasp.simulation.objects import make_object

PAIRS = [(a, f) for a, families in FUNCTIONAL_PARTS.items() for f in families]


@pytest.mark.parametrize(("affordance", "family"), PAIRS)
def test_grip_is_at_the_functional_part(affordance, family):
    obj = make_object(family, 2)
    grip = find_grip(obj, FUNCTIONAL_PARTS[affordance][family], np.random.default_rng(0))
    low, high = obj.bounds_m(FUNCTIONAL_PARTS[affordance][family])
    assert (grip.centre_m > low - 0.005).all()
    assert (grip.centre_m < high + 0.005).all()
    assert grip.axis @ grip.outward == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(grip.tangent) == pytest.approx(1)


def test_fingers_close_around_the_axis_and_the_arm_leads_away():
    grip = Grip(np.zeros(3), np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), 0.012)
    hand = make_hand(grip, np.random.default_rng(0))
    phalanges = np.array([p.position_m for p in hand[:12]])
    distance = np.linalg.norm(phalanges[:, :2], axis=1)
    assert distance.min() > 0.008
    assert distance.max() < 0.045
    angles = np.arctan2(phalanges[:, 1], phalanges[:, 0])
    assert np.ptp(angles[:3]) > 1.0
    arm = np.array([p.position_m for p in hand if p.part == ARM])
    assert np.linalg.norm(arm, axis=1).max() > 0.2
    assert {p.part for p in hand} == {HAND, ARM}


def test_a_reaching_hand_is_open_and_outside_of_the_part():
    grip = Grip(np.ones(3), np.array([0, 0, 1.0]), np.array([0, 1.0, 0]), 0.012)
    reaching = [reach_for(grip, np.random.default_rng(seed)) for seed in range(20)]
    gaps = [(r.centre_m - grip.centre_m) @ grip.outward for r in reaching]
    assert 0.02 <= min(gaps) < 0.03 and 0.05 < max(gaps) <= 0.06
    assert all(r.radius_m > grip.radius_m for r in reaching)
    assert all((r.axis == grip.axis).all() for r in reaching)


def test_same_seed_same_hand():
    grip = Grip(np.zeros(3), np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), 0.02)
    assert make_hand(grip, np.random.default_rng(4)) == make_hand(grip, np.random.default_rng(4))


def test_pouring_tilts_and_opening_hardly_does():
    def tilt(affordance, seed):
        return np.arccos(usage_rotation(affordance, np.random.default_rng(seed))[2, 2])

    assert min(tilt("pour", s) for s in range(50)) > 0.69
    assert max(tilt("open", s) for s in range(50)) < 0.31
