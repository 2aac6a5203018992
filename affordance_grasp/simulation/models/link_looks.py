"""What the links of an arm look like: the meshes of its URDF, where they can be read.

Visual meshes come first; a link without any that can be read has those of its collision elements.
They are drawn and touch nothing. A link without meshes is drawn as the shapes that are checked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np

from affordance_grasp.control.arm.link_shapes import rigid_group
from affordance_grasp.control.arm.meshes import find_mesh, read_triangles
from affordance_grasp.control.arm.urdf import (
    SerialArm,
    element_origin,
    element_vector,
    read_urdf,
)
from affordance_grasp.errors import InvalidInput, MissingPackage
from affordance_grasp.geometry import Floats, transform_points
from affordance_grasp.simulation.models.looks import MESH, add_part, link_paint


@dataclass(frozen=True, eq=False)
class LinkLook:
    """The corners (N, 3, 3) [m] of a link's triangles in its frame: -1 for the base."""

    frame: int
    triangles_m: Floats


@lru_cache(maxsize=4)
def load_looks(urdf: Path, arm: SerialArm) -> tuple[LinkLook, ...]:
    """The looks of the links that have any; read once for an arm, every world is drawn so."""
    root = read_urdf(urdf)
    looks = []
    for frame, name in enumerate((arm.base, *arm.link_names), start=-1):
        group = rigid_group(root, name, arm.tip, urdf)
        found = [
            transform_points(T_frame_link, corners.reshape(-1, 3))
            for link in root.iter("link")
            if (T_frame_link := group.get(link.get("name", ""))) is not None
            for corners in link_corners(link, urdf)
        ]
        if found:
            looks.append(LinkLook(frame, np.concatenate(found).reshape(-1, 3, 3)))
    return tuple(looks)


def link_corners(link: ElementTree.Element, urdf: Path) -> list[Floats]:
    """Corners (N, 3) [m] of the triangles of each of a link's meshes, in its frame."""
    for role in ("visual", "collision"):
        try:
            if found := list(_meshes(link, role, urdf)):
                return found
        except (InvalidInput, MissingPackage):  # looks are no reason to refuse an arm
            continue
    return []


def _meshes(link: ElementTree.Element, role: str, urdf: Path) -> Iterator[Floats]:
    where = f"{urdf}: link {link.get('name')}"
    for element in link.iter(role):
        mesh = element.find("geometry/mesh")
        if mesh is not None:
            path = find_mesh(mesh.get("filename", ""), urdf, where)
            corners = read_triangles(path, element_vector(mesh, "scale", where, np.ones(3)), where)
            yield transform_points(element_origin(element, where), corners.reshape(-1, 3))


def add_looks(
    spec: mujoco.MjSpec, bodies: Sequence[mujoco.MjsBody], looks: Sequence[LinkLook]
) -> None:
    """Draw the base (first of the bodies) and the links, every other one darker."""
    for look in looks:
        body, name = bodies[look.frame + 1], f"arm/{look.frame}/look"
        add_mesh(spec, body, name, look.triangles_m.reshape(-1, 3), link_paint(look.frame))


def add_mesh(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str, corners: Floats, paint: str
) -> None:
    """Draw triangles, whose corners (N, 3) [m] are in the body's frame."""
    mesh = spec.add_mesh(name=name, uservert=corners.ravel(), userface=np.arange(len(corners)))
    mesh.smoothnormal = True
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    add_part(body, name, MESH, (), paint, touches=False, meshname=name, mass=0.0)
