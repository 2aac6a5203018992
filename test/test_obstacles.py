import numpy as np
import pytest
from tabletop import INTRINSICS, Block, Can, looking_down, tabletop

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import NoObject
from affordance_grasp.scene.cloud import MAX_HEIGHT_M, segment_scene
from affordance_grasp.scene.obstacles import CELL_M, Obstacles, find_obstacles

BOX = Block(0, 0, (0.08, 0.08, 0.12))


def obstacles_of(frame, own=None):
    scene = segment_scene(frame)
    return find_obstacles(frame, scene.cloud.labels, scene.table, looking_down(), own)


def beyond_m(columns: Obstacles, half_m=0.04):
    """How far columns (K,) lie outside a square about the origin."""
    return np.abs(columns.top_base[:, :2]).max(axis=1) - half_m


def test_columns_stand_where_the_box_stands_and_are_as_high():
    found = obstacles_of(tabletop(BOX))
    seen = found.where(found.seen)
    assert beyond_m(seen).max() < CELL_M
    inner = beyond_m(seen) < -CELL_M
    assert inner.sum() > 20
    np.testing.assert_allclose(seen.top_base[inner, 2], 0.12, atol=0.005)
    assert set(found.thing) == {1}


def test_what_the_box_hides_counts_up_to_the_ray_that_passes_over_it():
    found = obstacles_of(tabletop(BOX))
    hidden = found.where(~found.seen).top_base
    eye = looking_down()[:3, 3]
    slope = (eye[2] - 0.12) / (0.04 - eye[1])  # of the ray over the box's far edge
    middle = np.abs(hidden[:, 0]) < 0.02
    assert middle.sum() > 20
    assert (hidden[middle, 1] > 0.03).all()
    assert hidden[:, 1].max() == pytest.approx(0.04 + 0.12 / slope, abs=0.02)
    expected = 0.12 - slope * (hidden[middle, 1] - 0.04)
    np.testing.assert_allclose(hidden[middle, 2], expected, atol=0.025)


@pytest.mark.parametrize("noise_m", [0.001, 0.003])
def test_nothing_stands_where_the_table_is_seen(noise_m):
    found = obstacles_of(tabletop(Can(-0.1, 0, 0.03, 0.1), BOX, noise_m=noise_m))
    seen = found.where(found.seen).top_base
    at_can = np.hypot(seen[:, 0] + 0.1, seen[:, 1]) < 0.03 + 1.5 * CELL_M
    at_box = np.abs(seen[:, :2]).max(axis=1) < 0.04 + 1.5 * CELL_M
    assert (at_can | at_box).all()


def test_readings_between_near_and_far_are_no_wall():
    """Depth cameras smear edges: readings on no surface, along the rays that graze a box."""
    frame = tabletop(BOX)
    depth = frame.depth_m.copy()
    jump = np.abs(np.diff(depth, axis=1, prepend=depth[:, :1])) > 0.03
    rows, columns = np.nonzero(jump)
    for shift in (0, 1, 2):
        at = rows, np.minimum(columns + shift, depth.shape[1] - 1)
        depth[at] += np.random.default_rng(shift).uniform(-0.08, 0.08, len(rows))
    smeared = obstacles_of(RgbdFrame(frame.color, depth, INTRINSICS))
    assert beyond_m(smeared.where(smeared.seen)).max() < 2 * CELL_M


def test_a_thing_that_the_image_cuts_may_be_as_high_as_any():
    cut = obstacles_of(tabletop(BOX, Can(0.18, 0, 0.035, 0.3)))
    whole = obstacles_of(tabletop(BOX, Can(0.15, 0, 0.035, 0.08)))
    assert cut.top_base[:, 2].max() == pytest.approx(MAX_HEIGHT_M, abs=0.005)
    assert whole.top_base[:, 2].max() < 0.13
    assert cut.seen_of(cut.thing_at(np.zeros(3))).top_base[:, 2].max() < 0.13


def test_the_robot_itself_is_no_obstacle():
    frame = tabletop(BOX, Can(0.15, 0, 0.03, 0.1))
    own = np.array([[0.15, 0, 0.05]]), np.array([0.06])
    found = obstacles_of(frame, own)
    assert found.thing_at(np.array([0.15, 0, 0.05])) == 0
    assert found.thing_at(np.zeros(3)) == 1
    assert not (found.top_base[:, 0] > 0.1).any()


def test_things_with_a_gap_between_them_are_two_even_where_the_image_joins_them():
    near, far = Block(0, -0.05, (0.05, 0.04, 0.1)), Block(0, 0.06, (0.05, 0.04, 0.1))
    found = obstacles_of(tabletop(near, far))
    first, second = (found.thing_at(np.array([0, y, 0.1])) for y in (-0.05, 0.06))
    assert first != second and 0 not in {first, second}
    assert found.thing_at(np.array([0.2, 0, 0.1])) == 0


def test_a_bare_table_has_no_columns():
    frame = tabletop()
    with pytest.raises(NoObject):
        segment_scene(frame)
    table = segment_scene(tabletop(BOX)).table
    labels = np.zeros(frame.depth_m.shape, np.int32)
    found = find_obstacles(frame, labels, table, looking_down())
    assert len(found.thing) == 0
    assert found.thing_at(np.zeros(3)) == 0
