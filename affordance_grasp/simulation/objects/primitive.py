"""Household objects: solids and what is drawn of them, each with a part name and a material."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

Vector = tuple[float, ...]


class Shape(str, Enum):
    """The MuJoCo primitives that are used, by MuJoCo's own names."""

    BOX = "box"
    CAPSULE = "capsule"
    CYLINDER = "cylinder"
    ELLIPSOID = "ellipsoid"
    SPHERE = "sphere"


SIZES = {Shape.BOX: 3, Shape.CAPSULE: 2, Shape.CYLINDER: 2, Shape.ELLIPSOID: 3, Shape.SPHERE: 1}


@dataclass(frozen=True)
class Material:
    """Appearance and density of a surface.

    ``rgba``: 0..1. ``pattern``: name of a texture of :mod:`textures` or "" for a plain colour.
    ``density`` [kg/m3] only sets how the mass of an object is shared out between its parts.
    """

    rgba: Vector
    specular: float = 0.4
    shininess: float = 0.5
    pattern: str = ""
    density: float = 1000.0

    def __post_init__(self) -> None:
        """Refuse colours outside 0..1 and densities that are not positive."""
        if len(self.rgba) != 4 or not all(0 <= c <= 1 for c in self.rgba):
            raise InvalidInput(f"material colour {self.rgba} is not four numbers within 0..1")
        if self.density <= 0:
            raise InvalidInput(f"material density {self.density:g} kg/m3 must be > 0")


@dataclass(frozen=True)
class Primitive:
    """One solid. ``size`` holds MuJoCo's half sizes [m]; the pose is in the object frame.

    ``visible``: drawn. ``solid``: collides and has mass. Walls of a :class:`Shell` are
    solid but not drawn; decoration is drawn but not solid.
    """

    part: str
    shape: Shape
    size: Vector
    position_m: Vector
    quaternion_wxyz: Vector
    material: Material
    visible: bool = True
    solid: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit the shape."""
        if len(self.size) != SIZES[self.shape] or min(self.size) <= 0:
            raise InvalidInput(
                f"{self.shape.value} of part {self.part!r} has half sizes {self.size}; "
                f"expected {SIZES[self.shape]} numbers > 0"
            )

    @property
    def volume_m3(self) -> float:
        """Volume of the primitive."""
        s = self.size
        if self.shape is Shape.BOX:
            return 8 * s[0] * s[1] * s[2]
        if self.shape is Shape.ELLIPSOID:
            return 4 / 3 * pi * s[0] * s[1] * s[2]
        if self.shape is Shape.SPHERE:
            return 4 / 3 * pi * s[0] ** 3
        ends = 4 / 3 * pi * s[0] ** 3 if self.shape is Shape.CAPSULE else 0.0
        return 2 * pi * s[0] ** 2 * s[1] + ends

    @property
    def R_object_primitive(self) -> Floats:
        """Rotation matrix of the primitive in the object frame."""
        w, x, y, z = self.quaternion_wxyz
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )

    @property
    def half_extents_m(self) -> Floats:
        """Half sizes of the axis-aligned box around the primitive, in the object frame."""
        R, s = self.R_object_primitive, np.asarray(self.size)
        if self.shape is Shape.BOX:
            return np.asarray(np.abs(R) @ s)
        if self.shape is Shape.ELLIPSOID:
            return np.asarray(np.sqrt((R * s) ** 2 @ np.ones(3)))
        if self.shape is Shape.SPHERE:
            return np.full(3, s[0])
        axis = np.abs(R[:, 2])
        if self.shape is Shape.CAPSULE:
            return np.asarray(axis * s[1] + s[0])
        return np.asarray(axis * s[1] + s[0] * np.sqrt(np.clip(1 - axis**2, 0, 1)))


@dataclass(frozen=True)
class Shell:
    """A surface of revolution about the vertical line through ``position_m``.

    ``profile``: (radius, height) [m] of the outer surface from the lower to the upper edge.
    ``thickness_m``: of the wall, inwards. A ``full`` shell (a bottle) collides as a stack of
    cylinders, any other (a bowl) as a ring of thin boxes.
    """

    part: str
    profile: tuple[tuple[float, float], ...]
    thickness_m: float
    position_m: Vector
    material: Material
    full: bool = False

    def __post_init__(self) -> None:
        """Refuse profiles without length or walls without thickness."""
        if len(self.profile) < 2 or self.thickness_m <= 0:
            raise InvalidInput(f"shell of part {self.part!r} needs two points and a wall > 0")


@dataclass(frozen=True, eq=False)
class Hull:
    """A convex solid of a scan, not drawn: the hull of ``corners_m`` (N, 3), object frame."""

    part: str
    corners_m: Floats
    material: Material
    visible = False
    solid = True

    def __post_init__(self) -> None:
        """Refuse corners that enclose nothing."""
        if not np.isfinite(self.corners_m).all() or self.volume_m3 <= 0:
            raise InvalidInput(f"a convex piece of part {self.part!r} encloses no volume")

    @cached_property
    def volume_m3(self) -> float:
        """Volume of the hull; 0 where the corners lie in a plane."""
        try:
            return float(ConvexHull(self.corners_m).volume)
        except (QhullError, ValueError):
            return 0.0

    @property
    def position_m(self) -> Vector:
        """Centre of the axis-aligned box around the hull."""
        return tuple((self.corners_m.min(axis=0) + self.corners_m.max(axis=0)) / 2)

    @property
    def half_extents_m(self) -> Floats:
        """Half sizes of that box."""
        return np.asarray(np.ptp(self.corners_m, axis=0) / 2)


@dataclass(frozen=True, eq=False)
class Skin:
    """A surface of a scan with its texture, drawn only.

    ``vertices_m`` (N, 3) in the object frame, ``faces`` (M, 3) counter-clockwise from outside,
    ``uv`` (N, 2): where each vertex lies in ``texture`` (H, W, 3) uint8 rgb, from its left and
    lower edge in 0..1.
    """

    part: str
    vertices_m: Floats
    faces: NDArray[np.int32]
    uv: Floats
    texture: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Refuse faces without their vertices."""
        count = len(self.vertices_m)
        finite = np.isfinite(self.vertices_m).all() and np.isfinite(self.uv).all()
        if len(self.faces) == 0 or len(self.uv) != count or not finite:
            raise InvalidInput(
                f"the surface of part {self.part!r} has no faces or broken vertices"
            )
        if self.faces.min() < 0 or self.faces.max() >= count:
            raise InvalidInput(f"a face of part {self.part!r} has a vertex that is not there")


@dataclass(frozen=True)
class HouseholdObject:
    """One object at rest: origin on the table under it, z up.

    ``primitives`` are all solids and decorations, the walls of ``shells`` among them; ``shells``
    and ``skins`` are what is drawn of those that are hidden. ``family``: also the name of an
    imported object, as :func:`objects.make_object` takes it.
    """

    family: str
    seed: int
    primitives: tuple[Primitive | Hull, ...]
    shells: tuple[Shell, ...]
    mass_kg: float
    friction: float = 0.8
    skins: tuple[Skin, ...] = ()

    def __post_init__(self) -> None:
        """Refuse objects without mass or without solid primitives."""
        if self.mass_kg <= 0 or not any(p.solid for p in self.primitives):
            raise InvalidInput(f"{self.family} {self.seed} has no mass or nothing solid")

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of all parts, in order of first use."""
        return tuple(dict.fromkeys(p.part for p in self.primitives))

    def masses_kg(self) -> Floats:
        """Mass of every primitive (N,): 0 for decoration; they sum to ``mass_kg``."""
        weights = np.array(
            [p.volume_m3 * p.material.density if p.solid else 0.0 for p in self.primitives]
        )
        return np.asarray(self.mass_kg * weights / weights.sum())

    def bounds_m(self, parts: tuple[str, ...] | None = None) -> tuple[Floats, Floats]:
        """Lower and upper corner of the box around all, or around the named parts."""
        chosen = [p for p in self.primitives if parts is None or p.part in parts]
        centres = np.array([p.position_m for p in chosen])
        halves = np.array([p.half_extents_m for p in chosen])
        return (centres - halves).min(axis=0), (centres + halves).max(axis=0)
