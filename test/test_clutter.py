import numpy as np
import pytest

from affordance_grasp.control.motion.pick import plan_pick
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput, Unreachable
from affordance_grasp.geometry import invert, pose, project, transform_points
from affordance_grasp.scene.cloud import segment_scene
from affordance_grasp.scene.obstacles import find_obstacles
from affordance_grasp.simulation.cell.actuators import execute_pick
from affordance_grasp.simulation.cell.clutter import (
    BASE_RADIUS_M,
    DISTANCE_M,
    GAP_M,
    HEIGHT_M,
    Neighbour,
    household_neighbours,
    random_neighbours,
)
from affordance_grasp.simulation.cell.placement import random_placement, table_pose
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object, materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Shape

ROBOT = load_robot(speed_scaling=0.6)
DOWN = np.diag([1.0, -1.0, -1.0])


def box(x, y, z):
    out = Assembly()
    skin = materials.ceramic(np.random.default_rng(0))
    out.add("body", Shape.BOX, (x / 2, y / 2, z / 2), (0, 0, z / 2), skin)
    return out.finish("box", 0, 0.3)


def test_neighbours_are_tall_near_and_apart():
    thing = make_object("mug", 0)
    for seed in range(30):
        T = random_placement(seed)
        found = random_neighbours(ROBOT, thing, T, seed, 2)
        for each in found:
            away = np.linalg.norm(each.T_base_object[:2, 3] - T[:2, 3])
            assert DISTANCE_M[0] <= away <= DISTANCE_M[1]
            height = each.household_object.bounds_m()[1][2]
            assert HEIGHT_M[0] <= height <= HEIGHT_M[1]
            assert np.linalg.norm(each.T_base_object[:2, 3]) > BASE_RADIUS_M
        first, second = (each.T_base_object[:2, 3] for each in found)
        assert np.linalg.norm(first - second) > GAP_M
        again = random_neighbours(ROBOT, thing, T, seed, 2)
        for each, other in zip(found, again, strict=True):
            np.testing.assert_array_equal(each.T_base_object, other.T_base_object)


def test_where_there_is_no_room_it_is_said():
    with pytest.raises(InvalidInput, match="no room"):
        random_neighbours(ROBOT, box(0.7, 0.7, 0.1), table_pose(0.5, 0, 0), 0, 1)


@pytest.fixture(scope="module")
def crowded():
    """A block, and a tall box behind the way of the hand that grasps it."""
    beside = Neighbour(box(0.05, 0.05, 0.25), table_pose(0.5, 0.075, 0.0))
    target, T = box(0.03, 0.06, 0.05), table_pose(0.5, 0.0, 0.0)
    with World(ROBOT, target, T, neighbours=[beside]) as world:
        yield world


def test_the_planner_refuses_what_would_touch_and_the_simulator_tells_who_did(crowded):
    frame, q = crowded.observe(), crowded.joint_positions()
    scene = segment_scene(frame)
    obstacles = find_obstacles(frame, scene.cloud.labels, scene.table, crowded.T_base_cam)
    T = pose(DOWN, [0.5, 0.02, 0.03])
    with pytest.raises(Unreachable, match="what stands on the table") as caught:
        plan_pick(ROBOT, q, T, 0.03, obstacles)
    assert caught.value.reason == "obstacle"
    assert crowded.outcome().met_neighbours == ()
    outcome = execute_pick(crowded, plan_pick(ROBOT, q, T, 0.03))
    assert outcome.met_neighbours
    assert set(outcome.met_neighbours) <= {"arm", "gripper", "pad", "object"}


def test_a_neighbour_that_was_taken_is_held_in_place_of_the_object():
    beside = Neighbour(box(0.03, 0.06, 0.05), table_pose(0.5, 0.1, 0.0))
    with World(
        ROBOT, box(0.03, 0.06, 0.05), table_pose(0.5, -0.1, 0), neighbours=[beside]
    ) as cell:
        places = np.array([[0.5, 0.1, 0.05], [0.5, -0.1, 0.05], [0.5, 0.0, 0.0]])
        uv = project(transform_points(invert(cell.T_base_cam), places), cell.intrinsics.K)
        assert [cell.thing_at(each) for each in uv] == ["neighbour0/body", "object/body", ""]
        assert not cell.outcome().held_neighbour
        q = cell.joint_positions()
        outcome = execute_pick(cell, plan_pick(ROBOT, q, pose(DOWN, [0.5, 0.1, 0.03]), 0.03))
    assert outcome.held_neighbour
    assert not outcome.held and not outcome.lifted


def test_household_neighbours_are_of_other_families_and_apart():
    thing = make_object("mug", 0)
    for seed in range(8):
        T = random_placement(seed)
        found = household_neighbours(ROBOT, thing, T, seed, 5)
        families = [each.household_object.family for each in found]
        assert len({*families, "mug"}) == 6
        for each in found:
            away = np.linalg.norm(each.T_base_object[:2, 3] - T[:2, 3])
            assert DISTANCE_M[0] <= away <= DISTANCE_M[1]
        again = household_neighbours(ROBOT, thing, T, seed, 5)
        assert [each.household_object for each in again] == [e.household_object for e in found]
