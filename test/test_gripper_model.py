import mujoco
import numpy as np
import pytest

from affordance_grasp.control.gripper import load_gripper
from affordance_grasp.simulation.models.gripper_model import (
    ACTUATOR,
    PAD_NAMES,
    add_gripper,
    knuckle_force_limit,
)
from affordance_grasp.simulation.models.room import empty_world

PROFILE = load_gripper()
FLANGE_Z_M = 0.3


def model_with(block_half_m=None):
    """A gripper that points down from z = 0.3; optionally a fixed block between the fingers."""
    spec = empty_world()
    flange = spec.worldbody.add_body(name="tool0", pos=[0, 0, FLANGE_Z_M], quat=[0, 1, 0, 0])
    add_gripper(spec, flange, PROFILE)
    if block_half_m is not None:
        spec.worldbody.add_geom(
            name="block",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[block_half_m, 0.02, 0.05],
            pos=[0, 0, 0.12],
        )
    model = spec.compile()
    return model, mujoco.MjData(model)


def close_to(model, data, width_m, seconds=0.8):
    data.ctrl[model.actuator(ACTUATOR).id] = PROFILE.joint_from_width(width_m)
    mujoco.mj_step(model, data, nstep=round(seconds / model.opt.timestep))


def measured(model, data):
    """Distance of the gripping surfaces, and of the fingertips' ends from the flange [m]."""
    right, left = (model.geom(name).id for name in PAD_NAMES)
    thickness, _, half_length = model.geom_size[right]
    gap = data.geom_xpos[right, 0] - data.geom_xpos[left, 0] - 2 * thickness
    return gap, FLANGE_Z_M - (data.geom_xpos[right, 2] - half_length)


@pytest.mark.parametrize("width_m", [0.085, 0.0663, 0.0453, 0.023, 0.001])
def test_width_and_tip_advance_are_those_of_the_profile(width_m):
    model, data = model_with()
    close_to(model, data, width_m)
    gap, reach = measured(model, data)
    assert gap == pytest.approx(width_m, abs=1e-4)
    assert reach == pytest.approx(PROFILE.T_tool0_tcp(width_m)[2, 3], abs=1e-4)


def test_pads_stay_parallel_and_level_while_they_close():
    model, data = model_with()
    for width_m in (0.07, 0.04, 0.01):
        close_to(model, data, width_m, 0.3)
        for name in PAD_NAMES:
            across = data.geom_xmat[model.geom(name).id].reshape(3, 3)[:, 0]
            assert abs(across[0]) == pytest.approx(1.0, abs=1e-5)


def test_closing_on_a_block_stops_at_its_width_with_the_force_asked():
    model, data = model_with(block_half_m=0.02)
    actuator = model.actuator(ACTUATOR).id
    for force_n in (40.0, 120.0):
        limit = knuckle_force_limit(PROFILE, 0.04, force_n)
        model.actuator_forcerange[actuator] = -limit, limit
        close_to(model, data, 0.0003)
        gap, _ = measured(model, data)
        assert gap == pytest.approx(0.04, abs=5e-4)
        assert pad_forces(model, data) == pytest.approx([force_n, force_n], rel=0.03)


def pad_forces(model, data):
    forces, wrench = np.zeros(2), np.zeros(6)
    pads = [model.geom(name).id for name in PAD_NAMES]
    for i in range(data.ncon):
        mujoco.mj_contactForce(model, data, i, wrench)
        for side, pad in enumerate(pads):
            if pad in data.contact.geom[i]:
                forces[side] += wrench[0]
    return forces


def test_both_fingers_move_alike_when_only_one_is_blocked():
    model, data = model_with()
    pad = model.geom(PAD_NAMES[0]).id
    data.xfrc_applied[model.geom_bodyid[pad], 0] = 20.0  # push the right finger outwards
    close_to(model, data, 0.04)
    right, left = data.joint("right_knuckle").qpos[0], data.joint("left_knuckle").qpos[0]
    assert right == pytest.approx(left, abs=5e-3)
