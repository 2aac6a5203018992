"""A gripper whose fingers are parallel four-bars, such as the Robotiq 2F-85 and 2F-140.

The knuckle hinge turns by q, the fingertip hinge turns back by q, so the fingertip keeps its
direction while its hinge moves on an arc of radius |arm|. Closing therefore also moves the tips
*forward*, by up to 13.7 mm on a 2F-85. With alpha the angle of the arm above the closing
direction at q = 0:

    width(q)   = max_width - 2 |arm| (cos(alpha) - cos(alpha + q))
    advance(q) = |arm| (sin(alpha + q) - sin(alpha))
"""

from dataclasses import dataclass
from math import acos, atan2, cos, hypot, pi, sin

from affordance_grasp.configuration.settings import Positive, Word
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class FourBar(Gripper):
    """Its linkage: where the knuckle is, the arm from there to the fingertip's hinge at q = 0."""

    knuckle_joint: Word
    max_knuckle_rad: Positive
    knuckle_x_m: Positive
    knuckle_z_m: Positive
    arm_x_m: Positive
    arm_z_m: Positive
    tip_length_m: Positive

    def check(self) -> None:
        """Refuse linkages that do not close."""
        if self._alpha + self.max_knuckle_rad >= pi or self.min_width_m < 0:
            raise InvalidInput(
                f"gripper {self.name}: fingers would cross before max_knuckle_rad = "
                f"{self.max_knuckle_rad:g}; the width there must be >= 0"
            )

    @property
    def _alpha(self) -> float:
        return atan2(self.arm_z_m, self.arm_x_m)

    @property
    def arm_length_m(self) -> float:
        """Distance of the knuckle hinge and the fingertip hinge."""
        return hypot(self.arm_x_m, self.arm_z_m)

    @property
    def pad_offset_m(self) -> float:
        """From the fingertip hinge inwards to the gripping surface; constant while closing."""
        return self.knuckle_x_m + self.arm_x_m - self.max_width_m / 2

    @property
    def joint_name(self) -> str:
        """The left knuckle."""
        return self.knuckle_joint

    @property
    def closed_joint(self) -> float:
        """Knuckle angle [rad]; 0 is open."""
        return self.max_knuckle_rad

    @property
    def open_length_m(self) -> float:
        """From the flange (``tool0``) to the ends of the open fingertips."""
        return self.coupling_m + self.knuckle_z_m + self.arm_z_m + self.tip_length_m

    def width_from_joint(self, joint: float) -> float:
        """Distance of the fingertips [m] at a knuckle angle [rad], clamped to its range."""
        knuckle_rad = min(max(joint, 0.0), self.max_knuckle_rad)
        travel = self.arm_x_m - self.arm_length_m * cos(self._alpha + knuckle_rad)
        return self.max_width_m - 2 * travel

    def width_per_joint(self, width_m: float) -> float:
        """How fast the width changes with the knuckle angle [m/rad]."""
        return 2 * self.arm_length_m * sin(self._alpha + self.joint_from_width(width_m))

    def tip_advance_m(self, width_m: float) -> float:
        """How far the tips are ahead of where they are when the gripper is fully open [m]."""
        angle = self._alpha + self.joint_from_width(width_m)
        return self.arm_length_m * sin(angle) - self.arm_z_m

    def _joint(self, width_m: float) -> float:
        reach = (width_m - self.max_width_m) / 2 + self.arm_x_m
        return min(max(acos(reach / self.arm_length_m) - self._alpha, 0.0), self.max_knuckle_rad)
