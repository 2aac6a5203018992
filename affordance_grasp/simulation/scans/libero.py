"""Objects in LIBERO's layout: an MJCF with meshes to be seen and boxes to be touched.

Only what such a file has is read: meshes (``.msh``, MuJoCo's old binary format, or a format of
:mod:`mesh_files`), a texture or a colour for each, and boxes (geoms of group 0), in one body.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats, pose, transform_points
from affordance_grasp.mesh_files import MAX_BYTES
from affordance_grasp.simulation.objects.imported import MAX_FACES, MAX_HULLS
from affordance_grasp.simulation.scans.mesh_files import TexturedMesh, read_meshes, read_texture

MAX_XML_BYTES = 2**20
CORNERS = np.array(list(product((-1.0, 1.0), repeat=3)))


@dataclass(frozen=True, eq=False)
class LiberoObject:
    """``meshes``: drawn. ``solids``: corners (8, 3) of every box that is touched."""

    meshes: list[TexturedMesh]
    solids: list[Floats]


def read_libero(path: Path) -> LiberoObject:
    """The object of an MJCF.

    Raises:
        InvalidInput: no such MJCF, or a file that it names is missing, broken or too large.
    """
    text = read_bytes(path, "MJCF", MAX_XML_BYTES)
    try:
        root = ElementTree.fromstring(text)
        body = root.find(".//body[@name='object']")
        geoms = [] if body is None else body.findall("geom")[: MAX_HULLS + 1]
        drawn = [each for each in geoms if each.get("type") == "mesh" and each.get("group") == "1"]
        boxes = [each for each in geoms if each.get("type") == "box" and each.get("group") == "0"]
        if not drawn or not 0 < len(boxes) < MAX_HULLS:
            raise InvalidInput(
                f"MJCF {path} has no body 'object' with meshes of group 1 and boxes of group 0"
            )
        meshes = [mesh for geom in drawn for mesh in _meshes(path.parent, root, geom)]
        return LiberoObject(meshes, [_box(geom) for geom in boxes])
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise InvalidInput(f"MJCF {path} cannot be read ({error})") from error


def _meshes(folder: Path, root: ElementTree.Element, geom: ElementTree.Element) -> list:
    mesh = _asset(root, "mesh", geom.get("mesh", ""))
    file = _inside(folder, mesh.get("file", ""))
    read = [_read_msh(file)] if file.suffix == ".msh" else read_meshes(file)
    scale = _numbers(mesh.get("scale", "1 1 1"), 3)
    material = _asset(root, "material", geom.get("material", ""))
    if material.get("texture"):
        image = _asset(root, "texture", material.get("texture", "")).get("file", "")
        texture = read_texture(_inside(folder, image))
    else:
        color = np.clip(_numbers(material.get("rgba", "0.5 0.5 0.5 1"), 4)[:3], 0, 1) * 255
        texture = np.tile(color.astype(np.uint8), (4, 4, 1))
    T = _pose(geom)
    return [
        TexturedMesh(transform_points(T, each.vertices * scale), each.faces, each.uv, texture)
        for each in read
    ]


def _asset(root: ElementTree.Element, kind: str, name: str) -> ElementTree.Element:
    for each in root.findall(f"asset/{kind}"):
        if each.get("name") == name:
            return each
    raise LookupError(f"there is no {kind} {shown(name)}")


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InvalidInput(f"{folder} names {shown(name)}, which lies outside of it")
    return path


def _box(geom: ElementTree.Element) -> Floats:
    return transform_points(_pose(geom), CORNERS * _numbers(geom.get("size", ""), 3))


def _pose(geom: ElementTree.Element) -> Floats:
    w, x, y, z = _numbers(geom.get("quat", "1 0 0 0"), 4)
    R = Rotation.from_quat([x, y, z, w]).as_matrix()
    return pose(R, _numbers(geom.get("pos", "0 0 0"), 3))


def _numbers(text: str, count: int) -> Floats:
    values = np.array([float(word) for word in text.split()])
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{shown(text)} must be {count} numbers")
    return values


def _read_msh(path: Path) -> TexturedMesh:
    """MuJoCo's binary mesh: counts, then vertices, normals, texture coordinates (float32), faces.

    Its texture coordinates count rows from above.
    """
    content = read_bytes(path, "mesh", MAX_BYTES)
    vertices, normals, coordinates, faces = np.frombuffer(content[:16], "<i4").tolist()
    expected = 16 + 4 * (3 * vertices + 3 * normals + 2 * coordinates + 3 * faces)
    if not (0 < faces <= MAX_FACES and coordinates == vertices and len(content) == expected):
        raise InvalidInput(f"mesh {path} is no mesh with texture coordinates, or is cut off")
    numbers = np.frombuffer(content, "<f4", offset=16)
    uv = numbers[3 * (vertices + normals) :][: 2 * coordinates].reshape(-1, 2).astype(float)
    uv[:, 1] = 1 - uv[:, 1]
    indices = np.frombuffer(content[-12 * faces :], "<i4").reshape(-1, 3)
    corners = numbers[: 3 * vertices].reshape(-1, 3).astype(float)
    return TexturedMesh(corners, indices, uv, np.zeros((4, 4, 3), np.uint8))
