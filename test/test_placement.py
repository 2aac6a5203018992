"""Hands of other generators on a scene whose sizes are known: a bar beside a wall."""

from functools import cache

import numpy as np
import pytest
from grasp_answers import GRIPPER
from tabletop import Block, looking_down, tabletop

from affordance_grasp.candidates.external.placement import LEAST_CLEARANCE_M, place
from affordance_grasp.geometry import invert, pose
from affordance_grasp.scene.cloud import segment_scene

BAR_M, GAP_M = 0.02, 0.030
UNKNOWN = np.array([np.nan])


@cache
def crowded():
    """A bar along y, 20 mm wide, 40 mm high, and a wall of 45 mm that stands 30 mm beside it."""
    wall_x = BAR_M / 2 + GAP_M + 0.01
    return segment_scene(
        tabletop(
            Block(0.0, 0.0, (BAR_M, 0.10, 0.04)),
            Block(wall_x, 0.0, (0.02, 0.10, 0.045)),
            noise_m=0.0003,
        )
    )


def on_the_bar(x_m=0.0, depth_m=0.02):
    """A hand from above that closes across the bar, its tips ``depth_m`` below the bar's top."""
    T_world_tcp = pose(np.diag([1.0, -1.0, -1.0]), [x_m, 0.0, 0.04 - depth_m])
    return (invert(looking_down()) @ T_world_tcp)[None]


def placed(T=None, closure_m=UNKNOWN, opening_m=UNKNOWN):
    return place(on_the_bar() if T is None else T, closure_m, opening_m, crowded(), GRIPPER)


def test_where_the_usual_opening_meets_a_neighbour_a_narrower_one_is_found():
    found = placed()
    assert found.index.tolist() == [0]
    assert BAR_M + 2 * LEAST_CLEARANCE_M <= found.opening_m[0] < GRIPPER.open_width_m(BAR_M)
    assert found.hands.width_m[0] == pytest.approx(BAR_M, abs=0.006)
    assert not any(wrong.any() for wrong in found.faults.values())


def test_the_generator_s_own_opening_comes_first_where_it_fits():
    assert placed(opening_m=np.array([0.036])).opening_m[0] == pytest.approx(0.036)
    for own in (
        0.0,
        0.022,
        0.08,
        0.5,
    ):  # none, within the bar, too tight, into the wall, no stroke
        assert placed(opening_m=np.array([own])).opening_m == pytest.approx(placed().opening_m)


def test_a_closure_that_is_told_is_never_undercut():
    found = placed(closure_m=np.array([0.028]))
    assert found.hands.width_m[0] == pytest.approx(0.028)
    assert found.opening_m[0] >= 0.028 + 2 * LEAST_CLEARANCE_M
    assert not len(placed(closure_m=np.array([0.06])).index), "the wall is nearer"


def test_beside_the_middle_a_hand_opens_wider_and_closes_to_the_width_of_the_object():
    found = placed(on_the_bar(x_m=-0.005))
    assert found.hands.width_m[0] == pytest.approx(BAR_M, abs=0.006)
    assert found.opening_m[0] >= BAR_M + 2 * 0.005 + 2 * LEAST_CLEARANCE_M
    T = found.hands.T_cam_tcp
    np.testing.assert_allclose(T, on_the_bar(x_m=-0.005), atol=1e-9)


def test_what_fits_with_no_opening_is_told_by_its_faults_at_the_usual_one():
    T = np.concatenate([on_the_bar(x_m=0.012), on_the_bar(), on_the_bar(depth_m=-0.05)])
    found = place(T, np.full(3, np.nan), np.full(3, np.nan), crowded(), GRIPPER)
    assert found.index.tolist() == [1]
    assert found.faults["would hit the object"].tolist() == [True, False, False]
    assert found.faults["close on nothing that is seen"].tolist() == [False, False, True]


def test_no_hands_are_no_hands():
    found = place(np.zeros((0, 4, 4)), np.zeros(0), np.zeros(0), crowded(), GRIPPER)
    assert len(found.index) == len(found.hands) == 0
