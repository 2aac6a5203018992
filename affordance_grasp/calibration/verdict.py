"""The result of a calibration check, in numbers and as a verdict."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from affordance_grasp.control.camera_mounting import HandEye
from affordance_grasp.datatypes import TextEnum

if TYPE_CHECKING:
    from affordance_grasp.calibration.correction import Correction

GOOD_MM, GOOD_DEG = 3.0, 0.5
FAIR_MM, FAIR_DEG = 6.0, 1.0
PENDANT_OFFSET_M = 0.0235
"""Aubo-i5: the pendant's base lies this far above ``base_link`` of the URDF (0.122 - 0.0985)."""
PENDANT_TOLERANCE_M = 0.004


class Verdict(TextEnum):
    """How good a calibration is for grasping."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class CalibrationCheck:
    """The outcome of one check.

    ``spread_mm``, ``spread_deg``: how much the views disagree about where the target is, with
    the present calibration; ``spread_after_mm``, ``spread_after_deg``: with the correction.
    ``target_z_m``: mean height of the table or the board in the base frame. ``warnings``: one
    sentence each.
    """

    target: str
    views: int
    spread_mm: float
    spread_deg: float
    spread_after_mm: float
    spread_after_deg: float
    target_z_m: float
    correction: "Correction"
    warnings: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """By the size of the correction; undecided where it is within its uncertainty."""
        c = self.correction
        if not c.determined:
            return Verdict.UNDECIDED
        if c.distance_mm <= GOOD_MM and c.angle_deg <= GOOD_DEG:
            return Verdict.GOOD
        if c.distance_mm <= FAIR_MM and c.angle_deg <= FAIR_DEG:
            return Verdict.FAIR
        off = c.distance_mm > FAIR_MM and c.distance_significant
        turned = c.angle_deg > FAIR_DEG and c.angle_significant
        return Verdict.POOR if off or turned else Verdict.UNDECIDED

    def corrected(self, hand_eye: HandEye) -> HandEye:
        """The calibration with the correction applied."""
        T = hand_eye.T_tool0_cam @ self.correction.T_cam_corrected
        return replace(hand_eye, T_tool0_cam=T)

    def summary(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        c = self.correction
        return {
            "verdict": str(self.verdict),
            "target": self.target,
            "views": self.views,
            "spread_mm": round(self.spread_mm, 2),
            "spread_deg": round(self.spread_deg, 3),
            "spread_after_mm": round(self.spread_after_mm, 2),
            "spread_after_deg": round(self.spread_after_deg, 3),
            "target_z_m": round(self.target_z_m, 4),
            "correction": {
                "translation_mm": (c.translation_m * 1e3).round(2).tolist(),
                "translation_std_mm": (c.translation_std_m * 1e3).round(2).tolist(),
                "rotation_deg": np.degrees(c.rotation_rad).round(3).tolist(),
                "rotation_std_deg": np.degrees(c.rotation_std_rad).round(3).tolist(),
                "distance_mm": round(c.distance_mm, 2),
                "angle_deg": round(c.angle_deg, 3),
                "determined": c.determined,
            },
            "warnings": list(self.warnings),
        }


def height_warnings(target_z_m: float, expected_z_m: float, setting: str) -> tuple[str, ...]:
    """Warnings about a target that is not at the height of the settings."""
    off = target_z_m - expected_z_m
    if abs(abs(off) - PENDANT_OFFSET_M) <= PENDANT_TOLERANCE_M:
        return (
            f"the views put it {off * 1e3:+.1f} mm from {setting} = {expected_z_m:g}: that is the "
            f"{PENDANT_OFFSET_M * 1e3:g} mm between the base of Aubo's pendant and base_link of "
            "the robot description; heights read from the pendant need it added",
        )
    if abs(off) > FAIR_MM * 1e-3:
        return (
            f"the views put it {off * 1e3:+.1f} mm from {setting} = {expected_z_m:g}; measure "
            "the height again, or calibrate",
        )
    return ()
