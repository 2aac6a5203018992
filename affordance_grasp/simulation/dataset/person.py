"""A hand and forearm that hold an object, or reach for it, at the part that an affordance needs.

The hand is articulated: four fingers of three phalanges and a thumb, bent around the part or
pinching an edge, a palm, a wrist, a forearm and a sleeve. A holding hand hides much of the part; a
reaching one leaves it visible.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.dataset.functional_parts import PartNames
from affordance_grasp.simulation.objects.assembly import Assembly, frame_along
from affordance_grasp.simulation.objects.primitive import (
    HouseholdObject,
    Hull,
    Material,
    Primitive,
    Shape,
    Shell,
)

HAND, ARM = "hand", "arm"
SKINS = (
    (0.95, 0.78, 0.67),
    (0.87, 0.66, 0.52),
    (0.76, 0.54, 0.40),
    (0.56, 0.37, 0.26),
    (0.38, 0.25, 0.18),
)
PHALANGES_M = (0.042, 0.027, 0.021)
FINGER_RADIUS_M, SPACING_M = 0.0088, 0.0195
WIDEST_WRAP_M = 0.042
REACHING = 0.6
"""Share of the images in which the hand reaches for the part."""
GAP_M = (0.02, 0.06)
OPEN_HAND_M = 0.012
"""Additional radius of the grip of a reaching hand."""


TILTS_RAD = {
    "pour": (0.7, 1.7),
    "drink_with": (0.3, 1.0),
    "sip": (0.2, 0.8),
    "hit": (0.3, 1.5),
    "swing": (0.3, 1.5),
    "hold": (0.0, 0.9),
    "wash": (0.2, 1.4),
    "stir": (0.0, 0.4),
    "open": (0.0, 0.3),
    "twist": (0.0, 0.3),
    "turn_on": (0.0, 0.3),
    "squeeze": (0.3, 1.5),
    "wipe": (1.2, 2.4),
}
"""How far an object is tilted in use, at least and at most; 0 to 0.7 where not listed."""


@dataclass(frozen=True)
class Grip:
    """A human grip: around ``axis`` through ``centre_m``, palm on the ``outward`` side."""

    centre_m: Floats
    axis: Floats
    outward: Floats
    radius_m: float

    @property
    def tangent(self) -> Floats:
        """Direction in which the fingers set out from the palm."""
        return np.cross(self.axis, self.outward)


def find_grip(obj: HouseholdObject, parts: PartNames, rng: Generator) -> Grip:
    """Choose a grip on some parts of an object."""
    shells = [s for s in obj.shells if s.part in parts and s.thickness_m > 0.001]
    if shells:
        return _shell_grip(shells[rng.integers(len(shells))], rng)
    pieces = [p for p in obj.primitives if p.part in parts and p.solid]
    volumes = np.array([p.volume_m3 for p in pieces])
    piece = pieces[rng.choice(len(pieces), p=volumes / volumes.sum())]
    axis, radius, half_length = _long_axis(piece)
    slide = rng.uniform(-0.25, 0.25) * half_length
    centre = np.asarray(piece.position_m) + slide * axis
    low, high = obj.bounds_m()
    outward = centre - (low + high) / 2
    outward = outward - outward @ axis * axis
    if np.linalg.norm(outward) < 0.02:
        angle = rng.uniform(0, 2 * np.pi)
        frame = frame_along(axis)
        outward = frame[:, 0] * np.cos(angle) + frame[:, 1] * np.sin(angle)
    sign = 1.0 if rng.uniform() < 0.5 else -1.0
    return Grip(centre, sign * axis, outward / np.linalg.norm(outward), radius)


def reach_for(grip: Grip, rng: Generator) -> Grip:
    """The grip of a hand that is still approaching: outside of the part and opened."""
    centre = grip.centre_m + rng.uniform(*GAP_M) * grip.outward
    return replace(grip, centre_m=centre, radius_m=grip.radius_m + OPEN_HAND_M)


def _long_axis(piece: Primitive | Hull) -> tuple[Floats, float, float]:
    """Axis, mean radius and half length of a solid."""
    if isinstance(piece, Hull):
        _, axes = np.linalg.eigh(np.cov(piece.corners_m.T))
        half = np.ptp(piece.corners_m @ axes, axis=0) / 2
        return axes[:, 2], float(half[:2].mean()), float(half[2])
    size = piece.size
    if piece.shape in (Shape.BOX, Shape.ELLIPSOID):
        order = np.argsort(size)
        axis = piece.R_object_primitive[:, order[2]]
        return axis, float(size[order[0]] + size[order[1]]) / 2, size[order[2]]
    half = size[1] if len(size) > 1 else size[0]
    return piece.R_object_primitive[:, 2], size[0], half


def _shell_grip(shell: Shell, rng: Generator) -> Grip:
    """Around the whole shell where it is slim enough, else around its upper edge."""
    angle = rng.uniform(0, 2 * np.pi)
    radial = np.array([np.cos(angle), np.sin(angle), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    profile = np.asarray(shell.profile)
    widest, height = float(profile[:, 0].max()), float(profile[:, 1].mean())
    at = np.asarray(shell.position_m)
    if widest < WIDEST_WRAP_M and rng.uniform() < 0.8:
        sign = 1.0 if rng.uniform() < 0.5 else -1.0
        return Grip(at + [0, 0, height], sign * up, radial, widest)
    edge = at + radial * profile[-1, 0] + [0, 0, profile[-1, 1] - 0.008]
    lean = rng.uniform(0.2, 1.0)
    outward = radial * np.cos(lean) + up * np.sin(lean)
    return Grip(edge, np.cross(up, radial), outward, shell.thickness_m + 0.003)


def make_hand(grip: Grip, rng: Generator) -> tuple[Primitive, ...]:
    """Primitives of a hand, forearm and sleeve that hold a grip, in the grip's frame."""
    tone = np.asarray(SKINS[rng.integers(len(SKINS))]) * rng.uniform(0.92, 1.05)
    skin = Material((*(float(min(c, 1.0)) for c in tone), 1.0), 0.15, 0.2)
    return _Hand(grip, rng.uniform(0.92, 1.10), skin, rng).assemble()


class _Hand:
    """Builds the hand; lengths are those of an average adult's."""

    def __init__(self, grip: Grip, scale: float, skin: Material, rng: Generator) -> None:
        self.grip, self.scale, self.skin, self.rng = grip, scale, skin, rng
        self.out = Assembly()
        reach = 0.075 * scale * grip.tangent
        self.wrist = grip.centre_m + self._polar(0.0, grip.radius_m + 0.026) - reach

    def assemble(self) -> tuple[Primitive, ...]:
        spacing = SPACING_M * self.scale
        lengths = self.scale * np.array([0.95, 1.0, 0.96, 0.80])
        knuckles = [self._finger((i - 1.5) * spacing, length) for i, length in enumerate(lengths)]
        self._palm(np.array(knuckles))
        self._thumb()
        self._forearm()
        return tuple(self.out.primitives)

    def _polar(self, angle_rad: float, radius_m: float) -> Floats:
        """Offset from the axis at an angle from the palm's side towards the fingers."""
        grip = self.grip
        direction = np.cos(angle_rad) * grip.outward + np.sin(angle_rad) * grip.tangent
        return np.asarray(radius_m * direction)

    def _finger(self, along_m: float, scale: float) -> Floats:
        """Three phalanges along the circle around the axis; returns the knuckle."""
        ring = self.grip.radius_m + FINGER_RADIUS_M * scale * 0.95
        base = self.grip.centre_m + along_m * self.grip.axis
        angle = self.rng.uniform(0.45, 0.65)
        points = [base + self._polar(angle, ring + 0.008)]
        for phalanx in PHALANGES_M:
            angle += min(2 * np.arcsin(min(phalanx * scale / (2 * ring), 1.0)), 1.15)
            points.append(base + self._polar(angle, ring))
        radii = FINGER_RADIUS_M * scale * np.array([1.05, 0.98, 0.9])
        self.out.chain(HAND, np.array(points), radii, self.skin)
        return points[0]

    def _palm(self, knuckles: Floats) -> None:
        for i, knuckle in enumerate(knuckles):
            root = self.wrist + (i - 1.5) * 0.010 * self.scale * self.grip.axis
            self.out.rod(HAND, root, knuckle, 0.0115 * self.scale, self.skin)
        forward = knuckles.mean(axis=0) - self.wrist
        R = frame_along(forward, self.grip.outward)
        half = float(np.linalg.norm(forward)) * 0.56
        flat = (0.014 * self.scale, 0.036 * self.scale, half)
        heel = np.array([0.019, 0.026, 0.030]) * self.scale
        self.out.add(HAND, Shape.ELLIPSOID, flat, self.wrist + forward / 2, self.skin, R=R)
        self.out.add(HAND, Shape.ELLIPSOID, heel, self.wrist, self.skin, R=R)

    def _thumb(self) -> None:
        grip, spread = self.grip, self.rng.uniform(-0.1, 0.25)
        side = -0.030 * self.scale * grip.axis
        ring = grip.radius_m + 0.011 * self.scale
        base = grip.centre_m + side
        points = [
            self.wrist + side * 0.5 + 0.012 * grip.tangent,
            base + self._polar(-0.75 - spread, ring + 0.012) + side * 0.35,
            base + self._polar(-1.45 - spread, ring) + side * 0.2,
            base + self._polar(-2.25 - spread, ring),
        ]
        radii = np.array([0.0145, 0.0112, 0.0098]) * self.scale
        self.out.chain(HAND, np.array(points), radii, self.skin)

    def _forearm(self) -> None:
        grip, rng = self.grip, self.rng
        lean, swing = rng.uniform(0.05, 0.55), rng.uniform(-0.35, 0.35)
        away = -grip.tangent + lean * grip.outward + swing * grip.axis
        away /= np.linalg.norm(away)
        points = self.wrist + np.outer([0.0, 0.05, 0.12, 0.32], away)
        radii = np.array([0.023, 0.027, 0.034]) * self.scale
        self.out.chain(ARM, points, radii, self.skin)
        start, end = rng.uniform(0.02, 0.16), 0.36
        cloth = Material((*(float(c) for c in rng.uniform(0.05, 0.9, 3)), 1.0), 0.05, 0.1)
        middle = self.wrist + (start + end) / 2 * away
        size = (0.042 * self.scale, (end - start) / 2)
        self.out.add(ARM, Shape.CYLINDER, size, middle, cloth, R=frame_along(away))


def usage_rotation(affordance: str, rng: Generator) -> Floats:
    """How the object is turned in use: any yaw, then a tilt that suits the affordance."""
    low, high = TILTS_RAD.get(affordance, (0.0, 0.7))
    tilt, about = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
    axis = np.array([np.cos(about), np.sin(about), 0.0]) * tilt
    yaw = np.array([0.0, 0.0, rng.uniform(0, 2 * np.pi)])
    return np.asarray(_rotation(axis) @ _rotation(yaw))


def _rotation(rotvec: Floats) -> Floats:
    return np.asarray(Rotation.from_rotvec(rotvec).as_matrix())
