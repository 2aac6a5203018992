"""Forward kinematics and the Jacobian of a serial arm, for one or many joint vectors at once."""

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.geometry import Floats


def joint_frames(arm: SerialArm, q: ArrayLike) -> Floats:
    """Poses (..., J, 4, 4) in the base of the frames that the joints move, at q (..., J) [rad]."""
    angles = np.asarray(q, float)[..., None, None]
    A, B, C = arm.link_terms
    local = A + np.sin(angles) * B + (1.0 - np.cos(angles)) * C
    frames = np.empty_like(local)
    T = frames[..., 0, :, :] = local[..., 0, :, :]
    for j in range(1, arm.dof):
        T = frames[..., j, :, :] = T @ local[..., j, :, :]
    return frames


def forward(arm: SerialArm, q: ArrayLike) -> Floats:
    """Pose of the tip in the base (..., 4, 4) at joint angles q (..., J) [rad]."""
    return np.asarray(joint_frames(arm, q)[..., -1, :, :] @ arm.T_last_tip)


def forward_and_jacobian(arm: SerialArm, q: ArrayLike) -> tuple[Floats, Floats]:
    """The tip's pose and the geometric Jacobian (..., 6, J) there, from one pass over the chain.

    Both in the base; the Jacobian is the tip's twist [m/s, rad/s] over joint rates.
    """
    frames = joint_frames(arm, q)
    T_base_tip = frames[..., -1, :, :] @ arm.T_last_tip
    axes = (frames[..., :3, :3] @ arm.axes[:, :, None])[..., 0]
    lever = T_base_tip[..., None, :3, 3] - frames[..., :3, 3]
    J = np.concatenate([np.cross(axes, lever), axes], axis=-1)
    return T_base_tip, np.swapaxes(J, -1, -2)


def pose_error(T_base_goal: ArrayLike, T_base_tip: ArrayLike) -> Floats:
    """Twist (..., 6) [m, rad] in the base that takes the tip to the goal, exact to first order."""
    goal, tip = np.asarray(T_base_goal, float), np.asarray(T_base_tip, float)
    R = goal[..., :3, :3] @ np.swapaxes(tip[..., :3, :3], -1, -2)
    axis = np.stack(
        [R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], -1
    )
    sine = np.linalg.norm(axis, axis=-1, keepdims=True) / 2
    cosine = (np.trace(R, axis1=-2, axis2=-1)[..., None] - 1) / 2
    angle = np.arctan2(sine, cosine)
    scale = np.where(sine > 1e-9, angle / np.maximum(2 * sine, 1e-12), 0.5)
    return np.concatenate([goal[..., :3, 3] - tip[..., :3, 3], scale * axis], axis=-1)
