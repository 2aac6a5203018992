"""A parallel two-finger gripper with the true closing geometry of its linkage.

Each finger is a four-bar: the knuckle hinge turns by q, the fingertip hinge turns back by q, so
the fingertip keeps its direction while its hinge moves on an arc of radius |arm|. Closing
therefore also moves the tips *forward*, by up to 13.7 mm on a 2F-85. With alpha the angle of the
arm above the closing direction at q = 0:

    width(q)   = max_width - 2 |arm| (cos(alpha) - cos(alpha + q))
    advance(q) = |arm| (sin(alpha + q) - sin(alpha))

The ``tcp`` at a width is midway between the ends of the fingertips: +z approach, +x closing
direction; no part of the gripper lies beyond its z = 0.
"""

from dataclasses import dataclass
from enum import Enum
from math import acos, atan2, cos, hypot, sin
from pathlib import Path

import numpy as np

from affordance_grasp.configuration.read import read_settings
from affordance_grasp.configuration.settings import Positive, Settings, Size, Word
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.share import share_path

DEFAULT_GRIPPER = "config/gripper_2f85.yaml"
WIDTH_SLACK_M = 1e-9
HOLD_MARGIN_COUNTS = 3.5
Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class GripperBox:
    """An axis-aligned box in the tcp frame: centre and half sizes [m], (3,) each."""

    name: str
    center_m: Vector3
    half_size_m: Vector3


@dataclass(frozen=True)
class GripperProfile(Settings, title="gripper"):
    """What a two-finger gripper looks like and how it closes; lengths in metres.

    Linkage numbers are in the gripper's own frame (mounting face, +z approach, +x towards the left
    finger, which closes along -x). ``config/gripper_2f85.yaml`` explains every field.
    """

    name: Word
    coupling_m: float
    mount_yaw_rad: float
    knuckle_joint: Word
    max_knuckle_rad: Positive
    max_width_m: Positive
    knuckle_x_m: Positive
    knuckle_z_m: Positive
    arm_x_m: Positive
    arm_z_m: Positive
    tip_length_m: Positive
    pad_length_m: Positive
    tip_thickness_m: Positive
    finger_breadth_m: Positive
    link_breadth_m: Positive
    link_thickness_m: Positive
    palm_size_m: Size
    open_clearance_m: Positive
    min_force_n: Positive
    max_force_n: Positive
    max_speed_mps: Positive
    encoder_step_m: Positive = 0.0004

    def check(self) -> None:
        """Refuse linkages that do not close."""
        if self._alpha + self.max_knuckle_rad >= np.pi or self.min_width_m < 0:
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
    def min_width_m(self) -> float:
        """Width with the knuckle at its upper limit (0.2 mm on a 2F-85)."""
        return self.width_from_joint(self.max_knuckle_rad)

    @property
    def hold_margin_m(self) -> float:
        """Widths that differ by less are not told apart by the encoder of the drive."""
        return HOLD_MARGIN_COUNTS * self.encoder_step_m

    @property
    def pad_offset_m(self) -> float:
        """From the fingertip hinge inwards to the gripping surface; constant while closing."""
        return self.knuckle_x_m + self.arm_x_m - self.max_width_m / 2

    @property
    def open_length_m(self) -> float:
        """From the flange (``tool0``) to the ends of the open fingertips."""
        return self.coupling_m + self.knuckle_z_m + self.arm_z_m + self.tip_length_m

    def width_from_joint(self, knuckle_rad: float) -> float:
        """Distance of the fingertips [m] at a knuckle angle (0 open .. ``max_knuckle_rad``)."""
        travel = self.arm_x_m - self.arm_length_m * cos(self._alpha + knuckle_rad)
        return self.max_width_m - 2 * travel

    def joint_from_width(self, width_m: float) -> float:
        """Knuckle angle [rad] at a fingertip distance; the exact inverse, refused out of range."""
        low, high = self.min_width_m, self.max_width_m
        if not low - WIDTH_SLACK_M <= width_m <= high + WIDTH_SLACK_M:
            raise InvalidInput(
                f"width {width_m * 1e3:.1f} mm is outside the stroke of {self.name}, "
                f"{low * 1e3:.1f}..{high * 1e3:.1f} mm"
            )
        reach = (width_m - high) / 2 + self.arm_x_m
        return min(max(acos(reach / self.arm_length_m) - self._alpha, 0.0), self.max_knuckle_rad)

    def clamp_width(self, width_m: float) -> float:
        """The nearest width [m] within the stroke."""
        return min(max(width_m, self.min_width_m), self.max_width_m)

    def open_width_m(self, width_m: float) -> float:
        """Opening [m] with which the hand descends on an object of ``width_m``."""
        return self.clamp_width(width_m + 2 * self.open_clearance_m)

    def tip_advance_m(self, width_m: float) -> float:
        """How far the tips are ahead of where they are when the gripper is fully open [m]."""
        angle = self._alpha + self.joint_from_width(width_m)
        return self.arm_length_m * sin(angle) - self.arm_z_m

    def T_tool0_tcp(self, width_m: float) -> Floats:
        """Pose of ``tcp`` in ``tool0`` when the fingertips are ``width_m`` apart."""
        c, s = cos(self.mount_yaw_rad), sin(self.mount_yaw_rad)
        rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        return pose(rotation, [0, 0, self.open_length_m + self.tip_advance_m(width_m)])

    def palm_gap_m(self, width_m: float) -> float:
        """Distance from the palm to the ends of the fingertips at a width [m]."""
        front = self.coupling_m + self.palm_size_m[2]
        return self.open_length_m + self.tip_advance_m(width_m) - front

    def boxes(self, width_m: float) -> tuple[GripperBox, ...]:
        """The gripper at an opening as boxes in the ``tcp`` frame of that opening.

        Both fingertips, the links above them, and the palm with its coupling.
        """
        half, gap = width_m / 2, self.palm_gap_m(width_m)
        boxes = []
        for side, name in ((1.0, "left"), (-1.0, "right")):
            tip_x = side * (half + self.tip_thickness_m / 2)
            tip_size = (self.tip_thickness_m, self.finger_breadth_m, self.pad_length_m)
            boxes.append(_box(f"{name}_tip", (tip_x, 0, -self.pad_length_m / 2), tip_size))
            length = max(gap - self.pad_length_m, 1e-3)
            link_x = side * (half + self.link_thickness_m / 2)
            link_size = (self.link_thickness_m, self.link_breadth_m, length)
            link_z = -self.pad_length_m - length / 2
            boxes.append(_box(f"{name}_link", (link_x, 0, link_z), link_size))
        depth = self.palm_size_m[2] + self.coupling_m
        palm_size = (self.palm_size_m[0], self.palm_size_m[1], depth)
        boxes.append(_box("palm", (0, 0, -gap - depth / 2), palm_size))
        return tuple(boxes)


def _box(name: str, center: Vector3, size: Vector3) -> GripperBox:
    return GripperBox(name, center, (size[0] / 2, size[1] / 2, size[2] / 2))


def load_gripper(path: Path | None = None) -> GripperProfile:
    """Read a gripper profile; the 2F-85 when no path is given."""
    path = share_path(DEFAULT_GRIPPER) if path is None else Path(path)
    return read_settings(GripperProfile, path)


class Hold(str, Enum):
    """The outcome of a grasp by the measured width."""

    HELD = "held"
    EMPTY = "empty"
    NOT_CLOSED = "not closed"


def hold_verdict(
    width_m: float, closed_width_m: float, open_width_m: float, margin_m: float
) -> Hold:
    """Judge from the measured width whether an object is held.

    Args:
        width_m: measured distance of the fingertips after closing and lifting.
        closed_width_m: width that the empty gripper reaches.
        open_width_m: width before closing; unchanged means that the fingers never moved.
        margin_m: see :attr:`GripperProfile.hold_margin_m`.
    """
    if width_m <= closed_width_m + margin_m:
        return Hold.EMPTY
    if width_m >= open_width_m - margin_m:
        return Hold.NOT_CLOSED
    return Hold.HELD
