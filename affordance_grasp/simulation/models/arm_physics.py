"""What drives the joints of a simulated arm: servos, brakes, masses."""

from dataclasses import dataclass

import numpy as np

from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.geometry import Floats

WRIST_JOINTS = 3


@dataclass(frozen=True)
class ArmPhysics:
    """Servo gains [N m/rad, N m s/rad], torque limits [N m], motor inertia [kg m2].

    Torque limits and the total mass are those of the Aubo-i5 (23.5 kg; 133 N m in the three large
    joints, 13.5 N m in the wrist). Brakes [rad/s2] are the motor accelerations that the
    vendor's software allows, 20,000 rpm/s, behind gears of 121 and 101. The last three joints
    have the wrist's values. Other arms of this size have them too: motions and contacts ask for a
    part of these torques.
    """

    mass_kg: float = 23.5
    large_joints: int = 3
    kp: tuple[float, float] = (20000.0, 4000.0)
    kv: tuple[float, float] = (600.0, 60.0)
    torque_limit: tuple[float, float] = (133.0, 13.5)
    brakes: tuple[float, float] = (17.3, 20.7)
    armature: tuple[float, float] = (1.5, 0.2)

    def of_joint(self, pair: tuple[float, float], joint: int) -> float:
        """The value that holds for a joint: the large ones come first."""
        return pair[0] if joint < self.large_joints else pair[1]


def arm_physics(arm: SerialArm) -> ArmPhysics:
    """The constants, with the last three joints as those of the wrist."""
    return ArmPhysics(large_joints=max(1, arm.dof - WRIST_JOINTS))


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
