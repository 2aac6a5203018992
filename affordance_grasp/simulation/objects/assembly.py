"""Assembly of an object from rods, bars, discs and shells."""

from collections.abc import Sequence
from dataclasses import replace
from math import pi

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.objects.primitive import (
    HouseholdObject,
    Material,
    Primitive,
    Shape,
    Shell,
    Vector,
)

SECTORS = 20
IDENTITY = (1.0, 0.0, 0.0, 0.0)


def frame_along(axis: ArrayLike, up: ArrayLike = (0, 0, 1)) -> Floats:
    """Rotation matrix with ``axis`` as z column and an x column as close to ``up`` as can be."""
    z = np.asarray(axis, float)
    z = z / np.linalg.norm(z)
    x = np.asarray(up, float) - np.dot(up, z) * z
    if np.linalg.norm(x) < 1e-6:
        x = np.cross(z, [0.0, 1.0, 0.0]) if abs(z[1]) < 0.9 else np.cross(z, [1.0, 0.0, 0.0])
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def quaternion_wxyz(R: ArrayLike) -> tuple[float, ...]:
    """Quaternion w, x, y, z (MuJoCo's order) of a rotation matrix."""
    x, y, z, w = Rotation.from_matrix(np.asarray(R, float)).as_quat(canonical=True)
    return (float(w), float(x), float(y), float(z))


def _floats(values: ArrayLike) -> tuple[float, ...]:
    return tuple(float(v) for v in np.asarray(values, float))


class Assembly:
    """Collects pieces in any frame; :meth:`finish` puts the result on the table."""

    def __init__(self) -> None:
        self.primitives: list[Primitive] = []
        self.shells: list[Shell] = []

    def add(
        self,
        part: str,
        shape: Shape,
        size: ArrayLike,
        centre: ArrayLike,
        material: Material,
        *,
        R: ArrayLike | None = None,
        solid: bool = True,
    ) -> None:
        """Add one primitive with half sizes ``size`` [m] at ``centre`` [m], turned by ``R``."""
        quaternion = IDENTITY if R is None else quaternion_wxyz(R)
        piece = Primitive(
            part, shape, _floats(size), _floats(centre), quaternion, material, solid=solid
        )
        self.primitives.append(piece)

    def rod(
        self, part: str, start: ArrayLike, end: ArrayLike, radius_m: float, material: Material
    ) -> None:
        """Add a capsule between two points."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        half = max(float(np.linalg.norm(b - a)) / 2, 1e-4)
        size, R = (radius_m, half), frame_along(b - a)
        self.add(part, Shape.CAPSULE, size, (a + b) / 2, material, R=R)

    def chain(self, part: str, points: ArrayLike, radius_m: ArrayLike, material: Material) -> None:
        """Add capsules along a polyline (N, 3); one radius for all or one per segment."""
        path = np.asarray(points, float)
        radii = np.broadcast_to(np.asarray(radius_m, float), (len(path) - 1,))
        for start, end, radius in zip(path[:-1], path[1:], radii, strict=True):
            self.rod(part, start, end, float(radius), material)

    def bar(
        self,
        part: str,
        start: ArrayLike,
        end: ArrayLike,
        section_m: tuple[float, float],
        material: Material,
        *,
        solid: bool = True,
    ) -> None:
        """Add a flat box of width x thickness between two points, flat side up where possible."""
        width_m, thickness_m = section_m
        a, b = np.asarray(start, float), np.asarray(end, float)
        size = (thickness_m / 2, width_m / 2, float(np.linalg.norm(b - a)) / 2)
        R = frame_along(b - a)
        self.add(part, Shape.BOX, size, (a + b) / 2, material, R=R, solid=solid)

    def slab(
        self,
        part: str,
        start: ArrayLike,
        end: ArrayLike,
        section_m: tuple[float, float],
        material: Material,
    ) -> None:
        """Add a bar of width x thickness with round edges: a box between two capsules."""
        width_m, thickness_m = section_m
        a, b = np.asarray(start, float), np.asarray(end, float)
        radius = thickness_m / 2
        side = frame_along(b - a)[:, 1] * max(width_m / 2 - radius, 1e-4)
        along = (b - a) / np.linalg.norm(b - a) * radius
        for sign in (-1, 1):
            self.rod(part, a + along + sign * side, b - along + sign * side, radius, material)
        flat = 2 * float(np.linalg.norm(side))
        self.bar(part, a + along, b - along, (flat, thickness_m), material)

    def disc(
        self,
        part: str,
        centre: ArrayLike,
        radius_m: float,
        height_m: float,
        material: Material,
        *,
        solid: bool = True,
    ) -> None:
        """Add an upright cylinder about ``centre``."""
        size = (radius_m, height_m / 2)
        self.add(part, Shape.CYLINDER, size, centre, material, solid=solid)

    def shell(
        self,
        part: str,
        profile: Sequence[tuple[float, float]],
        thickness_m: float,
        material: Material,
        *,
        centre: ArrayLike = (0, 0, 0),
        full: bool = False,
    ) -> None:
        """Add a surface of revolution: its visual mesh and its collision walls."""
        rounded = tuple((float(r), float(h)) for r, h in profile)
        shell = Shell(part, rounded, thickness_m, _floats(centre), material, full)
        self.shells.append(shell)
        self.primitives += _stack(shell) if full else _walls(shell)

    def finish(self, family: str, seed: int, mass_kg: float) -> HouseholdObject:
        """Centre the pieces over the origin, lowest point at z = 0, and assign masses."""
        raw = HouseholdObject(family, seed, tuple(self.primitives), tuple(self.shells), mass_kg)
        solids = replace(raw, primitives=tuple(p for p in raw.primitives if p.solid))
        low, high = solids.bounds_m()
        shift = np.array([*(low + high)[:2] / 2, low[2]])
        primitives = tuple(
            replace(p, position_m=_floats(p.position_m - shift)) for p in self.primitives
        )
        shells = tuple(replace(s, position_m=_floats(s.position_m - shift)) for s in raw.shells)
        return replace(raw, primitives=primitives, shells=shells)


def _walls(shell: Shell) -> list[Primitive]:
    """Thin boxes, :data:`SECTORS` around each segment of the profile."""
    walls, half_wall = [], shell.thickness_m / 2
    angles = 2 * pi * np.arange(SECTORS) / SECTORS
    for (r0, z0), (r1, z1) in zip(shell.profile[:-1], shell.profile[1:], strict=True):
        length = float(np.hypot(r1 - r0, z1 - z0))
        slope_r, slope_z = (r1 - r0) / length, (z1 - z0) / length
        width = max(r0, r1) * np.tan(pi / SECTORS)
        radius = (r0 + r1) / 2 - half_wall * slope_z
        height = (z0 + z1) / 2 + half_wall * slope_r
        size = (half_wall, float(width), length / 2)
        for angle in angles:
            c, s = float(np.cos(angle)), float(np.sin(angle))
            up = np.array([slope_r * c, slope_r * s, slope_z])
            across = np.array([slope_z * c, slope_z * s, -slope_r])
            R = np.stack([across, np.cross(up, across), up], axis=1)
            walls.append(_hidden(shell, Shape.BOX, size, (radius * c, radius * s, height), R))
    return walls


def _stack(shell: Shell) -> list[Primitive]:
    """One cylinder for each segment of the profile that has height."""
    stack = []
    for (r0, z0), (r1, z1) in zip(shell.profile[:-1], shell.profile[1:], strict=True):
        if abs(z1 - z0) < 1e-4:
            continue
        size = ((r0 + r1) / 2, abs(z1 - z0) / 2)
        stack.append(_hidden(shell, Shape.CYLINDER, size, (0, 0, (z0 + z1) / 2)))
    return stack


def _hidden(
    shell: Shell, shape: Shape, size: Vector, offset: ArrayLike, R: ArrayLike | None = None
) -> Primitive:
    """A solid that is not drawn, at an offset from the shell's own origin."""
    centre = _floats(np.asarray(shell.position_m) + offset)
    quaternion = IDENTITY if R is None else quaternion_wxyz(R)
    return Primitive(shell.part, shape, size, centre, quaternion, shell.material, visible=False)


def lathe(shell: Shell, sectors: int = 48) -> tuple[Floats, Floats]:
    """Closed triangle mesh of a shell about its own axis: vertices (N, 3), faces (M, 3)."""
    outer = np.asarray(shell.profile, float)
    tangent = np.gradient(outer, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    inward = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    inner = outer + inward * shell.thickness_m
    inner[:, 0] = np.maximum(inner[:, 0], 2e-4)
    ring = np.concatenate([outer, inner[::-1]])
    angles = 2 * pi * np.arange(sectors) / sectors
    x = ring[None, :, 0] * np.cos(angles)[:, None]
    y = ring[None, :, 0] * np.sin(angles)[:, None]
    z = np.broadcast_to(ring[None, :, 1], x.shape)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    n = len(ring)
    i, j = np.meshgrid(np.arange(sectors), np.arange(n), indexing="ij")
    a, b = i * n + j, i * n + (j + 1) % n
    c, d = ((i + 1) % sectors) * n + j, ((i + 1) % sectors) * n + (j + 1) % n
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)
    return vertices, faces
