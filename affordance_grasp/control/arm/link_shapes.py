"""Collision shapes of an arm's links, from the primitives and meshes of its URDF."""

from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from affordance_grasp.control.arm.enclosures import Enclosure, enclose
from affordance_grasp.control.arm.meshes import find_mesh, read_triangles
from affordance_grasp.control.arm.urdf import (
    LinkShape,
    SerialArm,
    element_number,
    element_origin,
    element_vector,
    joined_link,
    read_urdf,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

ROUND = ("cylinder", "capsule", "sphere")


def load_shapes(urdf: Path, arm: SerialArm) -> tuple[LinkShape, ...]:
    """Collision shapes of the base and the links, base first, those of meshes enclosing them.

    What is fixed to a link belongs to it, but not what is fixed to the tip: the gripper and the
    camera have settings of their own.

    Raises:
        InvalidInput: a shape cannot be checked, such as a mesh that is not there, or a moving link
            has none at all: the arm could go through the table unseen.
    """
    root = read_urdf(urdf)
    shapes: list[LinkShape] = []
    bare: list[str] = []
    for frame, name in enumerate((arm.base, *arm.link_names), start=-1):
        found = [
            shape
            for link, T_frame_link in rigid_group(root, name, arm.tip, urdf).items()
            for shape in _of_link(root, link, frame, T_frame_link, urdf)
        ]
        shapes += found
        if not found and frame >= 0:
            bare.append(name)
    if bare:
        raise InvalidInput(
            f"{urdf}: no collision shape for {', '.join(bare)}; give every link from {arm.base} "
            f"to {arm.tip} meshes, cylinders, capsules, spheres or boxes"
        )
    return tuple(shapes)


def rigid_group(
    root: ElementTree.Element, name: str, tip: str, urdf: Path | str
) -> dict[str, Floats]:
    """Poses (4, 4) in link ``name`` of it and what is fixed to it, but the tip and its load."""
    group = {name: np.eye(4)}
    waiting = [name]
    while waiting:
        parent = waiting.pop()
        for joint in root.findall("joint"):
            child = joined_link(joint, "child")
            held = joined_link(joint, "parent") == parent and joint.get("type") == "fixed"
            if held and child not in (*group, tip) and parent != tip:
                where = f"{urdf}: joint {joint.get('name')}"
                group[child] = group[parent] @ element_origin(joint, where)
                waiting.append(child)
    return group


def _of_link(
    root: ElementTree.Element, name: str, frame: int, T_frame_link: Floats, urdf: Path
) -> list[LinkShape]:
    links = [link for link in root.iter("link") if link.get("name") == name]
    where = f"{urdf}: link {name}"
    shapes: list[LinkShape] = []
    for collision in (c for link in links for c in link.iter("collision")):
        T = T_frame_link @ element_origin(collision, where)
        geometry = collision.find("geometry")
        if geometry is None or not len(geometry):
            raise InvalidInput(f"{where}: a collision without geometry")
        if geometry[0].tag == "mesh":
            shapes += [
                LinkShape(piece.kind, frame, T @ piece.T_mesh_shape, _three(piece.half_size))
                for piece in _of_mesh(geometry[0], urdf, where)
            ]
        else:
            shapes.append(_primitive(geometry[0], frame, T, where))
    return shapes


def _of_mesh(element: ElementTree.Element, urdf: Path, where: str) -> list[Enclosure]:
    path = find_mesh(element.get("filename", ""), urdf, where)
    scale = element_vector(element, "scale", where, (1.0, 1.0, 1.0))
    return list(_enclosed(path, path.stat().st_mtime_ns, _three(scale), where))


@lru_cache(maxsize=64)
def _enclosed(
    path: Path, written_ns: int, scale: tuple[float, float, float], where: str
) -> tuple[Enclosure, ...]:
    """The shapes around a mesh; ``written_ns`` tells a file from what it was before."""
    return tuple(enclose(read_triangles(path, np.array(scale), where)))


def _primitive(element: ElementTree.Element, frame: int, T: Floats, where: str) -> LinkShape:
    """A capsule becomes the cylinder around it."""
    kind = element.tag
    if kind == "box":
        x, y, z = element_vector(element, "size", where, (np.nan,) * 3) / 2
    elif kind in ROUND:
        x = y = z = element_number(element, "radius", where)
        if kind != "sphere":
            z = element_number(element, "length", where) / 2 + (x if kind == "capsule" else 0.0)
    else:
        raise InvalidInput(f"{where}: a collision {kind}; expected mesh, box, {', '.join(ROUND)}")
    kind = "cylinder" if kind == "capsule" else kind
    if not min(x, y, z) > 0:
        raise InvalidInput(f"{where}: a collision {kind} has a size that is not above 0")
    return LinkShape(kind, frame, T, (float(x), float(y), float(z)))


def _three(numbers: Floats) -> tuple[float, float, float]:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
