"""MuJoCo model of a serial arm, built from the numbers of its URDF.

The chain of joints is exact; the links are capsules between neighbouring joints, their mass
shared out by volume. Every joint has a position servo with velocity feedforward, as an industrial
drive has, so the arm follows a trajectory without lag. Its weight is
compensated as a robot controller compensates it; contact forces are not.
"""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.models.looks import CAPSULE, CYLINDER, add_part, placed

_FLANGE_HEIGHT_M = 0.012
_HOUSING_RADIUS, _HOUSING_HALF_LENGTH = 1.08, 1.3  # of a joint's housing, in radii of its tube


@dataclass(frozen=True)
class ArmPhysics:
    """Servo gains [N m/rad, N m s/rad], torque limits [N m], motor inertia [kg m2] and looks.

    Torque limits and the total mass are those of the Aubo-i5 (23.5 kg; 133 N m in the three large
    joints, 13.5 N m in the wrist). Brakes [rad/s2] are the motor accelerations that the
    vendor's software allows, 20,000 rpm/s, behind gears of 121 and 101. Joints beyond the third
    use the wrist's values.
    """

    mass_kg: float = 23.5
    large_joints: int = 3
    kp: tuple[float, float] = (20000.0, 4000.0)
    kv: tuple[float, float] = (600.0, 60.0)
    torque_limit: tuple[float, float] = (133.0, 13.5)
    brakes: tuple[float, float] = (17.3, 20.7)
    armature: tuple[float, float] = (1.5, 0.2)
    radius_m: tuple[float, float] = (0.054, 0.042)

    def of_joint(self, pair: tuple[float, float], joint: int) -> float:
        """The value that holds for a joint: the large ones come first."""
        return pair[0] if joint < self.large_joints else pair[1]


PHYSICS = ArmPhysics()


def add_arm(spec: mujoco.MjSpec, arm: SerialArm) -> mujoco.MjsBody:
    """Add the arm with its base at the origin of the world; return the flange body."""
    parent = spec.worldbody.add_body(name=arm.base)
    _add_base(parent, arm)
    density = _density(arm)
    for joint, name in enumerate(arm.joint_names):
        body = _add_child(parent, arm.link_names[joint], arm.T_parent_joint[joint])
        body.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=list(arm.axes[joint]),
            range=[float(arm.lower[joint]), float(arm.upper[joint])],
            limited=True,
            armature=PHYSICS.of_joint(PHYSICS.armature, joint),
        )
        _add_link(body, arm, joint, density)
        _add_servo(spec, name, joint)
        parent = body
    flange = _add_child(parent, arm.tip, arm.T_last_tip)
    half_m = _FLANGE_HEIGHT_M / 2
    size, at = (0.034, half_m), [0, 0, -half_m]
    add_part(flange, "arm/flange", CYLINDER, size, "flange", pos=at, mass=0.1)
    return flange


def servo_targets(
    physics: ArmPhysics, q: Floats, velocity: Floats, torque: Floats | float = 0.0
) -> Floats:
    """Control values (J,) at which the servos hold ``q`` [rad] while moving at ``velocity``.

    ``torque`` (J,) [N m]: feedforward of the motion.
    A servo's torque is kp (u - q) - kv dq/dt; u = q + (kv v + torque) / kp takes the lag out.
    """
    joints = range(np.shape(q)[-1])
    kp = np.array([physics.of_joint(physics.kp, j) for j in joints])
    kv = np.array([physics.of_joint(physics.kv, j) for j in joints])
    return np.asarray(q, float) + (kv * np.asarray(velocity, float) + torque) / kp


def _add_child(parent: mujoco.MjsBody, name: str, T_parent_child: Floats) -> mujoco.MjsBody:
    body = parent.add_body(name=name, **placed(T_parent_child))
    body.gravcomp = 1.0
    return body


def _next_origin(arm: SerialArm, joint: int) -> Floats:
    """Where the next joint (or the flange) sits in this joint's frame (3,) [m]."""
    last = joint + 1 == arm.dof
    return (arm.T_last_tip if last else arm.T_parent_joint[joint + 1])[:3, 3]


def _density(arm: SerialArm) -> float:
    """Density [kg/m3] at which the links (tube and joint housing) weigh ``mass_kg`` together."""
    volume = 0.0
    for joint in range(arm.dof):
        radius = PHYSICS.of_joint(PHYSICS.radius_m, joint)
        length = float(np.linalg.norm(_next_origin(arm, joint)))
        volume += np.pi * radius**2 * (length + 4 / 3 * radius)
        volume += 2 * np.pi * (_HOUSING_RADIUS * radius) ** 2 * (_HOUSING_HALF_LENGTH * radius)
    return PHYSICS.mass_kg / volume


def _add_base(base: mujoco.MjsBody, arm: SerialArm) -> None:
    radius = PHYSICS.radius_m[0]
    height = float(arm.T_parent_joint[0][2, 3])
    for name, wide, low, high, color in (
        ("foot", 1.5 * radius, 0.0, 0.016, "flange"),
        ("column", 1.15 * radius, 0.016, max(height - radius, 0.03), "arm"),
    ):
        size, at = (wide, (high - low) / 2), [0, 0, (high + low) / 2]
        add_part(base, f"arm/{name}", CYLINDER, size, color, touches=False, pos=at)


def _add_link(body: mujoco.MjsBody, arm: SerialArm, joint: int, density: float) -> None:
    """A tube to the next joint, and at this joint a housing with two coloured caps."""
    radius = PHYSICS.of_joint(PHYSICS.radius_m, joint)
    solid: dict[str, Any] = {"touches": joint > 0, "density": density}
    end = _next_origin(arm, joint)
    if joint + 2 == arm.dof:  # the last tube stops short of the flange
        end = end * (1 - (radius + _FLANGE_HEIGHT_M) / np.linalg.norm(end))
    if np.linalg.norm(end) > 1e-6:
        ends = [0.0, 0.0, 0.0, *end]
        add_part(body, f"arm/{joint}/tube", CAPSULE, (radius,), "arm", fromto=ends, **solid)
    axis = np.asarray(arm.axes[joint], float)
    half = _HOUSING_HALF_LENGTH * radius
    last = joint + 1 == arm.dof
    front = min(half, float(end @ axis) - _FLANGE_HEIGHT_M) if last else half
    housing, ends = f"arm/{joint}/housing", [*(-half * axis), *(front * axis)]
    wide = _HOUSING_RADIUS * radius
    add_part(body, housing, CYLINDER, (wide,), "joint", fromto=ends, **solid)
    for side in () if last else (-1.0, 1.0):
        cap, size = f"arm/{joint}/cap{side:+.0f}", (0.86 * wide,)
        ends = [*(side * half * axis), *(side * (half + 0.006) * axis)]
        add_part(body, cap, CYLINDER, size, "cap", touches=False, fromto=ends, mass=0.0)


def _add_servo(spec: mujoco.MjSpec, joint_name: str, joint: int) -> None:
    limit = PHYSICS.of_joint(PHYSICS.torque_limit, joint)
    actuator = spec.add_actuator(
        name=joint_name,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        target=joint_name,
        forcelimited=True,
        forcerange=[-limit, limit],
    )
    actuator.set_to_position(
        kp=PHYSICS.of_joint(PHYSICS.kp, joint), kv=PHYSICS.of_joint(PHYSICS.kv, joint)
    )
