"""MuJoCo model of a two-finger gripper: palm, fingers of its kind, and the drive.

One actuator with a force limit drives both sides; they are coupled and cannot drift apart.
"""

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np

from affordance_grasp.control.four_bar import FourBar
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.control.prismatic import Prismatic
from affordance_grasp.simulation.models import four_bar_model, sliding_model
from affordance_grasp.simulation.models.fingertip import FINGER_JOINTS
from affordance_grasp.simulation.models.looks import BOX, CYLINDER, add_part

ACTUATOR = "gripper"
COUPLING = "gripper/coupling"
_PALM_MASS_KG = 0.78

# The fingers are rigid linkages, so their couplings are as stiff as a 2 ms time step allows.
_COUPLING = {"solref": [0.004, 1.0], "solimp": [0.97, 0.995, 0.0005, 0.5, 2.0]}

Couplings = tuple[tuple[str, str, float], ...]
FINGERS: dict[type[Gripper], tuple[Callable[[mujoco.MjsBody, Any], Couplings], float, float]] = {
    FourBar: (four_bar_model.add_four_bars, four_bar_model.KP, four_bar_model.KV),
    Prismatic: (sliding_model.add_sliding_fingers, sliding_model.KP, sliding_model.KV),
}
"""How the fingers of a kind are added, and the gains of the drive at their joints."""


def add_gripper(spec: mujoco.MjSpec, flange: mujoco.MjsBody, gripper: Gripper) -> mujoco.MjsBody:
    """Mount a gripper on the flange body (``tool0``) and return its base body."""
    yaw = gripper.mount_yaw_rad / 2
    base = flange.add_body(
        name="gripper", pos=[0, 0, gripper.coupling_m], quat=[np.cos(yaw), 0, 0, np.sin(yaw)]
    )
    base.gravcomp = 1.0
    _add_palm(base, gripper)
    add_fingers, kp, kv = FINGERS[type(gripper)]
    right, left = FINGER_JOINTS
    _couple(spec, (*add_fingers(base, gripper), (left, right, 1.0)))
    _drive(spec, gripper).set_to_position(kp=kp, kv=kv)
    return base


def drive_limit(gripper: Gripper, width_m: float, force_n: float) -> float:
    """Force of the drive [N m or N] at which each pad presses with ``force_n`` at this width.

    The drive acts on the mean of both joints: per unit of it, the pads do the work of the width.
    """
    return force_n * gripper.width_per_joint(width_m)


def _add_palm(base: mujoco.MjsBody, gripper: Gripper) -> None:
    x, y, z = gripper.palm_size_m
    if (half := gripper.coupling_m / 2) > 0:
        size, at = (y / 2 + 0.006, half), [0, 0, -half]
        add_part(base, COUPLING, CYLINDER, size, "steel", pos=at, mass=0.08)
    size, at = (y / 2, 0.45 * z), [0, 0, 0.45 * z]
    add_part(base, "gripper/palm", CYLINDER, size, "gripper", pos=at, mass=_PALM_MASS_KG)
    block, at = (x / 2, 0.32 * y, 0.22 * z), [0, 0, 0.7 * z]
    add_part(base, "gripper/shoulders", BOX, block, "gripper", pos=at, mass=0.05)


def _couple(spec: mujoco.MjSpec, couplings: Couplings) -> None:
    """A follower moves by the ratio of what its leader does."""
    for follower, leader, ratio in couplings:
        coupling = spec.add_equality(
            name=f"{follower}_follows_{leader}",
            type=mujoco.mjtEq.mjEQ_JOINT,
            name1=follower,
            name2=leader,
            **_COUPLING,
        )
        coupling.data[:2] = [0.0, ratio]


def _drive(spec: mujoco.MjSpec, gripper: Gripper) -> mujoco.MjsActuator:
    tendon = spec.add_tendon(name="fingers")
    for joint in FINGER_JOINTS:
        tendon.wrap_joint(joint, 0.5)
    limit = drive_limit(gripper, gripper.max_width_m, gripper.max_force_n)
    ends = (gripper.joint_from_width(gripper.max_width_m), gripper.closed_joint)
    return spec.add_actuator(
        name=ACTUATOR,
        trntype=mujoco.mjtTrn.mjTRN_TENDON,
        target="fingers",
        forcelimited=True,
        forcerange=[-limit, limit],
        ctrllimited=True,
        ctrlrange=sorted(ends),
    )
