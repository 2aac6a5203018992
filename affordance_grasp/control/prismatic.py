"""A gripper whose two fingers slide, such as the Franka Hand and the Robotiq Hand-E.

Both move alike, so the joint of one tells the width: its position is how far that finger has
opened from where the empty fingers meet. The fingertips reach equally far at every width.
"""

from dataclasses import dataclass

from affordance_grasp.configuration.settings import Positive, Word
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.errors import InvalidInput

FINGERS = 2


@dataclass(frozen=True, kw_only=True)
class Prismatic(Gripper):
    """``length_m``: from the mounting face to the ends of the fingertips, without the coupling."""

    finger_joint: Word
    length_m: Positive

    def check(self) -> None:
        """Refuse fingers that do not stand out of the palm as far as their pads are long."""
        if self.length_m < self.palm_size_m[2] + self.pad_length_m:
            raise InvalidInput(
                f"gripper {self.name}: length_m {self.length_m:g} is from the mounting face to "
                f"the fingertips; palm and pads alone are {self.palm_size_m[2]:g} + "
                f"{self.pad_length_m:g} m long"
            )

    @property
    def joint_name(self) -> str:
        """One of the two sliding joints."""
        return self.finger_joint

    @property
    def closed_joint(self) -> float:
        """Finger position [m]; half the width is open."""
        return 0.0

    @property
    def open_length_m(self) -> float:
        """From the flange (``tool0``) to the ends of the fingertips."""
        return self.coupling_m + self.length_m

    def width_from_joint(self, joint: float) -> float:
        """Distance of the fingertips [m] at a finger position [m], clamped to its range."""
        return min(max(FINGERS * joint, 0.0), self.max_width_m)

    def width_per_joint(self, width_m: float) -> float:
        """Both fingers move."""
        return float(FINGERS)

    def tip_advance_m(self, width_m: float) -> float:
        """Fingers that slide come no further forward; refused outside the stroke."""
        self.joint_from_width(width_m)
        return 0.0

    def _joint(self, width_m: float) -> float:
        return min(max(width_m, 0.0), self.max_width_m) / FINGERS
