"""MuJoCo model of a serial arm, built from the numbers of its URDF.

The chain of joints is exact. The links of an Aubo are tubes between neighbouring joints; those of
any other arm are the collision shapes of its URDF, behind the meshes that it may have. Mass is
shared out by volume. Every joint has a position servo with velocity feedforward, as an industrial
drive has, so the arm follows a trajectory without lag. Its weight is compensated as a robot
controller compensates it; contact forces are not.
"""

from collections.abc import Sequence, Set

import mujoco
import numpy as np

from affordance_grasp.control.arm.urdf import LinkShape, SerialArm
from affordance_grasp.control.motion.clearance import STANDING_FRAMES
from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.models.arm_physics import ArmPhysics, arm_physics
from affordance_grasp.simulation.models.link_looks import LinkLook, add_looks
from affordance_grasp.simulation.models.looks import (
    BOX,
    CYLINDER,
    SPHERE,
    add_part,
    link_paint,
    placed,
)
from affordance_grasp.simulation.models.tubes import FLANGE_HEIGHT_M, add_tubes

BASE = -1
GEOMS = {"box": BOX, "cylinder": CYLINDER, "sphere": SPHERE}
TUBULAR_LINK = "upperArm_Link"
"""Every Aubo has a link of this name."""


def add_arm(
    spec: mujoco.MjSpec,
    arm: SerialArm,
    shapes: Sequence[LinkShape],
    looks: Sequence[LinkLook] = (),
) -> mujoco.MjsBody:
    """Add the arm with its base at the origin of the world; return the flange body.

    ``shapes``: of the base and the links, which are the links of every arm but an Aubo without
    ``looks``.
    """
    physics = arm_physics(arm)
    parent = spec.worldbody.add_body(name=arm.base)
    bodies = [parent]
    for joint, name in enumerate(arm.joint_names):
        body = _add_child(parent, arm.link_names[joint], arm.T_parent_joint[joint])
        body.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=list(arm.axes[joint]),
            range=[float(arm.lower[joint]), float(arm.upper[joint])],
            limited=True,
            armature=physics.of_joint(physics.armature, joint),
        )
        _add_servo(spec, name, joint, physics)
        bodies.append(body)
        parent = body
    if TUBULAR_LINK in arm.link_names and not looks:
        add_tubes(bodies, arm, physics)
    else:
        _add_shapes(bodies, shapes, physics, {look.frame for look in looks})
        add_looks(spec, bodies, looks)
    named = f"{arm.tip}/flange" if arm.tip in arm.link_names else arm.tip
    flange = _add_child(parent, named, arm.T_last_tip)
    half_m = FLANGE_HEIGHT_M / 2
    size, at = (0.034, half_m), [0, 0, -half_m]
    add_part(flange, "arm/flange", CYLINDER, size, "flange", pos=at, mass=0.1)
    return flange


def _add_child(parent: mujoco.MjsBody, name: str, T_parent_child: Floats) -> mujoco.MjsBody:
    body = parent.add_body(name=name, **placed(T_parent_child))
    body.gravcomp = 1.0
    return body


def _add_shapes(
    bodies: Sequence[mujoco.MjsBody],
    shapes: Sequence[LinkShape],
    physics: ArmPhysics,
    unseen: Set[int],
) -> None:
    """Give the base (first) and the links their collision shapes, every other link darker."""
    moving = [shape for shape in shapes if shape.frame != BASE]
    density = physics.mass_kg / sum(_volume_m3(shape) for shape in moving)
    for i, shape in enumerate(shapes):
        size = shape.half_size if shape.kind == "box" else shape.half_size[::2]
        add_part(
            bodies[shape.frame + 1],
            f"arm/{shape.frame}/{shape.kind}{i}",
            GEOMS[shape.kind],
            size,
            "unseen" if shape.frame in unseen else link_paint(shape.frame),
            touches=shape.frame not in STANDING_FRAMES,
            density=density if shape.frame != BASE else 0.0,
            **placed(shape.T_link_shape),
        )


def _volume_m3(shape: LinkShape) -> float:
    factor = {"box": 8.0, "cylinder": 2 * np.pi, "sphere": 4 / 3 * np.pi}[shape.kind]
    return factor * float(np.prod(shape.half_size))


def _add_servo(spec: mujoco.MjSpec, joint_name: str, joint: int, physics: ArmPhysics) -> None:
    limit = physics.of_joint(physics.torque_limit, joint)
    actuator = spec.add_actuator(
        name=joint_name,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        target=joint_name,
        forcelimited=True,
        forcerange=[-limit, limit],
    )
    actuator.set_to_position(
        kp=physics.of_joint(physics.kp, joint), kv=physics.of_joint(physics.kv, joint)
    )
