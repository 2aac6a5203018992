"""A scan and what is said of it -> the folder of an imported object."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from affordance_grasp.configuration.documents import read_json, typed
from affordance_grasp.configuration.settings import record
from affordance_grasp.errors import InvalidInput
from affordance_grasp.extras import require
from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats
from affordance_grasp.report.figures import write_png
from affordance_grasp.simulation.dataset.functional_parts import FUNCTIONAL_PARTS, PartNames
from affordance_grasp.simulation.objects.imported import (
    CARD,
    MAX_MASS_KG,
    MESH,
    Card,
    HullCard,
    PartName,
    SkinCard,
    check_extent,
)
from affordance_grasp.simulation.objects.primitive import Hull, Material, Skin
from affordance_grasp.simulation.scans.decomposition import (
    MOST_PIECES,
    TOLERANCE_M,
    convex_pieces,
    pitch,
)
from affordance_grasp.simulation.scans.libero import read_libero
from affordance_grasp.simulation.scans.mesh_files import TexturedMesh, read_meshes
from affordance_grasp.simulation.scans.regions import ScanNotes, parts_of_points

PIECES = ".pieces"
"""Folder of finished decompositions, by the hash of their meshes."""
BORDER_M = 0.002
"""Triangles across a border of parts are divided down to this."""
MAX_DIVISIONS = 6
PLAIN = ScanNotes(family="thing", serves={"hold": ("body",)})
"""What is said of an object of which nothing is said."""


@dataclass(frozen=True)
class ImportedScan:
    """What was made of a scan."""

    name: str
    card: Card
    extents_m: tuple[float, float, float]

    def summary(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "family": self.card.family,
            "extents_m": [round(side, 4) for side in self.extents_m],
            "mass_kg": round(self.card.mass_kg, 4),
            "convex_pieces": len(self.card.hulls),
            "parts": list(dict.fromkeys(each.part for each in self.card.skins)),
        }

    def __str__(self) -> str:
        """One line for a person."""
        size = " x ".join(f"{side * 100:.1f}" for side in self.extents_m)
        return (
            f"{self.name}: {self.card.family}, {size} cm, {self.card.mass_kg:.3f} kg, "
            f"{len(self.card.hulls)} convex pieces, parts {', '.join(self.summary()['parts'])}"
        )


def import_scan(name: str, file: Path, notes: ScanNotes | None, out: Path) -> ImportedScan:
    """Read a scan, bring it to rest, decompose it, name its parts, and write ``out/NAME``.

    Raises:
        InvalidInput: the scan cannot be used, or a part holds nothing of it.
        MissingPackage: trimesh is not installed.
    """
    notes = notes or PLAIN
    serves = _serves(name, notes)
    meshes, solids = _read(file)
    T = _resting(meshes, notes)
    meshes = [replace(each, vertices=_moved(T, each.vertices)) for each in meshes]
    points = np.concatenate([each.vertices for each in meshes])
    check_extent(points, str(file))
    skins = [skin for mesh in meshes for skin in _skins(notes, mesh)]
    _check_parts(name, notes, {skin.part for skin in skins})
    pieces = _parted(notes, [_moved(T, each) for each in solids])
    if not pieces:
        pieces = _pieces(notes, meshes, out / PIECES)
        _check_parts(name, notes, {part for part, _ in pieces})
    gray = Material((0.5, 0.5, 0.5, 1.0))
    hulls = [Hull(part, each, gray) for part, each in pieces]
    mass_kg = notes.mass_kg or notes.density_kg_m3 * _volume_m3(meshes, hulls)
    if not 0 < mass_kg <= MAX_MASS_KG:
        raise InvalidInput(f"{name} would weigh {mass_kg:.3g} kg; expected up to {MAX_MASS_KG:g}")
    source = f"{file.parent.name}/{file.name}"
    card = _write(out / name, Card(notes.family, mass_kg, serves, (), (), source), skins, hulls)
    size = np.ptp(points, axis=0)
    return ImportedScan(name, card, (float(size[0]), float(size[1]), float(size[2])))


def _read(file: Path) -> tuple[list[TexturedMesh], list[Floats]]:
    """Meshes to be drawn, and convex solids where the file has its own."""
    if file.suffix.lower() != ".xml":
        return read_meshes(file), []
    found = read_libero(file)
    return found.meshes, found.solids


def _resting(meshes: list[TexturedMesh], notes: ScanNotes) -> tuple[Floats, Floats]:
    """Scaled rotation (3, 3) and shift (3,) that put the object on the table over the origin."""
    turn = Rotation.from_euler("xyz", notes.turn_deg, degrees=True).as_matrix() * notes.scale
    points = np.concatenate([each.vertices for each in meshes]) @ turn.T
    low, high = points.min(axis=0), points.max(axis=0)
    return turn, np.array([*(-(low + high)[:2] / 2), -low[2]])


def _moved(T: tuple[Floats, Floats], points: Floats) -> Floats:
    return points @ T[0].T + T[1]


def _parted(notes: ScanNotes, solids: list[Floats]) -> list[tuple[str, Floats]]:
    """Convex solids, each with the part in which its middle lies."""
    middles = np.array([each.mean(axis=0) for each in solids]).reshape(-1, 3)
    return list(zip(parts_of_points(notes, middles).tolist(), solids, strict=True))


def _pieces(notes: ScanNotes, meshes: list[TexturedMesh], cache: Path) -> list[tuple[str, Floats]]:
    """Convex pieces of the meshes, from the cache where the same were decomposed before."""
    key = sha256(f"{MOST_PIECES} {TOLERANCE_M} {record(notes)}".encode())
    for mesh in meshes:
        key.update(mesh.vertices.astype("<f4").tobytes() + mesh.faces.tobytes())
    kept = cache / f"{key.hexdigest()[:32]}.json"
    if kept.is_file():
        return [(part, np.array(each)) for part, each in _read_pieces(kept)]
    pieces = convex_pieces(*_surface(meshes), partial(parts_of_points, notes))
    lists = [(part, each.round(6).tolist()) for part, each in pieces]
    write_file(kept, json.dumps(lists) + "\n")
    return pieces


def _read_pieces(path: Path) -> list[tuple[PartName, list[tuple[float, float, float]]]]:
    kind = list[tuple[PartName, list[tuple[float, float, float]]]]
    return typed(kind, read_json(path, "convex pieces"), f"convex pieces {path}", "; delete it")


def _surface(meshes: list[TexturedMesh]) -> tuple[Floats, float]:
    """Points (N, 3) on the surface, and how far they are apart at most [m]."""
    remesh = require("trimesh", "importing a scan").remesh
    vertices = np.concatenate([each.vertices for each in meshes])
    spacing = pitch(np.ptp(vertices, axis=0))
    fine = [
        remesh.subdivide_to_size(each.vertices, each.faces, spacing, max_iter=20)[0]
        for each in meshes
    ]
    return np.concatenate(fine), spacing


def _skins(notes: ScanNotes, mesh: TexturedMesh) -> Iterator[Skin]:
    """The mesh in its parts, with the triangles across their borders divided."""
    subdivide = require("trimesh", "importing a scan").remesh.subdivide
    vertices, faces, uv = mesh.vertices, mesh.faces, mesh.uv
    for _ in range(MAX_DIVISIONS):
        names = parts_of_points(notes, vertices)[faces]
        across = (names != names[:, :1]).any(axis=1)
        edges = vertices[faces] - vertices[np.roll(faces, 1, axis=1)]
        across &= np.linalg.norm(edges, axis=2).max(axis=1) > BORDER_M
        if not across.any():
            break
        vertices, faces, divided = subdivide(
            vertices, faces, face_index=np.flatnonzero(across), vertex_attributes={"uv": uv}
        )
        uv = divided["uv"]
    names = parts_of_points(notes, vertices[faces].mean(axis=1))
    for part in notes.part_names():
        if (own := faces[names == part]).size:
            used, inverse = np.unique(own, return_inverse=True)
            indices: NDArray[np.int32] = inverse.reshape(-1, 3).astype(np.int32)
            yield Skin(part, vertices[used], indices, uv[used], mesh.texture)


def _check_parts(name: str, notes: ScanNotes, found: set[str]) -> None:
    for part in notes.part_names():
        if part not in found:
            raise InvalidInput(
                f"part {part!r} of {name} holds nothing of the mesh; lengths are metres in the "
                "object's frame: z up, lowest point at 0, middle over the origin"
            )


def _serves(name: str, notes: ScanNotes) -> dict[str, PartNames]:
    """Affordance -> parts: as it is said, else as all of the family have it."""
    known = notes.part_names()
    if notes.serves is not None:
        for part in (part for parts in notes.serves.values() for part in parts):
            if part not in known:
                raise InvalidInput(f"{name} has no part {part!r}; it has {', '.join(known)}")
        return notes.serves
    table = {a: of[notes.family] for a, of in FUNCTIONAL_PARTS.items() if notes.family in of}
    if not table:
        raise InvalidInput(
            f"{name} is of the family {notes.family!r}, of which no parts are known; say what its "
            "parts are for, such as serves: {hold: [body]}"
        )
    own = {a: tuple(part for part in parts if part in known) for a, parts in table.items()}
    return {a: parts for a, parts in own.items() if parts}


def _volume_m3(meshes: list[TexturedMesh], hulls: list[Hull]) -> float:
    """Of closed meshes what they enclose, of others what their convex pieces do."""
    trimesh = require("trimesh", "importing a scan")
    solids = [trimesh.Trimesh(each.vertices, each.faces, process=True) for each in meshes]
    if all(each.is_watertight for each in solids):
        return float(sum(abs(each.volume) for each in solids))
    return sum(hull.volume_m3 for hull in hulls)


def _write(folder: Path, card: Card, skins: list[Skin], hulls: list[Hull]) -> Card:
    """Write the folder of an object; its card last."""
    textures = list({id(skin.texture): skin.texture for skin in skins}.values())
    places = {id(texture): i for i, texture in enumerate(textures)}
    whole = replace(
        card,
        skins=tuple(
            SkinCard(each.part, places[id(each.texture)], len(each.vertices_m), len(each.faces))
            for each in skins
        ),
        hulls=tuple(HullCard(each.part, len(each.corners_m)) for each in hulls),
    )
    for i, texture in enumerate(textures):
        write_png(folder / f"texture{i}.png", texture)
    write_file(folder / MESH, b"".join(_encoded(skins, hulls)))
    encoded = msgspec.json.format(msgspec.json.encode(whole), indent=1)
    write_file(folder / CARD, encoded + b"\n")
    return whole


def _encoded(skins: list[Skin], hulls: list[Hull]) -> Iterator[bytes]:
    for skin in skins:
        yield skin.vertices_m.astype("<f4").tobytes()
        yield skin.uv.astype("<f4").tobytes()
        yield skin.faces.astype("<i4").tobytes()
    for hull in hulls:
        yield hull.corners_m.astype("<f4").tobytes()
