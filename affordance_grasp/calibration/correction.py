"""The error of a hand-eye calibration by least squares, with standard deviations.

The correction is a small motion of the camera in its own optical frame: ``T_tool0_cam`` becomes
``T_tool0_cam @ T_cam_corrected``. A weak prior bounds the directions that the views do not
constrain; these have large standard deviations.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from affordance_grasp.geometry import Floats, pose

PRIOR_ROTATION_RAD = np.radians(10.0)
PRIOR_TRANSLATION_M = 0.05
OPEN_MM, OPEN_DEG = 10.0, 1.0
SIGNIFICANT = 2.0


@dataclass(frozen=True)
class Correction:
    """Motion of the camera in its own frame, with standard deviations.

    ``rotation_rad``, ``translation_m`` (3,) in the optical frame; ``rotation_std_rad``,
    ``translation_std_m`` (3,).
    """

    rotation_rad: Floats
    translation_m: Floats
    rotation_std_rad: Floats
    translation_std_m: Floats

    @property
    def T_cam_corrected(self) -> Floats:
        """The correction as a pose (4, 4)."""
        return correction_pose(np.concatenate([self.rotation_rad, self.translation_m]))

    @property
    def angle_deg(self) -> float:
        """Size of the rotation [degree]."""
        return float(np.degrees(np.linalg.norm(self.rotation_rad)))

    @property
    def distance_mm(self) -> float:
        """Size of the translation [mm]."""
        return float(np.linalg.norm(self.translation_m) * 1e3)

    @property
    def determined(self) -> bool:
        """False when the views are too similar to constrain some direction."""
        std_deg, std_mm = np.degrees(self.rotation_std_rad), self.translation_std_m * 1e3
        return bool(std_deg.max() <= OPEN_DEG and std_mm.max() <= OPEN_MM)

    @property
    def angle_significant(self) -> bool:
        """True when the rotation exceeds its uncertainty."""
        return bool((np.abs(self.rotation_rad) > SIGNIFICANT * self.rotation_std_rad).any())

    @property
    def distance_significant(self) -> bool:
        """True when the translation exceeds its uncertainty."""
        return bool((np.abs(self.translation_m) > SIGNIFICANT * self.translation_std_m).any())


def correction_pose(x: Floats) -> Floats:
    """Pose (4, 4) of a correction (6,): rotation vector [rad], translation [m]."""
    return pose(Rotation.from_rotvec(x[:3]).as_matrix(), x[3:6])


def solve(residuals: Callable[[Floats], Floats], start: Floats) -> tuple[Correction, Floats]:
    """Least squares over a correction (6,) followed by further unknowns.

    Args:
        residuals: unknowns -> residuals, each divided by its standard deviation.
        start: first guess; its first six are usually 0.

    Returns:
        The correction and all unknowns. When the fit is worse than the standard deviations
        promise, the uncertainties grow accordingly.
    """
    prior = np.concatenate([np.full(3, PRIOR_ROTATION_RAD), np.full(3, PRIOR_TRANSLATION_M)])

    def with_prior(x: Floats) -> Floats:
        return np.concatenate([residuals(x), x[:6] / prior])

    found = least_squares(with_prior, start, x_scale="jac")
    spare = len(found.fun) - 6 - len(start)
    worse = max(1.0, 2 * found.cost / max(spare, 1))
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * worse
    std = np.minimum(np.sqrt(np.diag(covariance))[:6], prior)
    return Correction(found.x[:3], found.x[3:6], std[:3], std[3:]), found.x
