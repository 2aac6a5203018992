"""The end of a finger: a metal back, and a rubber pad whose inner face is the gripping surface.

Nothing is ever attached to the pads: contact and friction alone hold an object.
"""

import mujoco

from affordance_grasp.control.gripper import Gripper, Vector3
from affordance_grasp.simulation.models.looks import BOX, add_part

SIDES = ("right", "left")
PAD_NAMES = ("pad/right", "pad/left")
FINGER_JOINTS = ("right_finger", "left_finger")
"""The driven joint of either finger, as the gripper's ``joint_from_width`` has it."""

TIP_MASS_KG = 0.025
PAD_THICKNESS_M = 0.005
_FRICTION = (0.8, 0.005, 0.0002)
"""Sliding, torsional [m] and rolling [m] of the pads; MuJoCo takes the larger of two surfaces."""


def add_fingertip(
    body: mujoco.MjsBody, gripper: Gripper, side: str, inner_x_m: float, end_z_m: float
) -> None:
    """Add pad and back to a body whose +x leads outwards and +z towards the tip.

    ``inner_x_m``: where the gripping surface is. ``end_z_m``: where the fingertip ends.
    """
    half_length, half_breadth = gripper.pad_length_m / 2, gripper.finger_breadth_m / 2
    half_pad, middle = PAD_THICKNESS_M / 2, end_z_m - half_length
    add_part(
        body,
        f"pad/{side}",
        BOX,
        (half_pad, half_breadth, half_length),
        "rubber",
        pos=[inner_x_m + half_pad, 0, middle],
        mass=TIP_MASS_KG / 3,
        friction=_FRICTION,
        condim=4,
        solref=[0.004, 1.0],
        solimp=[0.95, 0.99, 0.001, 0.5, 2.0],
        solmix=10.0,
    )
    root, aside = end_z_m - gripper.pad_length_m - 0.004, 0.92 * half_breadth
    low = (inner_x_m + PAD_THICKNESS_M, -aside, root)
    high = (inner_x_m + gripper.tip_thickness_m, aside, end_z_m - 1e-3)
    add_block(body, f"gripper/{side}_tip", low, high, TIP_MASS_KG / 3)


def add_block(
    body: mujoco.MjsBody, name: str, low: Vector3, high: Vector3, mass_kg: float
) -> None:
    """A box of a finger between two opposite corners [m]."""
    size = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
    at = [(b + a) / 2 for a, b in zip(low, high, strict=True)]
    add_part(body, name, BOX, size, "finger", pos=at, mass=mass_kg)
