import mujoco
import numpy as np
import pytest

from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.share import share_path
from affordance_grasp.simulation.models.fingertip import FINGER_JOINTS, PAD_NAMES
from affordance_grasp.simulation.models.gripper_model import ACTUATOR, add_gripper, drive_limit
from affordance_grasp.simulation.models.room import empty_world

FLANGE_Z_M = 0.4
NAMES = ("2f85", "2f140", "hande", "franka")


@pytest.fixture(params=NAMES, scope="module")
def gripper(request):
    return load_gripper(share_path(f"config/gripper_{request.param}.yaml"))


def model_with(gripper, block_half_m=None):
    """A gripper that points down from z = 0.4; optionally a fixed block between the fingers."""
    spec = empty_world()
    flange = spec.worldbody.add_body(name="tool0", pos=[0, 0, FLANGE_Z_M], quat=[0, 1, 0, 0])
    add_gripper(spec, flange, gripper)
    turned = gripper.mount_yaw_rad / 2
    if block_half_m is not None:
        spec.worldbody.add_geom(
            name="block",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[block_half_m, 0.02, 0.05],
            pos=[0, 0, FLANGE_Z_M - gripper.open_length_m - 0.03],
            quat=[np.cos(turned), 0, 0, -np.sin(turned)],
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    for joint in FINGER_JOINTS:
        data.joint(joint).qpos[0] = gripper.joint_from_width(gripper.max_width_m)
    return model, data


def close_to(gripper, model, data, width_m, seconds=0.8):
    data.ctrl[model.actuator(ACTUATOR).id] = gripper.joint_from_width(width_m)
    mujoco.mj_step(model, data, nstep=round(seconds / model.opt.timestep))


def measured(model, data):
    """Distance of the gripping surfaces, and of the fingertips' ends from the flange [m]."""
    right, left = (model.geom(name).id for name in PAD_NAMES)
    thickness, _, half_length = model.geom_size[right]
    apart = np.linalg.norm(data.geom_xpos[right, :2] - data.geom_xpos[left, :2])
    return apart - 2 * thickness, FLANGE_Z_M - (data.geom_xpos[right, 2] - half_length)


@pytest.mark.parametrize("share", [1.0, 0.78, 0.53, 0.27, 0.02])
def test_width_and_tip_advance_are_those_of_the_gripper(gripper, share):
    width_m = share * gripper.max_width_m
    model, data = model_with(gripper)
    close_to(gripper, model, data, width_m)
    gap, reach = measured(model, data)
    assert gap == pytest.approx(width_m, abs=1.5e-4)
    assert reach == pytest.approx(gripper.T_tool0_tcp(width_m)[2, 3], abs=1.5e-4)


def test_pads_stay_parallel_and_level_while_they_close(gripper):
    model, data = model_with(gripper)
    across_tcp = gripper.T_tool0_tcp(gripper.max_width_m)[:3, 0] * [1, -1, -1]
    for share in (0.8, 0.45, 0.1):
        close_to(gripper, model, data, share * gripper.max_width_m, 0.3)
        for name in PAD_NAMES:
            across = data.geom_xmat[model.geom(name).id].reshape(3, 3)[:, 0]
            assert abs(across @ across_tcp) == pytest.approx(1.0, abs=1e-5)


def test_closing_on_a_block_stops_at_its_width_with_the_force_asked(gripper):
    half_m = 0.24 * gripper.max_width_m
    model, data = model_with(gripper, half_m)
    actuator = model.actuator(ACTUATOR).id
    for force_n in (gripper.min_force_n + 10, gripper.max_force_n):
        limit = drive_limit(gripper, 2 * half_m, force_n)
        model.actuator_forcerange[actuator] = -limit, limit
        close_to(gripper, model, data, gripper.min_width_m)
        gap, _ = measured(model, data)
        assert gap == pytest.approx(2 * half_m, abs=1e-3)
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


def test_both_fingers_move_alike_when_only_one_is_blocked(gripper):
    model, data = model_with(gripper)
    pad = model.geom(PAD_NAMES[0]).id
    outwards = gripper.T_tool0_tcp(gripper.max_width_m)[:3, 0] * [1, -1, -1]
    data.xfrc_applied[model.geom_bodyid[pad], :3] = 20.0 * outwards
    width_m = 0.5 * gripper.max_width_m
    close_to(gripper, model, data, width_m)
    right, left = (data.joint(name).qpos[0] for name in FINGER_JOINTS)
    assert gripper.width_per_joint(width_m) * abs(right - left) < 5e-4


def test_nothing_of_the_model_stands_out_of_the_boxes_that_are_checked(gripper):
    """What the simulated hand touches with is inside what is kept free, at every width."""
    model, data = model_with(gripper)
    for share in (1.0, 0.5, 0.05):
        width_m = share * gripper.max_width_m
        close_to(gripper, model, data, width_m, 0.6)
        T = np.diag([1.0, -1, -1, 1])
        T[2, 3] = FLANGE_Z_M
        T = T @ gripper.T_tool0_tcp(width_m)
        boxes = gripper.boxes(width_m)
        for geom in range(model.ngeom):
            name = model.geom(geom).name
            if name.startswith("pad/") or name.endswith(("_tip", "_link")):
                points = corners(model, data, geom)
                assert np.any([inside(T, box, points) for box in boxes], axis=0).all(), name


def corners(model, data, geom):
    signs = np.stack(np.meshgrid(*[(-1, 1)] * 3), axis=-1).reshape(-1, 3)
    return (
        data.geom_xpos[geom] + signs * model.geom_size[geom] @ data.geom_xmat[geom].reshape(3, 3).T
    )


def inside(T_base_tcp, box, points):
    local = (points - T_base_tcp[:3, 3]) @ T_base_tcp[:3, :3]
    return (np.abs(local - box.center_m) <= np.array(box.half_size_m) + 1e-3).all(axis=1)
