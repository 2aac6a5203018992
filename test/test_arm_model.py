from dataclasses import replace

import mujoco
import numpy as np
import pytest

from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.motion.clearance import shape_poses
from affordance_grasp.control.robot import load_robot
from affordance_grasp.simulation.models.arm_model import add_arm
from affordance_grasp.simulation.models.arm_physics import ArmPhysics, servo_targets
from affordance_grasp.simulation.models.room import empty_world

ROBOT = load_robot()


@pytest.fixture(scope="module")
def arm():
    spec = empty_world()
    add_arm(spec, ROBOT.arm, ROBOT.link_shapes)
    model = spec.compile()
    return model, mujoco.MjData(model)


def put(model, data, q):
    mujoco.mj_resetData(model, data)
    data.qpos[:] = q
    data.ctrl[:] = q
    mujoco.mj_forward(model, data)


def tip(data):
    body = data.body(ROBOT.arm.tip)
    return body.xpos.copy(), body.xmat.reshape(3, 3).copy()


@pytest.mark.parametrize("seed", range(5))
def test_flange_is_where_forward_kinematics_says(arm, seed):
    q = np.random.default_rng(seed).uniform(-3, 3, 6)
    put(*arm, q)
    position, rotation = tip(arm[1])
    T = forward(ROBOT.arm, q)
    assert position == pytest.approx(T[:3, 3], abs=1e-9)
    assert rotation == pytest.approx(T[:3, :3], abs=1e-9)


@pytest.mark.parametrize("name", ["ur5e_hande", "panda", "xarm6", "aubo_i10"])
def test_any_arm_is_built_of_the_shapes_that_are_checked(name):
    """The flange is where the kinematics has it, and so is every shape."""
    robot = load_robot(f"config/{name}.yaml")
    spec = empty_world()
    add_arm(spec, robot.arm, robot.link_shapes)
    model = spec.compile()
    data = mujoco.MjData(model)
    put(model, data, robot.home_q)
    T = forward(robot.arm, robot.home_q)
    assert data.body(robot.arm.tip).xpos == pytest.approx(T[:3, 3], abs=1e-9)
    assert model.body_mass.sum() == pytest.approx(ArmPhysics().mass_kg, rel=0.03)
    if name.startswith("aubo"):
        return
    T_base_shape = shape_poses(robot.body, joint_frames(robot.arm, robot.home_q)[None])[0]
    for i, shape in enumerate(robot.link_shapes):
        at = data.geom(f"arm/{shape.frame}/{shape.kind}{i}").xpos
        assert at == pytest.approx(T_base_shape[i, :3, 3], abs=1e-9)


def test_the_tool_frame_may_be_the_last_link():
    spec, arm = empty_world(), replace(ROBOT.arm, tip=ROBOT.arm.link_names[-1])
    assert add_arm(spec, arm, ROBOT.link_shapes).name == "wrist3_Link/flange"
    spec.compile()


def test_it_weighs_what_the_arm_weighs(arm):
    model, _ = arm
    assert model.body_mass.sum() == pytest.approx(ArmPhysics().mass_kg, rel=0.01)


def test_it_stands_still_at_home(arm):
    model, data = arm
    put(model, data, ROBOT.home_q)
    mujoco.mj_step(model, data, nstep=500)
    assert np.abs(data.qpos - ROBOT.home_q).max() < 1e-6


def test_it_follows_a_moving_target_within_a_millimetre_at_the_tip(arm):
    model, data = arm
    physics, amplitude = ArmPhysics(), np.array([0.4, -0.3, 0.3, 0.3, 0.4, 0.5])
    put(model, data, ROBOT.home_q)
    rate, worst = 2 * np.pi / 3.0, 0.0
    while data.time < 3.0:
        now = data.time + model.opt.timestep
        q = ROBOT.home_q + amplitude * (1 - np.cos(rate * now)) / 2
        velocity = amplitude * rate * np.sin(rate * now) / 2
        data.ctrl[:] = servo_targets(physics, q, velocity)
        mujoco.mj_step(model, data)
        mujoco.mj_kinematics(model, data)
        error = np.linalg.norm(tip(data)[0] - forward(ROBOT.arm, q)[:3, 3])
        worst = max(worst, float(error))
    assert worst < 1e-3


def test_a_load_at_the_flange_bends_it_little_and_torque_is_limited(arm):
    model, data = arm
    put(model, data, ROBOT.home_q)
    before, _ = tip(data)
    data.body(ROBOT.arm.tip).xfrc_applied[2] = -20.0
    mujoco.mj_step(model, data, nstep=1000)
    sag = before[2] - tip(data)[0][2]
    assert 1e-5 < sag < 2e-3
    data.body(ROBOT.arm.tip).xfrc_applied[2] = -2000.0
    mujoco.mj_step(model, data, nstep=500)
    assert np.abs(data.actuator_force).max() <= ArmPhysics().torque_limit[0] + 1e-6
    assert before[2] - tip(data)[0][2] > 0.02


def test_wrist_joints_take_the_wrist_values():
    physics = ArmPhysics()
    lead = servo_targets(physics, np.zeros(6), np.ones(6))
    assert lead[0] == pytest.approx(physics.kv[0] / physics.kp[0])
    assert lead[5] == pytest.approx(physics.kv[1] / physics.kp[1])
