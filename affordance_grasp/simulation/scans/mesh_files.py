"""Meshes with textures out of OBJ, GLB and STL files, which may be anybody's."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import check_image_size
from affordance_grasp.errors import InvalidInput, reading
from affordance_grasp.geometry import Floats
from affordance_grasp.image_files import read_color
from affordance_grasp.mesh_files import PlacedMesh, load_meshes
from affordance_grasp.simulation.objects.imported import MAX_FACES

FORMATS = (".obj", ".glb", ".stl")
TEXTURE_SIDE = 1024
Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Rotation of glTF's frame, y up, into one with z up."""


@dataclass(frozen=True, eq=False)
class TexturedMesh:
    """One mesh as it was scanned: see :class:`objects.primitive.Skin`; lengths in its own unit."""

    vertices: Floats
    faces: NDArray[np.int32]
    uv: Floats
    texture: NDArray[np.uint8]


def read_meshes(path: Path) -> list[TexturedMesh]:
    """All meshes of a file, z up.

    Raises:
        InvalidInput: too large, broken, of another format, or without faces.
        MissingPackage: trimesh is not installed.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InvalidInput(f"mesh {path} is of no known format; known: {', '.join(FORMATS)}")
    turn = Y_UP if kind == ".glb" else np.eye(3)
    meshes = load_meshes(path, "mesh", "importing a scan", MAX_FACES)
    with reading(f"mesh {path} cannot be read"):
        return [_textured(mesh, turn) for mesh in meshes]


def _textured(mesh: PlacedMesh, turn: Floats) -> TexturedMesh:
    vertices, looks = mesh.vertices @ turn.T, mesh.looks
    material = getattr(looks, "material", None)
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    uv = getattr(looks, "uv", None)
    if image is None or uv is None or not np.isfinite(uv).all():
        color = np.asarray((material or looks).main_color, np.uint8)[:3]
        uv, texture = np.full((len(vertices), 2), 0.5), np.tile(color, (4, 4, 1))
    else:
        check_image_size(int(image.size[0]), int(image.size[1]), "the texture of a mesh")
        texture = shrunk(np.asarray(image.convert("RGB"), np.uint8))
    return TexturedMesh(vertices, mesh.faces, np.asarray(uv, float), texture)


def read_texture(path: Path) -> NDArray[np.uint8]:
    """An image file as a texture."""
    return shrunk(read_color(path, "texture"))


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A texture with sides of at most :data:`TEXTURE_SIDE`."""
    scale = min(TEXTURE_SIDE / max(image.shape[:2]), 1.0)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    resized = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)
