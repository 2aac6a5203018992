"""Fingers that slide out of the palm, as of a Franka Hand or a Hand-E."""

import mujoco

from affordance_grasp.control.prismatic import Prismatic
from affordance_grasp.simulation.models.fingertip import (
    FINGER_JOINTS,
    SIDES,
    add_block,
    add_fingertip,
)

KP, KV = 160_000.0, 3200.0
"""Force [N] of the fingers per metre of position error, and per m/s against it."""
_LINK_MASS_KG = 0.03
_ARMATURE = 1.6
"""Reflected motor inertia [kg]."""
_SLIT_M = 5e-4
"""The links end so far short of the gripping surface, which the pads alone are."""


def add_sliding_fingers(
    base: mujoco.MjsBody, gripper: Prismatic
) -> tuple[tuple[str, str, float], ...]:
    """Add both fingers; the left one is the right one turned by half a turn about the approach.

    They need no couplings of their own.
    """
    for side, joint in zip(SIDES, FINGER_JOINTS, strict=True):
        turned = [1, 0, 0, 0] if side == "right" else [0, 0, 0, 1]
        finger = base.add_body(name=f"{side}_finger_link", quat=turned)
        finger.gravcomp = 1.0
        finger.add_joint(
            name=joint,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[1, 0, 0],
            range=[0, gripper.joint_from_width(gripper.max_width_m)],
            limited=True,
            armature=_ARMATURE,
            damping=[1.0, 0, 0],
        )
        add_fingertip(finger, gripper, side, 0.0, gripper.length_m)
        aside, root = gripper.link_breadth_m / 2, gripper.length_m - gripper.pad_length_m
        low, high = (
            (_SLIT_M, -aside, 0.9 * gripper.palm_size_m[2]),
            (gripper.link_thickness_m, aside, root),
        )
        add_block(finger, f"gripper/{side}_link", low, high, _LINK_MASS_KG)
    return ()
