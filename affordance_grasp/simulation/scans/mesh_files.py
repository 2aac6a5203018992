"""Meshes with textures out of OBJ, GLB and STL files, which may be anybody's."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import check_image_size
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.extras import require
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats, transform_points
from affordance_grasp.image_files import read_color
from affordance_grasp.simulation.objects.imported import MAX_FACES

FORMATS = (".obj", ".glb", ".stl")
MAX_BYTES = 2**26
MAX_MESHES = 200
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
    trimesh = require("trimesh", "importing a scan")
    content, beside = BytesIO(read_bytes(path, "mesh", MAX_BYTES)), _Beside(path)
    try:
        scene = trimesh.load_scene(content, file_type=kind[1:], resolver=beside, process=False)
        if beside.refused:
            raise beside.refused[0]
        meshes = [_mesh(each, T) for each, T in _placed(trimesh, scene, path)]
    except (InvalidInput, MemoryError):
        raise
    except Exception as error:  # the file is a stranger's
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InvalidInput(f"mesh {path} cannot be read ({said})") from error
    if not meshes:
        raise InvalidInput(f"mesh {path} has no faces")
    turn = Y_UP if kind == ".glb" else np.eye(3)
    return [TexturedMesh(m.vertices @ turn.T, m.faces, m.uv, m.texture) for m in meshes]


class _Beside:
    """Reads the files that a mesh names: only from its own folder, and none too large.

    ``refused``: why a file was not read; trimesh goes on without it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.refused = path, list[InvalidInput]()

    def get(self, name: str) -> bytes:
        folder = self._path.parent.resolve()
        try:
            wanted = (folder / name.strip()).resolve()
            if not wanted.is_relative_to(folder):
                raise InvalidInput(f"mesh {self._path} names {shown(name)}, outside of its folder")
            return read_bytes(wanted, f"{shown(name)}, which mesh {self._path} names,", MAX_BYTES)
        except InvalidInput as error:
            self.refused.append(error)
            raise

    __getitem__ = get


def _placed(trimesh: Any, scene: Any, path: Path) -> list[tuple[Any, Floats]]:
    """Every mesh of a scene with its pose; counted before anything is copied."""
    nodes = scene.graph.nodes_geometry
    if len(nodes) > MAX_MESHES:
        raise InvalidInput(f"mesh {path} has {len(nodes)} meshes; at most {MAX_MESHES} are read")
    found, faces = [], 0
    for node in nodes:
        T, name = scene.graph[node]
        mesh = scene.geometry[name]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            faces += len(mesh.faces)
            found.append((mesh, np.asarray(T, float)))
    if faces > MAX_FACES:
        raise InvalidInput(f"mesh {path} has {faces} faces; at most {MAX_FACES} are read")
    return found


def _mesh(mesh: Any, T: Floats) -> TexturedMesh:
    vertices = transform_points(T, np.asarray(mesh.vertices, float))
    if not np.isfinite(vertices).all():
        raise ValueError("it has vertices that are not finite")
    material = getattr(mesh.visual, "material", None)
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    uv = getattr(mesh.visual, "uv", None)
    if image is None or uv is None or not np.isfinite(uv).all():
        color = np.asarray((material or mesh.visual).main_color, np.uint8)[:3]
        uv, texture = np.full((len(vertices), 2), 0.5), np.tile(color, (4, 4, 1))
    else:
        check_image_size(int(image.size[0]), int(image.size[1]), "the texture of a mesh")
        texture = shrunk(np.asarray(image.convert("RGB"), np.uint8))
    return TexturedMesh(vertices, np.asarray(mesh.faces, np.int32), np.asarray(uv, float), texture)


def read_texture(path: Path) -> NDArray[np.uint8]:
    """An image file as a texture."""
    return shrunk(read_color(path, "texture"))


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A texture with sides of at most :data:`TEXTURE_SIDE`."""
    scale = min(TEXTURE_SIDE / max(image.shape[:2]), 1.0)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    resized = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)
