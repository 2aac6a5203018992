"""What a parallel two-finger gripper is to the rest of the package, whatever moves its fingers.

The ``tcp`` at a width is midway between the ends of the fingertips: +z approach, +x closing
direction; no part of the gripper lies beyond its z = 0. How the joint, the width and the reach of
the fingertips hang together is each kind's own: :mod:`affordance_grasp.control.four_bar`,
:mod:`affordance_grasp.control.prismatic`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from math import cos, sin

import numpy as np

from affordance_grasp.configuration.settings import Positive, Settings, Size, Word
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose

WIDTH_SLACK_M = 1e-9
HOLD_MARGIN_COUNTS = 3.5
Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class GripperBox:
    """An axis-aligned box in the tcp frame: centre and half sizes [m], (3,) each."""

    name: str
    center_m: Vector3
    half_size_m: Vector3


@dataclass(frozen=True, kw_only=True)
class Gripper(Settings, ABC, title="gripper"):
    """What every two-finger gripper has; lengths in metres.

    Numbers are in the gripper's own frame: mounting face, +z approach, +x towards the left
    finger, which closes along -x. The files in ``config/`` explain every field. A *joint* position
    is that of the one joint of ``joint_states`` that tells how far the fingers are: an angle
    [rad] or a length [m].
    """

    name: Word
    coupling_m: float
    mount_yaw_rad: float
    max_width_m: Positive
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

    @property
    @abstractmethod
    def joint_name(self) -> str:
        """The joint of ``joint_states`` that tells how far the fingers are."""

    @property
    @abstractmethod
    def closed_joint(self) -> float:
        """Its position [rad or m] where the empty fingers meet."""

    @property
    @abstractmethod
    def open_length_m(self) -> float:
        """From the flange (``tool0``) to the ends of the open fingertips."""

    @abstractmethod
    def width_from_joint(self, joint: float) -> float:
        """Distance of the fingertips [m] at a joint position, which is clamped to its range."""

    @abstractmethod
    def width_per_joint(self, width_m: float) -> float:
        """By how much [m] the width changes per unit of the joint, at a width; never negative."""

    @abstractmethod
    def tip_advance_m(self, width_m: float) -> float:
        """How far the tips are ahead of where they are when the gripper is fully open [m]."""

    @abstractmethod
    def _joint(self, width_m: float) -> float:
        """The inverse of :meth:`width_from_joint` within the stroke."""

    @property
    def min_width_m(self) -> float:
        """Width of the closed, empty fingers (0.2 mm on a 2F-85)."""
        return self.width_from_joint(self.closed_joint)

    @property
    def hold_margin_m(self) -> float:
        """Widths that differ by less are not told apart by the encoder of the drive."""
        return HOLD_MARGIN_COUNTS * self.encoder_step_m

    def joint_from_width(self, width_m: float) -> float:
        """Joint position [rad or m] at a fingertip distance [m]; refused outside the stroke."""
        low, high = self.min_width_m, self.max_width_m
        if not low - WIDTH_SLACK_M <= width_m <= high + WIDTH_SLACK_M:
            raise InvalidInput(
                f"width {width_m * 1e3:.1f} mm is outside the stroke of {self.name}, "
                f"{low * 1e3:.1f}..{high * 1e3:.1f} mm"
            )
        return self._joint(width_m)

    def clamp_width(self, width_m: float) -> float:
        """The nearest width [m] within the stroke."""
        return min(max(width_m, self.min_width_m), self.max_width_m)

    def open_width_m(self, width_m: float) -> float:
        """Opening [m] with which the hand descends on an object of ``width_m``."""
        return self.clamp_width(width_m + 2 * self.open_clearance_m)

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
        margin_m: see :attr:`Gripper.hold_margin_m`.
    """
    if width_m <= closed_width_m + margin_m:
        return Hold.EMPTY
    if width_m >= open_width_m - margin_m:
        return Hold.NOT_CLOSED
    return Hold.HELD
