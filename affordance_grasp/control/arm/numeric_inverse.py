"""Inverse kinematics of any serial arm by damped least squares from many seeds at once.

Levenberg-Marquardt steps on the pose error with damping that follows the error (Sugihara 2011,
"Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt method"). All seeds advance
together; they are drawn from a fixed generator, so a pose always gives the same answer.
"""

import numpy as np

from affordance_grasp.control.arm.kinematics import forward_and_jacobian, pose_error
from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.geometry import Floats

SEEDS = 64
ROUNDS = 6
STEPS = 60
CONVERGED = 1e-9
DAMPING = 0.05
LENGTH_M = 0.3  # a radian of rotation error counts as much as this distance


def polish(arm: SerialArm, T_base_tip: Floats, q: Floats, steps: int = 4) -> Floats:
    """Newton steps from q (N, J) towards poses (N, 4, 4) or one pose (4, 4)."""
    return _descend(arm, T_base_tip, q, steps, floor=1e-14)[0]


def residual(arm: SerialArm, T_base_tip: Floats, q: Floats) -> Floats:
    """Pose error (N,) as the larger of position [m] and rotation [rad]."""
    tip, _ = forward_and_jacobian(arm, q)
    error = pose_error(T_base_tip, tip)
    return np.maximum(
        np.linalg.norm(error[..., :3], axis=-1), np.linalg.norm(error[..., 3:], axis=-1)
    )


def solve(arm: SerialArm, T_base_tip: Floats, seed_q: Floats | None = None) -> Floats:
    """Joint vectors (K, J) that reach the pose, found from ``seed_q`` and random seeds.

    Stops after the first round of seeds that finds one within the limits; an empty (0, J) array
    means that no seed converged. Angles as :func:`into_limits` has them.
    """
    rng = np.random.default_rng(0)
    lower = np.maximum(arm.lower, -np.pi)
    upper = np.minimum(arm.upper, np.pi)
    found = np.empty((0, arm.dof))
    for _ in range(ROUNDS):
        q = rng.uniform(lower, upper, (SEEDS, arm.dof))
        if seed_q is not None:
            q[0] = seed_q
        q, error = _descend(arm, T_base_tip, q, STEPS, floor=1e-6)
        new = polish(arm, T_base_tip, q[error < 1e-6])
        found = np.concatenate([found, into_limits(arm, new)])
        if ((found >= arm.lower) & (found <= arm.upper)).all(axis=1).any():
            break
    return found


def into_limits(arm: SerialArm, q: Floats) -> Floats:
    """Angles (K, J) in [-pi, pi], or a turn away where only that is within the limits."""
    q = (q + np.pi) % (2 * np.pi) - np.pi
    turned = q + 2 * np.pi * (1.0 * (q < arm.lower) - 1.0 * (q > arm.upper))
    return np.where((turned >= arm.lower) & (turned <= arm.upper), turned, q)


def _descend(
    arm: SerialArm, goal: Floats, q: Floats, steps: int, floor: float
) -> tuple[Floats, Floats]:
    weights = np.array([1 / LENGTH_M] * 3 + [1.0] * 3)
    q = np.array(q, float)
    error = np.full(len(q), np.inf)
    goals = np.broadcast_to(goal, (len(q), 4, 4))
    active = np.arange(len(q))
    for step in range(steps + 1):
        tip, J = forward_and_jacobian(arm, q[active])
        e = pose_error(goals[active], tip) * weights
        error[active] = np.linalg.norm(e, axis=-1)
        going = error[active] > CONVERGED
        if step == steps or not going.any():
            break
        active, J, e = active[going], J[going] * weights[:, None], e[going]
        J_t = np.swapaxes(J, -1, -2)
        damping = (DAMPING * (e**2).sum(-1) + floor)[:, None, None] * np.eye(arm.dof)
        move = np.linalg.solve(J_t @ J + damping, (J_t @ e[..., None]))[..., 0]
        q[active] += np.clip(move, -0.5, 0.5)
    return q, error
