import numpy as np
import pytest
from tabletop import INTRINSICS, Block, Can, looking_down, tabletop, to_world

from affordance_grasp.geometry import deproject
from affordance_grasp.scene.cloud import segment_scene


def labels_at(frame, *places):
    """The labels at points (x, y, z) [m] of the table's frame that the camera sees."""
    labels = segment_scene(frame).cloud.labels
    world = to_world(deproject(frame.depth_m, INTRINSICS.K))
    away = [np.linalg.norm(world - place, axis=-1) for place in places]
    return [int(labels.ravel()[np.nanargmin(each)]) for each in away]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Can(-0.031, 0, 0.03, 0.09), Can(0.031, 0, 0.03, 0.09)),
        (Block(-0.032, 0, (0.06, 0.06, 0.05)), Block(0.032, 0, (0.06, 0.06, 0.11))),
        (Can(-0.031, 0, 0.03, 0.06), Block(0.035, 0, (0.06, 0.06, 0.1), yaw_deg=30)),
    ],
    ids=["cans of one height", "a low and a high box", "a can and a box"],
)
def test_two_things_side_by_side_are_told_apart(left, right):
    heights = [getattr(thing, "height", None) or thing.size[2] for thing in (left, right)]
    one, other = labels_at(
        tabletop(left, right), (left.x, left.y, heights[0]), (right.x, right.y, heights[1])
    )
    assert one
    assert other
    assert one != other


def test_a_handle_that_hangs_over_the_table_belongs_to_its_body():
    body, handle = Can(0, 0, 0.04, 0.09), Block(0.06, 0, (0.05, 0.012, 0.012), z=0.05)
    one, other = labels_at(tabletop(body, handle), (0, 0, 0.09), (0.075, 0, 0.062))
    assert one == other == 1


def test_what_lies_on_a_thing_belongs_to_it():
    one, other = labels_at(
        tabletop(Block(0, 0, (0.12, 0.12, 0.06)), Block(0, 0, (0.05, 0.05, 0.04), z=0.06)),
        (0.05, 0.05, 0.06),
        (0, 0, 0.1),
    )
    assert one == other == 1


def test_a_thing_across_a_strip_without_readings_is_one():
    frame = tabletop(Block(0, 0, (0.16, 0.05, 0.05)))
    frame.depth_m[:, 318:324] = 0
    one, other = labels_at(frame, (-0.04, 0, 0.05), (0.04, 0, 0.05))
    assert one == other == 1


def test_low_things_are_not_cut_at_a_valley():
    frame = tabletop(Block(-0.04, 0, (0.079, 0.03, 0.02)), Block(0.04, 0, (0.079, 0.03, 0.014)))
    one, other = labels_at(frame, (-0.04, 0, 0.02), (0.04, 0, 0.014))
    assert one == other == 1


@pytest.mark.parametrize("seed", range(3))
def test_one_box_stays_one_from_any_side(seed):
    T = looking_down(elevation_deg=40 + 15 * seed)
    frame = tabletop(Block(0, 0, (0.1, 0.07, 0.12), yaw_deg=20 * seed), seed=seed, T_world_cam=T)
    assert segment_scene(frame).cloud.labels.max() == 1
