"""Grasps as an external program gave them, validated before use."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.geometry import Floats, pose

MAX_GRASPS = 20_000
MAX_DISTANCE_M = 10.0
MAX_SIZE_M = 1.0
ROTATION_TOLERANCE = 1e-2


class GeneratorFault(AffordanceGraspError):
    """An external grasp generator is absent, too slow, or its answer is not usable."""


@dataclass(frozen=True)
class ExternalGrasps:
    """N grasps in a generator's own convention, in the camera's optical frame.

    ``T_cam_external`` (N, 4, 4) [m]; ``width_m``, ``depth_m``, ``score`` (N,), NaN where the
    generator gives none. Rotations are made exactly orthonormal. ``generator`` names it in errors.
    """

    T_cam_external: Floats
    width_m: Floats
    depth_m: Floats
    score: Floats
    generator: str

    def __post_init__(self) -> None:
        """Refuse wrong shapes, NaN, invalid poses, absurd sizes, and too many."""
        T = _numbers(self.T_cam_external, self.generator, "poses")
        count = len(T) if T.ndim else -1
        if T.shape != (count, 4, 4):
            raise GeneratorFault(f"{self.generator}: poses are {T.shape}, expected (N, 4, 4)")
        if count > MAX_GRASPS:
            raise GeneratorFault(
                f"{self.generator}: {count} grasps; at most {MAX_GRASPS} are read"
            )
        object.__setattr__(self, "T_cam_external", self._checked_poses(T))
        for name in ("width_m", "depth_m", "score"):
            values = _numbers(getattr(self, name), self.generator, name)
            if values.shape != (count,):
                raise GeneratorFault(
                    f"{self.generator}: {name} is {values.shape} for {count} grasps"
                )
            if np.isinf(values).any():
                raise GeneratorFault(f"{self.generator}: {name} holds infinity")
            object.__setattr__(self, name, values)
        for name in ("width_m", "depth_m"):
            values = getattr(self, name)
            if (np.abs(values) > MAX_SIZE_M).any() or (name == "width_m" and (values < 0).any()):
                raise GeneratorFault(
                    f"{self.generator}: {name} has the value {_worst(values):g}; it is in metres"
                )

    def __len__(self) -> int:
        """Number of grasps."""
        return len(self.score)

    def _checked_poses(self, T: Floats) -> Floats:
        if not np.isfinite(T).all():
            raise GeneratorFault(f"{self.generator}: a grasp pose holds NaN or infinity")
        far = np.abs(T[:, :3, 3]).max(initial=0.0)
        if far > MAX_DISTANCE_M:
            raise GeneratorFault(
                f"{self.generator}: a grasp is {far:g} m away; positions are in metres, in the "
                "camera's optical frame"
            )
        R = T[:, :3, :3]
        off = np.abs(R @ np.swapaxes(R, 1, 2) - np.eye(3)).max(initial=0.0)
        if off > ROTATION_TOLERANCE or (np.linalg.det(R) < 0).any():
            raise GeneratorFault(
                f"{self.generator}: a grasp's rotation is not orthonormal and right-handed "
                f"(off by {off:.2g})"
            )
        clean = T.copy()
        clean[:, 3] = (0, 0, 0, 1)
        if len(R):
            clean[:, :3, :3] = Rotation.from_matrix(R).as_matrix()
        return clean


def external_grasps(
    T_cam_external: ArrayLike,
    generator: str,
    width_m: ArrayLike | None = None,
    depth_m: ArrayLike | None = None,
    score: ArrayLike | None = None,
) -> ExternalGrasps:
    """Grasps of which only the poses (N, 4, 4) are required; the list may be empty."""
    T = _numbers(T_cam_external, generator, "poses")
    T = T.reshape(-1, 4, 4) if T.size == 0 else T
    absent = np.full(len(T) if T.ndim else 0, np.nan)
    width, depth, scores = (
        absent if values is None else _numbers(values, generator, name)
        for name, values in (("width_m", width_m), ("depth_m", depth_m), ("score", score))
    )
    return ExternalGrasps(T, width, depth, scores, generator)


def poses_from_parts(rotations: Floats, translations_m: Floats) -> Floats:
    """Poses (N, 4, 4) from rotations (N, 3, 3) and translations (N, 3)."""
    parts = zip(rotations, translations_m, strict=True)
    return np.array([pose(R, t) for R, t in parts]).reshape(-1, 4, 4)


def _numbers(values: ArrayLike, generator: str, name: str) -> Floats:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError, OverflowError) as error:
        raise GeneratorFault(f"{generator}: {name} are not numbers in a regular array") from error


def _worst(values: Floats) -> float:
    return float(values[np.nanargmax(np.abs(values))])
