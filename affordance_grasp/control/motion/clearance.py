"""Distance of the moving parts to the table and to each other, for many configurations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.control.arm.urdf import LinkShape
from affordance_grasp.geometry import Floats

STANDING_FRAMES = (-1, 0)
APART = 3
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Body:
    """The shapes of an arm and what it carries, as arrays over S shapes.

    ``clearance_m`` (S,): least height above the table that each shape must keep.
    """

    shapes: tuple[LinkShape, ...]
    clearance_m: Floats

    def plus(self, shapes: Sequence[LinkShape], clearance_m: Sequence[float]) -> "Body":
        """The same body with more shapes."""
        return Body((*self.shapes, *shapes), np.append(self.clearance_m, clearance_m))

    @cached_property
    def frames(self) -> NDArray[np.int_]:
        """Joint index (S,) that moves each shape, -1 for the base."""
        return np.array([shape.frame for shape in self.shapes])

    @cached_property
    def T_link_shape(self) -> Floats:
        """Pose (S, 4, 4) of each shape in its link."""
        return np.array([shape.T_link_shape for shape in self.shapes])

    @cached_property
    def half_size(self) -> Floats:
        """Half sizes (S, 3) [m]."""
        return np.array([shape.half_size for shape in self.shapes])

    @cached_property
    def moving(self) -> NDArray[np.bool_]:
        """Which shapes (S,) are checked against the table; the base stands on it."""
        return ~np.isin(self.frames, STANDING_FRAMES)

    @cached_property
    def capsules(self) -> tuple[Floats, Floats]:
        """Half axis vectors (S, 3) in the shape frame and radii (S,) that enclose each shape."""
        half = self.half_size
        longest = half.argmax(axis=1)
        cylinder = np.array([shape.kind == "cylinder" for shape in self.shapes])
        longest[cylinder] = 2
        vectors = np.zeros_like(half)
        rows = np.arange(len(half))
        vectors[rows, longest] = half[rows, longest]
        others = np.sort(np.where(vectors > 0, 0.0, half), axis=1)[:, 1:]
        radii = np.where(cylinder, half[:, 0], np.hypot(others[:, 0], others[:, 1]))
        sphere = np.array([shape.kind == "sphere" for shape in self.shapes])
        vectors[sphere] = 0.0
        return vectors, np.where(sphere, half[:, 0], radii)

    @cached_property
    def pairs(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """Indices of the shapes that are at least three joints apart."""
        first, second = np.triu_indices(len(self.shapes), k=1)
        apart = np.abs(self.frames[first] - self.frames[second]) >= APART
        return first[apart], second[apart]


def shape_poses(body: Body, joint_frames: Floats) -> Floats:
    """Poses (N, S, 4, 4) in the base of the shapes, from joint frames (N, J, 4, 4)."""
    base = np.broadcast_to(np.eye(4), (len(joint_frames), 1, 4, 4))
    links = np.concatenate([joint_frames, base], axis=1)
    return np.asarray(links[:, body.frames] @ body.T_link_shape)


def lowest_point_m(body: Body, T_base_shape: Floats) -> Floats:
    """Height (N, S) in the base of the lowest point of each shape; exact for all three kinds."""
    up, half = T_base_shape[..., 2, :3], body.half_size
    kind = np.array([shape.kind for shape in body.shapes])
    box = (np.abs(up) * half).sum(-1)
    cylinder = half[:, 0] * np.hypot(up[..., 0], up[..., 1]) + half[:, 2] * np.abs(up[..., 2])
    extent = np.where(kind == "box", box, np.where(kind == "cylinder", cylinder, half[:, 0]))
    return np.asarray(T_base_shape[..., 2, 3] - extent)


def table_gap_m(body: Body, T_base_shape: Floats, table_z_m: float) -> Floats:
    """What is left (N,) of the required clearances; negative where a shape is too low."""
    gap = lowest_point_m(body, T_base_shape) - table_z_m - body.clearance_m
    return np.asarray(gap[:, body.moving].min(axis=1))


def self_gap_m(body: Body, T_base_shape: Floats) -> Floats:
    """Least distance (N,) of enclosing capsules that are three or more joints apart."""
    vectors, radii = body.capsules
    first, second = body.pairs
    center = T_base_shape[..., :3, 3]
    half_axis = (T_base_shape[..., :3, :3] @ vectors[:, :, None])[..., 0]
    distance = _segment_distance(
        center[:, first], half_axis[:, first], center[:, second], half_axis[:, second]
    )
    return np.asarray((distance - radii[first] - radii[second]).min(axis=1))


def _segment_distance(c: Floats, u: Floats, d: Floats, v: Floats) -> Floats:
    """Distance of segments c + s u and d + t v, s and t in [-1, 1] (Ericson 2005, 5.1.9)."""
    r = c - d
    a, b, e = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    f, g = (u * r).sum(-1), (v * r).sum(-1)
    s = np.clip((b * g - f * e) / np.maximum(a * e - b * b, TINY), -1, 1)
    t = np.clip((b * s + g) / np.maximum(e, TINY), -1, 1)
    s = np.clip((b * t - f) / np.maximum(a, TINY), -1, 1)
    return np.asarray(np.linalg.norm(r + s[..., None] * u - t[..., None] * v, axis=-1))
