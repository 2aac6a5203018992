"""MuJoCo model of a two-finger gripper with the true closing geometry of its linkage.

Each finger is a knuckle hinge (angle q) that carries a fingertip hinge held at -q, so that the
gripping surfaces stay parallel and run ahead while they close, exactly as in
:class:`affordance_grasp.control.gripper.GripperProfile`, whose numbers this model is built from.
One actuator with a force limit drives both sides; they are coupled and cannot drift apart.
Nothing is ever attached to the pads: contact and friction alone hold an object.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.simulation.models.looks import paint

SIDES = ("right", "left")
PAD_NAMES = ("pad/right", "pad/left")
ACTUATOR = "gripper"
KNUCKLES = ("right_knuckle", "left_knuckle")

# Parallel four-bars are rigid, so their couplings are as stiff as a 2 ms time step allows.
_COUPLING = {"solref": [0.004, 1.0], "solimp": [0.97, 0.995, 0.0005, 0.5, 2.0]}
_FINGER_CONTACT = {"contype": 0, "conaffinity": 1}


@dataclass(frozen=True)
class GripperPhysics:
    """What the profile lacks: masses, the drive's stiffness and the pads' friction.

    ``friction``: sliding, torsional [m] and rolling [m] coefficients of the pads; MuJoCo takes
    the larger of the two surfaces. ``kp`` [N m/rad] turns position error into knuckle torque up
    to the force limit; reflected motor inertia is ``armature`` [kg m2].
    """

    palm_mass_kg: float = 0.78
    link_mass_kg: float = 0.035
    tip_mass_kg: float = 0.025
    armature: float = 0.004
    kp: float = 400.0
    kv: float = 8.0
    friction: tuple[float, float, float] = (0.8, 0.005, 0.0002)
    pad_thickness_m: float = 0.005


def add_gripper(
    spec: mujoco.MjSpec,
    flange: mujoco.MjsBody,
    profile: GripperProfile,
    physics: GripperPhysics | None = None,
) -> mujoco.MjsBody:
    """Mount a gripper on the flange body (``tool0``) and return its base body."""
    physics = physics or GripperPhysics()
    yaw = profile.mount_yaw_rad / 2
    base = flange.add_body(
        name="gripper", pos=[0, 0, profile.coupling_m], quat=[np.cos(yaw), 0, 0, np.sin(yaw)]
    )
    base.gravcomp = 1.0
    _add_palm(base, profile, physics)
    for side in SIDES:
        _add_finger(base, profile, physics, side)
    _couple(spec)
    _drive(spec, profile, physics)
    return base


def knuckle_force_limit(profile: GripperProfile, width_m: float, force_n: float) -> float:
    """Tendon force [N m] at which each pad presses with ``force_n`` at this opening.

    The pad moves by |arm| sin(alpha + q) per radian of knuckle angle; the tendon acts on the mean
    of both knuckles, so it needs twice the torque of one.
    """
    angle = np.arctan2(profile.arm_z_m, profile.arm_x_m) + profile.joint_from_width(width_m)
    return float(2 * force_n * profile.arm_length_m * np.sin(angle))


def _add_palm(base: mujoco.MjsBody, profile: GripperProfile, physics: GripperPhysics) -> None:
    x, y, z = profile.palm_size_m
    dark, steel = paint("gripper"), paint("steel")
    coupling = profile.coupling_m
    base.add_geom(
        name="gripper/coupling",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[y / 2 + 0.006, coupling / 2, 0],
        pos=[0, 0, -coupling / 2],
        mass=0.08,
        rgba=steel,
        **_FINGER_CONTACT,
    )
    base.add_geom(
        name="gripper/palm",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[y / 2, 0.45 * z, 0],
        pos=[0, 0, 0.45 * z],
        mass=physics.palm_mass_kg,
        rgba=dark,
        **_FINGER_CONTACT,
    )
    base.add_geom(
        name="gripper/shoulders",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[x / 2, 0.32 * y, 0.22 * z],
        pos=[0, 0, 0.7 * z],
        mass=0.05,
        rgba=dark,
        **_FINGER_CONTACT,
    )


def _add_finger(
    base: mujoco.MjsBody, profile: GripperProfile, physics: GripperPhysics, side: str
) -> None:
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
        armature=physics.armature,
        damping=[0.05, 0, 0],
    )
    _add_links(knuckle, profile, physics, side)
    tip = knuckle.add_body(name=f"{side}_tip", pos=[profile.arm_x_m, 0, profile.arm_z_m])
    tip.gravcomp = 1.0
    tip.add_joint(
        name=f"{side}_tip_hinge",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, -1, 0],
        armature=physics.armature,
        damping=[0.02, 0, 0],
    )
    _add_tip(tip, profile, physics, side)


def _add_links(
    knuckle: mujoco.MjsBody, profile: GripperProfile, physics: GripperPhysics, side: str
) -> None:
    """The outer bar of the four-bar: out from the knuckle, then down to the fingertip hinge."""
    elbow = [profile.arm_x_m * 0.88, 0.0, -0.004]
    hinge = [profile.arm_x_m, 0.0, profile.arm_z_m]
    radius = profile.link_breadth_m / 4
    for i, (start, end) in enumerate((([0.0, 0.0, 0.0], elbow), (elbow, hinge))):
        for row, y in enumerate((-radius, radius)):
            knuckle.add_geom(
                name=f"gripper/{side}_link/{i}{row}",
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=[start[0], y, start[2], end[0], y, end[2]],
                size=[radius, 0, 0],
                mass=physics.link_mass_kg / 4,
                rgba=paint("steel" if i else "gripper"),
                **_FINGER_CONTACT,
            )


def _add_tip(
    tip: mujoco.MjsBody, profile: GripperProfile, physics: GripperPhysics, side: str
) -> None:
    """Fingertip: a metal back, and a rubber pad whose inner face is the gripping surface."""
    inner = -profile.pad_offset_m
    half_length, half_breadth = profile.pad_length_m / 2, profile.finger_breadth_m / 2
    middle = profile.tip_length_m - half_length
    half_pad = physics.pad_thickness_m / 2
    tip.add_geom(
        name=f"pad/{side}",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[half_pad, half_breadth, half_length],
        pos=[inner + half_pad, 0, middle],
        mass=physics.tip_mass_kg / 3,
        friction=list(physics.friction),
        condim=4,
        solref=[0.004, 1.0],
        solimp=[0.95, 0.99, 0.001, 0.5, 2.0],
        solmix=10.0,
        rgba=paint("rubber"),
        **_FINGER_CONTACT,
    )
    outer = inner + profile.tip_thickness_m
    root = profile.tip_length_m - profile.pad_length_m
    blocks = (
        ("tip", inner + physics.pad_thickness_m, outer, root - 0.004, profile.tip_length_m - 1e-3),
        ("tip_root", inner + physics.pad_thickness_m, 0.004, -0.007, root + 0.004),
    )
    for name, x_low, x_high, z_low, z_high in blocks:
        tip.add_geom(
            name=f"gripper/{side}_{name}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[(x_high - x_low) / 2, 0.92 * half_breadth, (z_high - z_low) / 2],
            pos=[(x_high + x_low) / 2, 0, (z_high + z_low) / 2],
            mass=physics.tip_mass_kg / 3,
            rgba=paint("finger"),
            **_FINGER_CONTACT,
        )


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


def _drive(spec: mujoco.MjSpec, profile: GripperProfile, physics: GripperPhysics) -> None:
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
    actuator.set_to_position(kp=physics.kp, kv=physics.kv)
