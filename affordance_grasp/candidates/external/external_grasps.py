"""Grasps as an external program gave them, validated before use.

A single grasp that is not usable is left out and counted; an answer of which none is usable, or
whose arrays do not fit together, is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from affordance_grasp.errors import ExternalFault
from affordance_grasp.geometry import Floats, pose

MAX_GRASPS = 20_000
MAX_DISTANCE_M = 10.0
MAX_SIZE_M = 1.0
ROTATION_TOLERANCE = 1e-2


@dataclass(frozen=True)
class ExternalGrasps:
    """N usable grasps in a generator's own convention, in the camera's optical frame.

    ``T_cam_external`` (N, 4, 4) [m]; ``width_m`` (what it means says the convention), ``depth_m``,
    ``score``, ``opening_m`` of the fingertips while the hand comes down (N,), NaN where the
    generator gives none. Rotations are exactly orthonormal. ``generator`` names it in errors.
    ``left_out``: what was wrong with grasps that were not usable -> how many.
    """

    T_cam_external: Floats
    width_m: Floats
    depth_m: Floats
    score: Floats
    opening_m: Floats
    generator: str
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of grasps."""
        return len(self.score)

    @property
    def proposed(self) -> int:
        """How many grasps the generator gave, usable or not."""
        return len(self) + sum(self.left_out.values())


def external_grasps(
    T_cam_external: ArrayLike,
    generator: str,
    width_m: ArrayLike | None = None,
    depth_m: ArrayLike | None = None,
    score: ArrayLike | None = None,
    *,
    opening_m: ArrayLike | None = None,
) -> ExternalGrasps:
    """The usable ones of N grasps of which only the poses (N, 4, 4) are required; N may be 0.

    Raises:
        ExternalFault: arrays of other shapes, too many grasps, or none of them is usable.
    """
    T = _numbers(T_cam_external, generator, "poses")
    T = T.reshape(-1, 4, 4) if T.size == 0 else T
    count = len(T) if T.ndim else -1
    if T.shape != (count, 4, 4):
        raise ExternalFault(f"{generator}: poses are {T.shape}, expected (N, 4, 4)")
    if count > MAX_GRASPS:
        raise ExternalFault(f"{generator}: {count} grasps; at most {MAX_GRASPS} are read")
    given = {"width_m": width_m, "depth_m": depth_m, "score": score, "opening_m": opening_m}
    columns = {name: _column(values, count, generator, name) for name, values in given.items()}
    faults = {**_pose_faults(T), **_number_faults(**columns)}
    usable = ~np.stack(list(faults.values())).any(axis=0)
    left_out = {what: int(wrong.sum()) for what, wrong in first_of(faults).items() if wrong.any()}
    if count and not usable.any():
        counted = ", ".join(f"{number} {what}" for what, number in left_out.items())
        raise ExternalFault(
            f"{generator}: none of {count} grasps is usable: {counted}; poses and sizes are in "
            "metres, in the camera's optical frame"
        )
    kept = {name: values[usable] for name, values in columns.items()}
    return ExternalGrasps(_clean(T[usable]), generator=generator, left_out=left_out, **kept)


def _column(values: ArrayLike | None, count: int, generator: str, name: str) -> Floats:
    column = np.full(count, np.nan) if values is None else _numbers(values, generator, name)
    if column.shape != (count,):
        raise ExternalFault(f"{generator}: {name} is {column.shape} for {count} grasps")
    return column


def _pose_faults(T: Floats) -> dict[str, NDArray[np.bool_]]:
    """Fault -> which poses (N, 4, 4) have it."""
    finite = np.asarray(np.isfinite(T).all(axis=(1, 2)))
    safe = np.where(finite[:, None, None], T, np.eye(4))
    R = np.clip(safe[:, :3, :3], -2.0, 2.0)  # beyond this a product may overflow
    off = np.abs(R @ np.swapaxes(R, 1, 2) - np.eye(3)).max(axis=(1, 2), initial=0.0)
    skewed = off > ROTATION_TOLERANCE
    far = np.abs(safe[:, :3, 3]).max(axis=1, initial=0.0) > MAX_DISTANCE_M
    return {
        "with a pose that holds NaN or infinity": ~finite,
        f"more than {MAX_DISTANCE_M:g} m away": far,
        "with a rotation that is not orthonormal": skewed,
        "with a left-handed rotation": ~skewed & (np.linalg.det(R) < 0),
    }


def _number_faults(
    width_m: Floats, depth_m: Floats, score: Floats, opening_m: Floats
) -> dict[str, NDArray[np.bool_]]:
    """As of poses; NaN stands for values that a generator does not give."""
    return {
        f"with a width that is not within 0..{MAX_SIZE_M:g} m": (width_m < 0)
        | (width_m > MAX_SIZE_M),
        f"with a depth that is not within {MAX_SIZE_M:g} m": np.abs(depth_m) > MAX_SIZE_M,
        f"with an opening that is not within 0..{MAX_SIZE_M:g} m": (opening_m < 0)
        | (opening_m > MAX_SIZE_M),
        "with an infinite score": np.isinf(score),
    }


def first_of(faults: Mapping[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    """Each grasp under the first of its faults only, so that the counts add up."""
    first: dict[str, NDArray[np.bool_]] = {}
    for what, wrong in faults.items():
        first[what] = wrong & ~np.any([*first.values(), np.zeros_like(wrong)], axis=0)
    return first


def _clean(T: Floats) -> Floats:
    """Single precision's rotations made exact, and the last row as it must be."""
    clean = T.copy()
    clean[:, 3] = (0, 0, 0, 1)
    if len(T):
        clean[:, :3, :3] = Rotation.from_matrix(T[:, :3, :3]).as_matrix()
    return clean


def poses_from_parts(rotations: Floats, translations_m: Floats) -> Floats:
    """Poses (N, 4, 4) from rotations (N, 3, 3) and translations (N, 3)."""
    parts = zip(rotations, translations_m, strict=True)
    return np.array([pose(R, t) for R, t in parts]).reshape(-1, 4, 4)


def _numbers(values: ArrayLike, generator: str, name: str) -> Floats:
    try:
        given = np.asarray(values)
        if given.size and given.dtype.kind not in "fiuO":
            raise TypeError(given.dtype)
        return given.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ExternalFault(f"{generator}: {name} are not numbers in a regular array") from error
