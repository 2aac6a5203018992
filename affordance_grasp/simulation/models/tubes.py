"""The links of an Aubo as they look: tubes between neighbouring joints, with capped housings."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.models.arm_physics import ArmPhysics
from affordance_grasp.simulation.models.looks import CAPSULE, CYLINDER, add_part

FLANGE_HEIGHT_M = 0.012
RADIUS_M = (0.054, 0.042)
"""Of the tubes at the large joints, and at those of the wrist."""
_HOUSING_RADIUS, _HOUSING_HALF_LENGTH = 1.08, 1.3  # of a joint's housing, in radii of its tube


def add_tubes(bodies: Sequence[mujoco.MjsBody], arm: SerialArm, physics: ArmPhysics) -> None:
    """Add the geoms of the base (first) and of the link of every joint."""
    _add_base(bodies[0], arm)
    density = _density(arm, physics)
    for joint, body in enumerate(bodies[1:]):
        radius = physics.of_joint(RADIUS_M, joint)
        _add_link(body, arm, joint, radius, density)


def _next_origin(arm: SerialArm, joint: int) -> Floats:
    """Where the next joint (or the flange) sits in this joint's frame (3,) [m]."""
    last = joint + 1 == arm.dof
    return (arm.T_last_tip if last else arm.T_parent_joint[joint + 1])[:3, 3]


def _density(arm: SerialArm, physics: ArmPhysics) -> float:
    """Density [kg/m3] at which the links (tube and joint housing) weigh ``mass_kg`` together."""
    volume = 0.0
    for joint in range(arm.dof):
        radius = physics.of_joint(RADIUS_M, joint)
        length = float(np.linalg.norm(_next_origin(arm, joint)))
        volume += np.pi * radius**2 * (length + 4 / 3 * radius)
        volume += 2 * np.pi * (_HOUSING_RADIUS * radius) ** 2 * (_HOUSING_HALF_LENGTH * radius)
    return physics.mass_kg / volume


def _add_base(base: mujoco.MjsBody, arm: SerialArm) -> None:
    radius = RADIUS_M[0]
    height = float(arm.T_parent_joint[0][2, 3])
    for name, wide, low, high, color in (
        ("foot", 1.5 * radius, 0.0, 0.016, "flange"),
        ("column", 1.15 * radius, 0.016, max(height - radius, 0.03), "arm"),
    ):
        size, at = (wide, (high - low) / 2), [0, 0, (high + low) / 2]
        add_part(base, f"arm/{name}", CYLINDER, size, color, touches=False, pos=at)


def _add_link(
    body: mujoco.MjsBody, arm: SerialArm, joint: int, radius: float, density: float
) -> None:
    """A tube to the next joint, and at this joint a housing with two coloured caps."""
    solid: dict[str, Any] = {"touches": joint > 0, "density": density}
    end = _next_origin(arm, joint)
    if joint + 2 == arm.dof:  # the last tube stops short of the flange
        end = end * (1 - (radius + FLANGE_HEIGHT_M) / np.linalg.norm(end))
    if np.linalg.norm(end) > 1e-6:
        ends = [0.0, 0.0, 0.0, *end]
        add_part(body, f"arm/{joint}/tube", CAPSULE, (radius,), "arm", fromto=ends, **solid)
    axis = np.asarray(arm.axes[joint], float)
    half = _HOUSING_HALF_LENGTH * radius
    last = joint + 1 == arm.dof
    front = min(half, float(end @ axis) - FLANGE_HEIGHT_M) if last else half
    housing, ends = f"arm/{joint}/housing", [*(-half * axis), *(front * axis)]
    wide = _HOUSING_RADIUS * radius
    add_part(body, housing, CYLINDER, (wide,), "joint", fromto=ends, **solid)
    for side in () if last else (-1.0, 1.0):
        cap, size = f"arm/{joint}/cap{side:+.0f}", (0.86 * wide,)
        ends = [*(side * half * axis), *(side * (half + 0.006) * axis)]
        add_part(body, cap, CYLINDER, size, "cap", touches=False, fromto=ends, mass=0.0)
