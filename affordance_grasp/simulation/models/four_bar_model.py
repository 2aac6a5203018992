"""Fingers with the true closing geometry of a parallel four-bar.

A knuckle hinge (angle q) carries a fingertip hinge held at -q, so that the gripping surfaces stay
parallel and run ahead while they close, exactly as in
:class:`affordance_grasp.control.four_bar.FourBar`, whose numbers this model is built from.
"""

import mujoco

from affordance_grasp.control.four_bar import FourBar
from affordance_grasp.simulation.models.fingertip import (
    FINGER_JOINTS,
    PAD_THICKNESS_M,
    SIDES,
    TIP_MASS_KG,
    add_block,
    add_fingertip,
)
from affordance_grasp.simulation.models.looks import CAPSULE, add_part

KP, KV = 400.0, 8.0
"""Torque [N m] of the knuckles per radian of position error, and per rad/s against it."""
_LINK_MASS_KG = 0.035
_ARMATURE = 0.004
"""Reflected motor inertia [kg m2]."""


def add_four_bars(base: mujoco.MjsBody, gripper: FourBar) -> tuple[tuple[str, str, float], ...]:
    """Add both fingers; returns follower, leader and ratio of the couplings they need.

    Tip hinges turn back by the knuckle angle.
    """
    for side, joint in zip(SIDES, FINGER_JOINTS, strict=True):
        _add_finger(base, gripper, side, joint)
    pairs = zip(SIDES, FINGER_JOINTS, strict=True)
    return tuple((f"{side}_tip_hinge", joint, -1.0) for side, joint in pairs)


def _add_finger(base: mujoco.MjsBody, gripper: FourBar, side: str, joint: str) -> None:
    """One finger; the left one is the right one turned by half a turn about the approach."""
    sign = 1.0 if side == "right" else -1.0
    mount = base.add_body(
        name=f"{side}_mount",
        pos=[sign * gripper.knuckle_x_m, 0, gripper.knuckle_z_m],
        quat=[1, 0, 0, 0] if side == "right" else [0, 0, 0, 1],
    )
    knuckle = mount.add_body(name=f"{side}_knuckle_link")
    knuckle.gravcomp = 1.0
    knuckle.add_joint(
        name=joint,
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, -1, 0],
        range=[0, gripper.max_knuckle_rad],
        limited=True,
        armature=_ARMATURE,
        damping=[0.05, 0, 0],
    )
    _add_links(knuckle, gripper, side)
    tip = knuckle.add_body(name=f"{side}_tip", pos=[gripper.arm_x_m, 0, gripper.arm_z_m])
    tip.gravcomp = 1.0
    tip.add_joint(
        name=f"{side}_tip_hinge",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, -1, 0],
        armature=_ARMATURE,
        damping=[0.02, 0, 0],
    )
    inner = -gripper.pad_offset_m
    add_fingertip(tip, gripper, side, inner, gripper.tip_length_m)
    aside, root = 0.46 * gripper.finger_breadth_m, gripper.tip_length_m - gripper.pad_length_m
    low, high = (inner + PAD_THICKNESS_M, -aside, -0.007), (0.004, aside, root + 0.004)
    add_block(tip, f"gripper/{side}_tip_root", low, high, TIP_MASS_KG / 3)


def _add_links(knuckle: mujoco.MjsBody, gripper: FourBar, side: str) -> None:
    """The outer bar of the four-bar: out from the knuckle, then down to the fingertip hinge."""
    elbow = [gripper.arm_x_m * 0.88, 0.0, -0.004]
    hinge = [gripper.arm_x_m, 0.0, gripper.arm_z_m]
    radius = gripper.link_breadth_m / 4
    for i, (start, end) in enumerate((([0.0, 0.0, 0.0], elbow), (elbow, hinge))):
        for row, y in enumerate((-radius, radius)):
            name, ends = f"gripper/{side}_link/{i}{row}", [*start, *end]
            ends[1] = ends[4] = y
            color, mass = ("steel" if i else "gripper"), _LINK_MASS_KG / 4
            add_part(knuckle, name, CAPSULE, (radius,), color, fromto=ends, mass=mass)
