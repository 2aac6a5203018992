"""MuJoCo model of a two-finger gripper with the true closing geometry of its linkage.

Each finger is a knuckle hinge (angle q) that carries a fingertip hinge held at -q, so that the
gripping surfaces stay parallel and run ahead while they close, exactly as in
:class:`affordance_grasp.control.gripper.GripperProfile`, whose numbers this model is built from.
One actuator with a force limit drives both sides; they are coupled and cannot drift apart.
Nothing is ever attached to the pads: contact and friction alone hold an object.
"""

import mujoco
import numpy as np

from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.simulation.models.looks import BOX, CAPSULE, CYLINDER, add_part

SIDES = ("right", "left")
PAD_NAMES = ("pad/right", "pad/left")
ACTUATOR = "gripper"
KNUCKLES = ("right_knuckle", "left_knuckle")

# Parallel four-bars are rigid, so their couplings are as stiff as a 2 ms time step allows.
_COUPLING = {"solref": [0.004, 1.0], "solimp": [0.97, 0.995, 0.0005, 0.5, 2.0]}


# What the profile lacks.
_PALM_MASS_KG, _LINK_MASS_KG, _TIP_MASS_KG = 0.78, 0.035, 0.025
_ARMATURE = 0.004
"""Reflected motor inertia [kg m2]."""
_KP, _KV = 400.0, 8.0
"""Torque [N m] of the knuckles per radian of position error, and per rad/s against it."""
_FRICTION = (0.8, 0.005, 0.0002)
"""Sliding, torsional [m] and rolling [m] of the pads; MuJoCo takes the larger of two surfaces."""
_PAD_THICKNESS_M = 0.005


def add_gripper(
    spec: mujoco.MjSpec, flange: mujoco.MjsBody, profile: GripperProfile
) -> mujoco.MjsBody:
    """Mount a gripper on the flange body (``tool0``) and return its base body."""
    yaw = profile.mount_yaw_rad / 2
    base = flange.add_body(
        name="gripper", pos=[0, 0, profile.coupling_m], quat=[np.cos(yaw), 0, 0, np.sin(yaw)]
    )
    base.gravcomp = 1.0
    _add_palm(base, profile)
    for side in SIDES:
        _add_finger(base, profile, side)
    _couple(spec)
    _drive(spec, profile)
    return base


def knuckle_force_limit(profile: GripperProfile, width_m: float, force_n: float) -> float:
    """Tendon force [N m] at which each pad presses with ``force_n`` at this opening.

    The pad moves by |arm| sin(alpha + q) per radian of knuckle angle; the tendon acts on the mean
    of both knuckles, so it needs twice the torque of one.
    """
    angle = np.arctan2(profile.arm_z_m, profile.arm_x_m) + profile.joint_from_width(width_m)
    return float(2 * force_n * profile.arm_length_m * np.sin(angle))


def _add_palm(base: mujoco.MjsBody, profile: GripperProfile) -> None:
    x, y, z = profile.palm_size_m
    half = profile.coupling_m / 2
    size = (y / 2 + 0.006, half)
    add_part(base, "gripper/coupling", CYLINDER, size, "steel", pos=[0, 0, -half], mass=0.08)
    size, at = (y / 2, 0.45 * z), [0, 0, 0.45 * z]
    add_part(base, "gripper/palm", CYLINDER, size, "gripper", pos=at, mass=_PALM_MASS_KG)
    block, at = (x / 2, 0.32 * y, 0.22 * z), [0, 0, 0.7 * z]
    add_part(base, "gripper/shoulders", BOX, block, "gripper", pos=at, mass=0.05)


def _add_finger(base: mujoco.MjsBody, profile: GripperProfile, side: str) -> None:
    """One finger; the left one is the right one turned by half a turn about the approach."""
    sign = 1.0 if side == "right" else -1.0
    mount = base.add_body(
        name=f"{side}_mount",
        pos=[sign * profile.knuckle_x_m, 0, profile.knuckle_z_m],
        quat=[1, 0, 0, 0] if side == "right" else [0, 0, 0, 1],
    )
    knuckle = mount.add_body(name=f"{side}_knuckle_link")
    knuckle.gravcomp = 1.0
    knuckle.add_joint(
        name=f"{side}_knuckle",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, -1, 0],
        range=[0, profile.max_knuckle_rad],
        limited=True,
        armature=_ARMATURE,
        damping=[0.05, 0, 0],
    )
    _add_links(knuckle, profile, side)
    tip = knuckle.add_body(name=f"{side}_tip", pos=[profile.arm_x_m, 0, profile.arm_z_m])
    tip.gravcomp = 1.0
    tip.add_joint(
        name=f"{side}_tip_hinge",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, -1, 0],
        armature=_ARMATURE,
        damping=[0.02, 0, 0],
    )
    _add_tip(tip, profile, side)


def _add_links(knuckle: mujoco.MjsBody, profile: GripperProfile, side: str) -> None:
    """The outer bar of the four-bar: out from the knuckle, then down to the fingertip hinge."""
    elbow = [profile.arm_x_m * 0.88, 0.0, -0.004]
    hinge = [profile.arm_x_m, 0.0, profile.arm_z_m]
    radius = profile.link_breadth_m / 4
    for i, (start, end) in enumerate((([0.0, 0.0, 0.0], elbow), (elbow, hinge))):
        for row, y in enumerate((-radius, radius)):
            name, ends = f"gripper/{side}_link/{i}{row}", [*start, *end]
            ends[1] = ends[4] = y
            color, mass = ("steel" if i else "gripper"), _LINK_MASS_KG / 4
            add_part(knuckle, name, CAPSULE, (radius,), color, fromto=ends, mass=mass)


def _add_tip(tip: mujoco.MjsBody, profile: GripperProfile, side: str) -> None:
    """Fingertip: a metal back, and a rubber pad whose inner face is the gripping surface."""
    inner = -profile.pad_offset_m
    half_length, half_breadth = profile.pad_length_m / 2, profile.finger_breadth_m / 2
    middle = profile.tip_length_m - half_length
    half_pad = _PAD_THICKNESS_M / 2
    add_part(
        tip,
        f"pad/{side}",
        BOX,
        (half_pad, half_breadth, half_length),
        "rubber",
        pos=[inner + half_pad, 0, middle],
        mass=_TIP_MASS_KG / 3,
        friction=_FRICTION,
        condim=4,
        solref=[0.004, 1.0],
        solimp=[0.95, 0.99, 0.001, 0.5, 2.0],
        solmix=10.0,
    )
    x_low, outer = inner + _PAD_THICKNESS_M, inner + profile.tip_thickness_m
    root = profile.tip_length_m - profile.pad_length_m
    blocks = (
        ("tip", outer, root - 0.004, profile.tip_length_m - 1e-3),
        ("tip_root", 0.004, -0.007, root + 0.004),
    )
    for name, x_high, z_low, z_high in blocks:
        block = ((x_high - x_low) / 2, 0.92 * half_breadth, (z_high - z_low) / 2)
        at, mass = [(x_high + x_low) / 2, 0, (z_high + z_low) / 2], _TIP_MASS_KG / 3
        add_part(tip, f"gripper/{side}_{name}", BOX, block, "finger", pos=at, mass=mass)


def _couple(spec: mujoco.MjSpec) -> None:
    """Tip hinges turn back by the knuckle angle; both knuckles turn alike."""
    pairs = [(f"{side}_tip_hinge", f"{side}_knuckle", -1.0) for side in SIDES]
    pairs.append((KNUCKLES[1], KNUCKLES[0], 1.0))
    for follower, leader, ratio in pairs:
        coupling = spec.add_equality(
            name=f"{follower}_follows_{leader}",
            type=mujoco.mjtEq.mjEQ_JOINT,
            name1=follower,
            name2=leader,
            **_COUPLING,
        )
        coupling.data[:2] = [0.0, ratio]


def _drive(spec: mujoco.MjSpec, profile: GripperProfile) -> None:
    tendon = spec.add_tendon(name="knuckles")
    for knuckle in KNUCKLES:
        tendon.wrap_joint(knuckle, 0.5)
    limit = knuckle_force_limit(profile, profile.max_width_m, profile.max_force_n)
    actuator = spec.add_actuator(
        name=ACTUATOR,
        trntype=mujoco.mjtTrn.mjTRN_TENDON,
        target="knuckles",
        forcelimited=True,
        forcerange=[-limit, limit],
        ctrllimited=True,
        ctrlrange=[0, profile.max_knuckle_rad],
    )
    actuator.set_to_position(kp=_KP, kv=_KV)
