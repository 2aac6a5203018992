"""Inverse kinematics: one entry for every arm, the solver chosen from the arm's geometry."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affordance_grasp.control.arm import numeric_inverse, three_parallel
from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

EXACT = 1e-9
ACCEPTED = 1e-6
SAME_RAD = 1e-6


def classify(arm: SerialArm) -> str:
    """Name of the solver in :data:`SOLVERS` that fits the arm's geometry."""
    return "numeric" if three_parallel.analyse(arm) is None else "three_parallel"


def inverse(arm: SerialArm, T_base_tip: ArrayLike, seed_q: ArrayLike | None = None) -> Floats:
    """Joint vectors (K, J) [rad] that put the tip at a pose; (0, J) when there is none.

    Every solution is checked by forward kinematics to 1e-6 m and rad. Joint limits are not
    applied (see :func:`within_limits`), but each angle is the turn in [-pi, pi] or, where only
    that is, one within the limits. The closed form gives every branch, the numeric solver those it
    found. With ``seed_q`` (J,) each angle is moved by whole turns to where it is nearest the seed
    (within the limits), and the solution with the least largest joint motion comes first.
    """
    T = np.asarray(T_base_tip, float)
    if T.shape != (4, 4) or not np.isfinite(T).all():
        raise InvalidInput("inverse kinematics needs one finite 4x4 pose")
    seed = None if seed_q is None else np.asarray(seed_q, float)
    found = _distinct(SOLVERS[classify(arm)](arm, T, seed))
    if seed is None or not len(found):
        return found
    found = nearest_turn(arm, found, seed)
    return found[np.argsort(np.abs(found - seed).max(axis=1), kind="stable")]


def follow(arm: SerialArm, T_base_tip: Floats, q_start: Floats, max_jump_rad: float) -> Floats:
    """Joint vectors (N, J) along poses (N, 4, 4) a small step apart, staying on one branch.

    Each is the solution nearest the one before, ``q_start`` before the first. From where there is
    none within ``max_jump_rad`` the rows are NaN.
    """
    geometry = three_parallel.analyse(arm)
    q = np.full((len(T_base_tip), arm.dof), np.nan)
    branches = None
    if geometry is not None:
        branches = three_parallel.solve(geometry, T_base_tip, float(q_start[5]))
    previous = q_start
    for i, T in enumerate(T_base_tip):
        if branches is None:
            choices = numeric_inverse.polish(arm, T, previous[None])
        else:
            choices = nearest_turn(arm, branches[i], previous)
        jump = np.abs(choices - previous).max(axis=1)
        jump[np.isnan(jump)] = np.inf
        best = int(jump.argmin())
        if jump[best] > max_jump_rad:
            break
        previous = q[i] = choices[best]
    known = ~np.isnan(q[:, 0])
    if known.any():
        wrong = numeric_inverse.residual(arm, T_base_tip[known], q[known]) > ACCEPTED
        q[np.flatnonzero(known)[wrong]] = np.nan
    return q


def within_limits(arm: SerialArm, q: ArrayLike) -> NDArray[np.bool_]:
    """Whether joint vectors (..., J) lie within the arm's position limits."""
    angles = np.asarray(q, float)
    return np.asarray(((angles >= arm.lower) & (angles <= arm.upper)).all(axis=-1))


def nearest_turn(arm: SerialArm, q: Floats, seed_q: Floats) -> Floats:
    """Angles moved by whole turns nearest to the seed, if the limits allow, else left alone."""
    turned = q + 2 * np.pi * np.round((seed_q - q) / (2 * np.pi))
    allowed = (turned >= arm.lower) & (turned <= arm.upper)
    return np.where(allowed, turned, q)


def _closed_form(arm: SerialArm, T: Floats, seed: Floats | None) -> Floats:
    geometry = three_parallel.analyse(arm)
    if geometry is None:
        raise InvalidInput(f"the arm to {arm.tip} is not of the three-parallel class")
    branches = three_parallel.solve(geometry, T[None], 0.0 if seed is None else float(seed[5]))[0]
    branches = branches[~np.isnan(branches).any(axis=1)]
    if not len(branches):
        return branches
    error = numeric_inverse.residual(arm, T, branches)
    rough = error > EXACT
    if rough.any():  # next to a singularity a step may also lead away
        polished = numeric_inverse.polish(arm, T, branches[rough])
        left = numeric_inverse.residual(arm, T, polished)
        better = left < error[rough]
        branches[rough] = np.where(better[:, None], polished, branches[rough])
        error[rough] = np.minimum(left, error[rough])
    return numeric_inverse.into_limits(arm, branches[error < ACCEPTED])


def _distinct(found: Floats) -> Floats:
    """Drop repetitions of a solution (double roots, seeds that met)."""
    if len(found) < 2:
        return found
    gap = np.abs((found[:, None] - found[None] + np.pi) % (2 * np.pi) - np.pi).max(axis=-1)
    repeats = np.tril(gap < SAME_RAD, k=-1).any(axis=1)
    return found[~repeats]


Solver = Callable[[SerialArm, Floats, Floats | None], Floats]
SOLVERS: dict[str, Solver] = {"three_parallel": _closed_form, "numeric": numeric_inverse.solve}
