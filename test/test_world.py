from dataclasses import replace

import numpy as np
import pytest
from plain_objects import box, part_masks, plate, upright_handle

from affordance_grasp.control.arm.inverse import inverse
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.pick import plan_pick
from affordance_grasp.control.motion.trajectory import time_parameterise
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.geometry import deproject, invert, project, transform_points
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object

ROBOT = load_robot(speed_scaling=0.5)
WHOLE = {"": None}
T_BASE_OBJECT = table_pose(0.5, 0.0, 0.6)


@pytest.fixture(scope="module")
def world():
    with World(ROBOT, upright_handle(), T_BASE_OBJECT, seed=3) as world:
        yield world


def test_it_starts_at_home_with_the_gripper_open_and_the_object_at_rest(world):
    assert world.joint_positions() == pytest.approx(ROBOT.home_q, abs=1e-6)
    assert world.gripper_width_m() == pytest.approx(ROBOT.gripper.max_width_m, abs=1e-5)
    assert world.T_base_object == pytest.approx(T_BASE_OBJECT, abs=1e-3)
    outcome = world.outcome()
    assert (outcome.lifted, outcome.held, outcome.dropped) == (False, False, False)
    assert outcome.height_m == pytest.approx(0, abs=1e-4)


def test_the_camera_is_where_the_hand_eye_calibration_puts_it(world):
    expected = forward(ROBOT.arm, world.joint_positions()) @ ROBOT.T_tool0_cam
    assert world.T_base_cam == pytest.approx(expected, abs=1e-6)


def test_the_table_is_at_height_zero_in_the_image(world):
    frame = world.observe()
    points = transform_points(world.T_base_cam, deproject(frame.depth_m, frame.intrinsics.K))
    table = ~part_masks(world, WHOLE)[""] & (frame.depth_m > 0.3)
    heights = points[table][:, 2]
    assert table.mean() > 0.6
    assert abs(np.median(heights)) < 1e-3
    assert np.percentile(np.abs(heights), 95) < 4e-3


def test_the_object_is_seen_where_it_stands(world):
    mask = part_masks(world, WHOLE)[""]
    handle = part_masks(world, {"": ["handle"]})[""]
    top = transform_points(T_BASE_OBJECT, [0, 0, 0.09])
    u, v = project(transform_points(invert(world.T_base_cam), top), world.intrinsics.K)
    assert handle[round(v) - 3 : round(v) + 4, round(u) - 3 : round(u) + 4].any()
    assert (mask & ~handle).any()
    assert (handle & ~mask).sum() == 0
    assert mask.sum() == handle.sum() + part_masks(world, {"": ["base"]})[""].sum()


def test_an_unknown_part_is_refused_with_the_known_ones(world):
    with pytest.raises(InvalidInput, match="base, handle"):
        part_masks(world, {"": ["spout"]})


def test_same_seed_same_image_other_seed_other_image():
    frames = []
    for seed in (5, 5, 6):
        with World(ROBOT, box(), T_BASE_OBJECT, seed=seed) as world:
            frames.append(world.observe())
    assert (frames[0].color == frames[1].color).all()
    assert (frames[0].depth_m == frames[1].depth_m).all()
    assert (frames[0].color != frames[2].color).mean() > 0.5


def test_photos_have_the_size_asked_and_show_something(world):
    for view in ("cell", "closeup"):
        photo = world.photo(320, view)
        assert photo.shape == (240, 320, 3)
        assert photo.std() > 15
    with pytest.raises(UnknownName, match="closeup"):
        world.photo(320, "moon")


def test_a_trajectory_is_followed_to_its_end_whatever_the_order_of_its_joints():
    world = World(ROBOT, box(), table_pose(0.5, 0.1, 0.0))
    down = np.diag([1.0, -1.0, -1.0, 1.0])
    down[:3, 3] = 0.45, -0.1, 0.15
    approach = plan_pick(ROBOT, ROBOT.home_q, down, 0.04).approach
    order = [5, 2, 0, 1, 4, 3]
    shuffled = JointTrajectory(
        tuple(approach.joint_names[i] for i in order),
        approach.times_s,
        approach.positions[:, order],
        approach.velocities[:, order],
    )
    world.start_trajectory(shuffled)
    assert world.moving
    worst = 0.0
    start = world.time_s
    while world.moving:
        world.step(0.02)
        now = min(world.time_s - start, approach.duration_s)
        wanted = [np.interp(now, approach.times_s, column) for column in approach.positions.T]
        gap = forward(ROBOT.arm, world.joint_positions()) - forward(ROBOT.arm, wanted)
        worst = max(worst, float(np.linalg.norm(gap[:3, 3])))
    assert world.time_s - start == pytest.approx(approach.duration_s, abs=0.03)
    assert worst < 2e-3
    world.step(0.2)
    assert world.joint_positions() == pytest.approx(approach.positions[-1], abs=2e-4)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_an_arm_that_is_stopped_stands_within_a_fifth_of_a_second_on_its_way(share):
    """At the speed of the demo, all along a motion that is long enough to reach top speed."""
    robot = load_robot(speed_scaling=0.6)
    world = World(robot, box(), table_pose(0.5, 0.1, 0.0))
    goal = robot.home_q + [-1.2, 0.2, 0.3, 0.4, 0.3, 1.2]
    names = robot.arm.joint_names
    motion = time_parameterise([robot.home_q, goal], robot.velocity, robot.acceleration, names)
    world.start_trajectory(motion)
    world.step(share * motion.duration_s)
    begun_s, speed = world.time_s, world.joint_velocities()
    world.stop_arm()
    world.stop_arm()  # asking twice is no harder
    still_s, hardest = begun_s, np.zeros(6)
    while world.time_s < begun_s + 0.5:
        world.step(0.004)
        hardest = np.maximum(hardest, np.abs(world.joint_velocities() - speed) / 0.004)
        speed = world.joint_velocities()
        still_s = world.time_s if np.abs(speed).max() > 0.01 else still_s
    assert still_s - begun_s <= 0.2
    assert (hardest <= 1.05 * np.repeat([17.3, 20.7], 3)).all()
    assert not world.moving
    along = (world.joint_positions() - robot.home_q) / (goal - robot.home_q)
    assert np.ptp(along) < 2e-3 and 0.01 < along.mean() < 1


def test_the_gripper_moves_no_faster_than_the_real_one():
    world = World(ROBOT, box(), table_pose(0.5, 0.1, 0.0))
    world.set_gripper_target(0.0)
    before = world.gripper_width_m()
    world.step(0.1)
    speed = (before - world.gripper_width_m()) / 0.1
    assert 0.05 < speed < 1.2 * ROBOT.gripper.max_speed_mps
    world.step(1.0)
    assert world.gripper_width_m() == pytest.approx(ROBOT.gripper.min_width_m, abs=2e-4)


def test_pressing_on_the_table_is_felt():
    world = World(ROBOT, plate(), table_pose(0.5, 0.1, 0.0))
    down = np.diag([1.0, -1.0, -1.0, 1.0])
    down[:3, 3] = 0.5, -0.1, 0.01
    plan = plan_pick(ROBOT, ROBOT.home_q, down, 0.04)
    world.set_gripper_target(0.04)
    world.start_trajectory(plan.approach)
    world.step(plan.approach.duration_s + 0.3)
    world.start_trajectory(plan.descend)
    world.step(plan.descend.duration_s + 0.3)
    assert world.outcome().table_force_n == 0.0
    down[2, 3] = -0.002
    T_base_tool0 = down @ invert(ROBOT.gripper.T_tool0_tcp(0.04))
    world.set_arm_target(inverse(ROBOT.arm, T_base_tool0, world.joint_positions())[0])
    world.step(0.5)
    assert world.outcome().table_force_n > 5.0


def test_targets_that_make_no_sense_are_refused(world):
    with pytest.raises(InvalidInput, match="6 finite"):
        world.set_arm_target(np.zeros(5))
    with pytest.raises(InvalidInput, match="6 finite"):
        world.set_arm_target(np.full(6, np.nan))
    with pytest.raises(InvalidInput, match="force"):
        world.set_gripper_target(0.02, -1.0)
    wrong = JointTrajectory(("a",), np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(InvalidInput, match="shoulder_joint"):
        world.start_trajectory(wrong)


def test_a_table_at_another_height_is_refused():
    raised = replace(ROBOT, settings=replace(ROBOT.settings, table_z_m=0.1))
    with pytest.raises(InvalidInput, match="table_z_m"):
        World(raised, box(), T_BASE_OBJECT)


@pytest.mark.parametrize("family", ["mug", "spoon", "screwdriver", "pan", "axe"])
def test_household_objects_lie_still(family):
    world = World(ROBOT, make_object(family, 1), T_BASE_OBJECT, seed=0)
    before = world.T_base_object
    world.step(1.0)
    assert np.abs(world.T_base_object - before)[:3, 3].max() < 1e-4
    assert np.linalg.norm((before - T_BASE_OBJECT)[:3, 3]) < 6e-3
