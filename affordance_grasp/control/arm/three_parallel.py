"""Closed-form inverse kinematics of six-joint arms whose joints 2, 3 and 4 are parallel.

The class of the Aubo i series and of Universal Robots: axes 2, 3, 4 parallel (in either sense),
axis 5 square to them and to axis 6, axes 5 and 6 meeting in a point W. With h the common direction
and R1 the first rotation:

* W does not depend on joints 5 and 6, and joints 2 to 4 do not move it along h, so
  (R1 h) . (W - p1) is constant: two values of q1.
* The angle between h and the last axis is q5 up to its sign and an offset: two values of q5. It
  is taken from sine and cosine together, so it stays exact where the wrist is singular.
* R5' h and R06' R1 h differ by the rotation about axis 6: q6; what is left of the orientation is
  the sum of the three parallel joints. Where the wrist is singular, axis 6 runs along h and only
  that sum less or plus q6 is given. But the sum also turns the piece from axis 4 to W, so q6 may
  only be what leaves the two links before it within reach of each other.
* Across h, joints 2 and 3 are a planar two-link arm: two values of q3.

Eight branches in all, computed for many poses at once. Work is done in product-of-exponentials
form at q = 0, so the joint frames of the description do not matter.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.geometry import Floats, invert

PARALLEL_TOLERANCE = 1e-9
MEETING_TOLERANCE_M = 1e-7
FEASIBILITY = 1e-6
SINGULAR = 1e-7
"""Sine of the angle of axis 6 to h below which it counts as parallel: a tenth of what
:mod:`inverse` accepts."""
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class ThreeParallel:
    """Constants of one arm of the class, all in the base frame at q = 0.

    ``axes`` (6, 3) and ``p1`` a point of axis 1; ``W`` the meeting point of axes 5 and 6;
    ``sense`` (3,) is +1 or -1 where an axis runs along or against ``h``; ``x``, ``y`` span the
    plane across h; ``links`` are the vectors axis 2 -> 3 -> 4 -> W in that plane, as complex
    numbers, and ``root`` is axis 2.
    """

    axes: Floats
    p1: Floats
    W: Floats
    W_tip: Floats
    R_base_tip: Floats
    h: Floats
    sense: Floats
    x: Floats
    y: Floats
    root: complex
    links: tuple[complex, complex, complex]


@lru_cache(maxsize=16)
def analyse(arm: SerialArm) -> ThreeParallel | None:
    """The constants of an arm of this class; None when the arm is of another."""
    if arm.dof != 6:
        return None
    frames = joint_frames(arm, np.zeros(6))
    axes = (frames[:, :3, :3] @ arm.axes[:, :, None])[..., 0]
    points = frames[:, :3, 3]
    h = axes[1]
    W = _meeting_point(points[4], axes[4], points[5], axes[5])
    parallel = np.linalg.norm(np.cross(axes[1:4], h), axis=1).max() < PARALLEL_TOLERANCE
    square = max(abs(axes[4] @ h), abs(axes[4] @ axes[5])) < PARALLEL_TOLERANCE
    if not parallel or not square or W is None or abs(axes[0] @ h) > 1 - 1e-6:
        return None
    x = np.cross(axes[0], h)
    x /= np.linalg.norm(x)
    y = np.cross(h, x)
    plane = [complex(x @ p, y @ p) for p in (points[1], points[2], points[3], W)]
    links = (plane[1] - plane[0], plane[2] - plane[1], plane[3] - plane[2])
    if min(abs(links[0]), abs(links[1])) < 1e-6:
        return None
    T_base_tip = forward(arm, np.zeros(6))
    return ThreeParallel(
        axes=axes,
        p1=points[0],
        W=W,
        W_tip=(invert(T_base_tip) @ np.append(W, 1.0))[:3],
        R_base_tip=T_base_tip[:3, :3],
        h=h,
        sense=np.sign(axes[1:4] @ h),
        x=x,
        y=y,
        root=plane[0],
        links=links,
    )


def _meeting_point(p: Floats, a: Floats, r: Floats, b: Floats) -> Floats | None:
    normal = np.cross(a, b)
    if np.linalg.norm(normal) < 1e-6:
        return None
    along = np.linalg.solve(np.stack([a, -b, normal], axis=1), r - p)
    gap = abs(along[2]) * np.linalg.norm(normal)
    return p + along[0] * a if gap < MEETING_TOLERANCE_M else None


def solve(geometry: ThreeParallel, T_base_tip: Floats, free_q6: float = 0.0) -> Floats:
    """All branches (N, 8, 6) [rad] for poses (N, 4, 4); rows that do not exist are NaN.

    ``free_q6`` is the sixth angle where the wrist is singular, or else the nearest within reach.
    """
    g = geometry
    h1, _, _, _, h5, h6 = g.axes
    R06 = T_base_tip[:, :3, :3] @ g.R_base_tip.T
    v = T_base_tip[:, :3, :3] @ g.W_tip + T_base_tip[:, :3, 3] - g.p1

    across = g.h - h1 * (h1 @ g.h)
    constant = g.h @ (g.W - g.p1) - (h1 @ g.h) * (v @ h1)
    q1 = _two_angles(v @ across, v @ np.cross(h1, g.h), constant)
    q1 = q1[:, [0, 0, 0, 0, 1, 1, 1, 1]]
    h_turned = _rotate(h1, q1, np.broadcast_to(g.h, (*q1.shape, 3)))

    w = h_turned @ R06
    bend = np.arctan2(np.linalg.norm(_cross(w, h6), axis=-1), w @ h6)
    bend *= np.array([1.0, 1.0, -1.0, -1.0] * 2)
    q5 = np.arctan2(g.h @ np.cross(h5, h6), g.h @ h6) + bend

    q6, singular = _last_angle(g, q5, w, free_q6)
    turned = _rotate(h6, -q6, _rotate(h5, -q5, np.broadcast_to(g.x, (*q5.shape, 3))))
    turned = _rotate(h1, -q1, turned @ np.swapaxes(R06, 1, 2))
    total = np.arctan2(turned @ g.y, turned @ g.x)

    W = _rotate(h1, -q1, np.broadcast_to(v[:, None, :], (*q1.shape, 3))) + g.p1
    target = (W @ g.x) + 1j * (W @ g.y) - g.root
    turn = np.where(singular, _turn_within_reach(g, target, total), 0.0)
    total, q6 = total + turn, q6 - np.sign(w @ h6) * turn
    parallel = _planar(g, target - np.exp(1j * total) * g.links[2], total)
    q = np.stack([q1, *(g.sense[i] * parallel[i] for i in range(3)), q5, q6], axis=-1)
    return np.asarray((q + np.pi) % (2 * np.pi) - np.pi)


def _two_angles(a: Floats, b: Floats, c: Floats) -> Floats:
    """Both solutions (..., 2) of a cos(t) + b sin(t) = c; NaN where there is none."""
    size = np.maximum(np.hypot(a, b), 1e-12)
    middle, half = np.arctan2(b, a), _arccos(c / size)
    return np.stack([middle + half, middle - half], axis=-1)


def _arccos(cosine: Floats) -> Floats:
    """Arc cosine that forgives rounding beyond 1, where an arm is just stretched out."""
    feasible = np.abs(cosine) <= 1 + FEASIBILITY
    return np.where(feasible, np.arccos(np.clip(cosine, -1, 1)), np.nan)


def _cross(vectors: Floats, axis: Floats) -> Floats:
    """Cross product of vectors (..., 3) with one axis."""
    x, y, z = axis
    return vectors @ np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])


def _rotate(axis: Floats, angle: Floats, vectors: Floats) -> Floats:
    """Turn vectors (..., 3) about one unit axis by angles (...)."""
    s, c = np.sin(angle)[..., None], np.cos(angle)[..., None]
    along = (1 - c) * (vectors @ axis)[..., None]
    return np.asarray(c * vectors - s * _cross(vectors, axis) + along * axis)


def _last_angle(
    g: ThreeParallel, q5: Floats, w: Floats, free_q6: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """q6 (N, 8) from R5' h = R6 w, and where h runs along axis 6, which leaves it open."""
    h5, h6 = g.axes[4], g.axes[5]
    u = _rotate(h5, -q5, np.broadcast_to(g.h, w.shape))
    u, w = u - (u @ h6)[..., None] * h6, w - (w @ h6)[..., None] * h6
    sine, cosine = (_cross(u, h6) * w).sum(-1), (w * u).sum(-1)
    singular = np.hypot(sine, cosine) < SINGULAR**2
    return np.where(singular, free_q6, np.arctan2(sine, cosine)), singular


def _turn_within_reach(g: ThreeParallel, target: Complexes, total: Floats) -> Floats:
    """The least change of the sum of the parallel joints after which two links reach the third.

    ``target`` is W seen from axis 2. By the law of cosines, with the third link turned by an angle
    from its direction towards the target.
    """
    first, second, third = (abs(link) for link in g.links)
    away = np.angle(np.exp(1j * total) * g.links[2] * np.conj(target))
    size = np.maximum(2 * third * np.abs(target), 1e-12)
    closest, farthest = (
        np.arccos(np.clip((np.abs(target) ** 2 + third**2 - reach**2) / size, -1, 1))
        for reach in (abs(first - second), first + second)
    )
    wanted = np.clip(np.abs(away), closest, farthest)
    return np.asarray(np.where(away < 0, -1.0, 1.0) * (wanted - np.abs(away)))


def _planar(g: ThreeParallel, reach: Complexes, total: Floats) -> tuple[Floats, Floats, Floats]:
    """Angles about h of joints 2, 3, 4, elbow sides alternating along the branches."""
    first, second, _ = g.links
    between = np.conj(first) * second
    cosine = (np.abs(reach) ** 2 - abs(first) ** 2 - abs(second) ** 2) / (2 * abs(between))
    side = np.array([1.0, -1.0] * 4)
    elbow = side * _arccos(cosine) - np.angle(between)
    shoulder = np.angle(reach) - np.angle(first + np.exp(1j * elbow) * second)
    return shoulder, elbow, total - shoulder - elbow
