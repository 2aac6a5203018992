"""Triangle meshes out of files, which may be anybody's: bounded before anything is joined.

The files that a mesh names, for its looks or its buffers, are read from its own folder only.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput, reading, shown
from affordance_grasp.extras import require
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats, transform_points

MAX_BYTES = 2**26
MAX_MESHES = 200


@dataclass(frozen=True, eq=False)
class PlacedMesh:
    """One mesh of a file: ``vertices`` (N, 3) where the file puts them, ``faces`` (M, 3).

    Lengths are in metres where the file tells its unit (DAE), else in its own. ``looks``: what
    trimesh calls the visual.
    """

    vertices: Floats
    faces: NDArray[np.int32]
    looks: Any


def load_meshes(
    path: Path, what: str, wanted_by: str, most_faces: int, looks: bool = True
) -> list[PlacedMesh]:
    """All meshes of a file, at least one.

    Args:
        path: OBJ, STL, GLB or DAE.
        what: what an error calls it.
        wanted_by: what needs the library, where that is not installed.
        most_faces: of all meshes together.
        looks: also materials and textures; all that are named must be there.

    Raises:
        InvalidInput: too large, broken, or without faces.
        MissingPackage: the library that reads it is not installed.
    """
    trimesh, kind = require("trimesh", wanted_by), path.suffix.lower()[1:]
    if kind == "dae":
        require("collada", wanted_by)
    content, beside = read_bytes(path, what, MAX_BYTES), _Beside(path)
    with reading(f"{what} {path} cannot be read"):
        if is_zipfile(BytesIO(content)):  # of any size
            raise InvalidInput(f"{what} {path} is an archive; unpack it")
        scene = trimesh.load_scene(
            BytesIO(content),
            file_type=kind,
            resolver=beside,
            process=False,
            skip_materials=not looks,
        )
        if looks and beside.refused:
            raise beside.refused[0]
        return _placed(trimesh, scene, f"{what} {path}", most_faces)


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


def _placed(trimesh: Any, scene: Any, name: str, most_faces: int) -> list[PlacedMesh]:
    """Every mesh of a scene as often as it stands in it; counted before anything is copied."""
    nodes = scene.graph.nodes_geometry
    if len(nodes) > MAX_MESHES:
        raise InvalidInput(f"{name} has {len(nodes)} meshes; at most {MAX_MESHES} are read")
    poses = [scene.graph[node] for node in nodes]
    placed = [(T, mesh) for T, key in poses if _has_faces(trimesh, mesh := scene.geometry[key])]
    count = sum(len(mesh.faces) for _, mesh in placed)
    if not 0 < count <= most_faces:
        raise InvalidInput(f"{name} has {count} faces; 1 to {most_faces} are read")
    unit_m = _unit_m(scene.units)
    return [_mesh(mesh, np.asarray(T, float), unit_m) for T, mesh in placed]


def _has_faces(trimesh: Any, mesh: Any) -> bool:
    return isinstance(mesh, trimesh.Trimesh) and len(mesh.faces) > 0


def _mesh(mesh: Any, T: Floats, unit_m: float) -> PlacedMesh:
    vertices = transform_points(T, np.asarray(mesh.vertices, float)) * unit_m
    faces = np.asarray(mesh.faces, np.int32)
    if not np.isfinite(vertices).all():
        raise ValueError("it has vertices that are not finite")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError("it has faces of vertices that are not there")
    return PlacedMesh(vertices, faces, mesh.visual)


def _unit_m(units: str | None) -> float:
    """The unit that trimesh read from a DAE, such as ``0.01 * meters`` [m]."""
    number, star, _ = (units or "").partition(" * ")
    return float(number) if star else 1.0
