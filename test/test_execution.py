from dataclasses import replace

import numpy as np
import pytest
from plain_objects import GRASPS, box, grasp_from_above, pan

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.execution import STAGES
from affordance_grasp.control.motion.pick import plan_pick
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.simulation.cell.actuators import SimulatedActuators, execute_pick
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.cell.world import World

ROBOT = load_robot(speed_scaling=0.5)
T_BASE_OBJECT = table_pose(0.48, 0.03, 0.4)


def plan_and_place(name, force_n=80.0, **made):
    maker, _, _, width_m = GRASPS[name]
    robot = replace(ROBOT, settings=replace(ROBOT.settings, grip_force_n=force_n))
    world = World(robot, maker(**made), T_BASE_OBJECT, seed=1)
    T_base_tcp = grasp_from_above(name, T_BASE_OBJECT)
    return world, lift_only(plan_pick(robot, world.joint_positions(), T_base_tcp, width_m))


def lift_only(plan):
    """The plan with the arm left standing where the lift ends, so that heights are known."""
    end = plan.lift.positions[-1:]
    names = plan.lift.joint_names
    return replace(plan, retreat=JointTrajectory(names, np.zeros(1), end, np.zeros_like(end)))


@pytest.mark.parametrize("name", sorted(GRASPS))
def test_friction_lifts_and_holds(name):
    world, plan = plan_and_place(name)
    outcome = execute_pick(world, plan)
    assert outcome.lifted
    assert outcome.held
    assert outcome.height_m == pytest.approx(ROBOT.settings.lift_m, abs=0.02)
    assert outcome.parts_held == (("handle",) if name in ("pan", "upright_handle") else ("body",))
    assert outcome.width_m == pytest.approx(GRASPS[name][3], abs=1.5e-3)
    assert outcome.table_force_n == 0.0
    assert not outcome.dropped


@pytest.mark.parametrize("name", ["ur5e_hande", "panda", "xarm6"])
def test_other_arms_and_grippers_lift_and_hold(name):
    robot = load_robot(f"config/{name}.yaml", speed_scaling=0.5)
    world = World(robot, box(), T_BASE_OBJECT, seed=1)
    T_base_tcp = grasp_from_above("box", T_BASE_OBJECT)
    plan = lift_only(plan_pick(robot, world.joint_positions(), T_base_tcp, GRASPS["box"][3]))
    outcome = execute_pick(world, plan)
    assert outcome.held_by(["body"]) and outcome.table_force_n == 0.0
    assert outcome.width_m == pytest.approx(GRASPS["box"][3], abs=1.5e-3)
    assert outcome.height_m == pytest.approx(robot.settings.lift_m, abs=0.02)


def test_the_object_is_brought_home():
    world = World(ROBOT, box(), T_BASE_OBJECT, seed=1)
    T_base_tcp = grasp_from_above("box", T_BASE_OBJECT)
    plan = plan_pick(ROBOT, world.joint_positions(), T_base_tcp, GRASPS["box"][3])
    outcome = execute_pick(world, plan)
    assert outcome.held_by(["body"]) and not outcome.dropped
    np.testing.assert_allclose(world.joint_positions(), ROBOT.home_q, atol=0.01)
    carried = forward(ROBOT.arm, ROBOT.home_q) @ ROBOT.gripper.T_tool0_tcp(outcome.width_m)
    assert np.linalg.norm(world.T_base_object[:3, 3] - carried[:3, 3]) < 0.06


def test_a_few_centimetres_are_not_lifted():
    robot = replace(ROBOT, settings=replace(ROBOT.settings, lift_m=0.05))
    world = World(robot, box(), T_BASE_OBJECT, seed=1)
    T_base_tcp = grasp_from_above("box", T_BASE_OBJECT)
    plan = lift_only(plan_pick(robot, world.joint_positions(), T_base_tcp, 0.04))
    outcome = execute_pick(world, plan)
    assert outcome.held
    assert outcome.height_m == pytest.approx(0.05, abs=2e-3)
    assert not outcome.lifted


def test_what_is_held_stays_where_it_is_in_the_hand():
    world, plan = plan_and_place("box")
    execute_pick(world, plan)
    before = world.T_base_object
    world.step(2.0)
    assert np.abs(world.T_base_object - before).max() < 1e-4


def test_a_heavy_object_slips_when_the_force_is_too_small_and_not_when_it_is_enough():
    weight_n, friction = 4.0 * 9.81, 0.8
    assert 2 * friction * 20 < weight_n < 2 * friction * 60
    world, plan = plan_and_place("box", force_n=20.0, mass_kg=4.0)
    assert not execute_pick(world, plan).lifted
    world, plan = plan_and_place("box", force_n=60.0, mass_kg=4.0)
    assert execute_pick(world, plan).lifted


def test_a_pan_droops_in_a_weak_grip():
    """Torque about the closing axis is held by friction alone, so it can be too much."""
    tilt = {}
    for force_n in (25.0, 150.0):
        world, plan = plan_and_place("pan", force_n=force_n)
        execute_pick(world, plan)
        tilt[force_n] = np.arccos(world.T_base_object[2, 2])
    assert tilt[150.0] < 0.1 < tilt[25.0]


def test_closing_beside_the_object_holds_nothing():
    robot = ROBOT
    world = World(robot, box(), table_pose(0.48, -0.10, 0.0), seed=1)
    T_base_tcp = grasp_from_above("box", table_pose(0.48, 0.08, 0.0))
    outcome = execute_pick(world, plan_pick(robot, world.joint_positions(), T_base_tcp, 0.04))
    assert not outcome.lifted
    assert not outcome.held
    assert outcome.parts_held == ()
    assert outcome.width_m < 0.001


def test_frames_come_evenly_and_name_every_stage():
    world, plan = plan_and_place("box")
    seen = []
    execute_pick(world, plan, lambda w, stage: seen.append((w.time_s, stage)))
    times = np.array([time_s for time_s, _ in seen])
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 0.1), abs=1e-6)
    assert tuple(dict.fromkeys(stage for _, stage in seen)) == STAGES


def test_two_runs_are_the_same():
    outcomes = []
    for _ in range(2):
        world, plan = plan_and_place("rod")
        outcomes.append((execute_pick(world, plan), world.T_base_object.tolist()))
    assert outcomes[0] == outcomes[1]


def test_stopping_half_way_keeps_the_arm_there():
    world, plan = plan_and_place("box")
    world.start_trajectory(plan.approach)
    world.step(0.5 * plan.approach.duration_s)
    SimulatedActuators(world).stop()
    assert not world.moving
    world.step(0.3)
    there = world.joint_positions()
    world.step(0.5)
    assert np.abs(world.joint_positions() - there).max() < 1e-4
    assert np.abs(there - plan.approach.positions[-1]).max() > 0.05


def test_dropping_is_noticed():
    world, plan = plan_and_place("box")
    assert execute_pick(world, plan).lifted
    world.set_gripper_target(0.08)
    world.step(1.5)
    outcome = world.outcome()
    assert outcome.dropped
    assert not outcome.lifted
    assert not outcome.held_by(["body"])


def test_held_by_asks_for_the_right_part():
    world, plan = plan_and_place("pan", force_n=150.0)
    outcome = execute_pick(world, plan)
    assert outcome.held_by(["handle"])
    assert not outcome.held_by(["body"])
    assert pan().parts == ("body", "handle")
