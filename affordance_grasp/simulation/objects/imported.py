"""Imported objects: a folder of values each, made by ``objects import``, never code.

``object.json`` says what the object is; ``mesh.bin`` holds its numbers, little-endian, in the
order of the card: of every skin vertices and uv (float32) and faces (int32), then the corners of
every hull (float32); ``texture<i>.png`` are its textures. A name is ``FOLDER:NAME``, such as
``ycb:025_mug`` for the folder ``ycb/025_mug``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from affordance_grasp.configuration.documents import read_json, typed
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats
from affordance_grasp.image_files import read_color
from affordance_grasp.simulation.objects.primitive import HouseholdObject, Hull, Material, Skin

CARD, MESH = "object.json", "mesh.bin"
MAX_FACES, MAX_HULLS, MAX_CORNERS, MAX_TEXTURES = 400_000, 2000, 1000, 16
MAX_EXTENT_M, MAX_MASS_KG = 1.0, 20.0
MAX_MESH_BYTES = 2**26

PartName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Mass = Annotated[float, Meta(gt=0, le=MAX_MASS_KG)]
_Number = Annotated[int, Meta(ge=1, le=3 * MAX_FACES)]


@dataclass(frozen=True)
class SkinCard:
    """How many numbers of a skin are in ``mesh.bin``, and which texture it has."""

    part: PartName
    texture: Annotated[int, Meta(ge=0, lt=MAX_TEXTURES)]
    vertices: _Number
    faces: Annotated[int, Meta(ge=1, le=MAX_FACES)]


@dataclass(frozen=True)
class HullCard:
    """How many corners of a hull are in ``mesh.bin``."""

    part: PartName
    corners: Annotated[int, Meta(ge=4, le=MAX_CORNERS)]


@dataclass(frozen=True)
class Card:
    """What an imported object is.

    ``family``: what a person calls it. ``serves``: affordance -> names of the parts that serve it.
    ``source``: the file that it was made of.
    """

    family: PartName
    mass_kg: Mass
    serves: dict[PartName, tuple[PartName, ...]]
    skins: Annotated[tuple[SkinCard, ...], Meta(min_length=1, max_length=MAX_HULLS)]
    hulls: Annotated[tuple[HullCard, ...], Meta(min_length=1, max_length=MAX_HULLS)]
    source: str = ""


def is_imported(name: str) -> bool:
    """Whether this is the name of an imported object and not of a family."""
    return ":" in name


def label(name: str) -> str:
    """The name without the folders above: the same wherever the object lies."""
    return name.rpartition("/")[2]


def absolute(name: str) -> str:
    """The name as a process in any folder understands it."""
    parent, colon, own = name.rpartition(":")
    return f"{Path(parent).resolve()}:{own}" if colon else name


def imported_names(folder: Path) -> tuple[str, ...]:
    """Names of all imported objects of a folder."""
    found = tuple(f"{folder}:{path.parent.name}" for path in sorted(folder.glob(f"*/{CARD}")))
    if not found:
        raise InvalidInput(
            f"{folder} holds no imported objects; make some with "
            f"'affordance-grasp objects import DIR --out {folder}'"
        )
    return found


def folder_of(name: str) -> Path:
    """The folder of an imported object.

    Raises:
        InvalidInput: there is none; lists those beside it.
    """
    parent, _, own = name.rpartition(":")
    folder = Path(parent) / own
    if not own or "/" in own or not (folder / CARD).is_file():
        beside = ", ".join(each.rpartition(":")[2] for each in imported_names(Path(parent)))
        raise InvalidInput(f"there is no imported object {shown(name)}; {parent} has {beside}")
    return folder


def read_card(name: str) -> Card:
    """What an imported object is, without its mesh."""
    path = folder_of(name) / CARD
    card = typed(Card, read_json(path, "imported object"), f"imported object {path}")
    parts = {skin.part for skin in card.skins} | {hull.part for hull in card.hulls}
    missing = [part for served in card.serves.values() for part in served if part not in parts]
    if missing:
        raise InvalidInput(f"imported object {path} has no part {missing[0]!r}")
    return card


def load_imported(name: str, seed: int) -> HouseholdObject:
    """The object with this name; ``seed`` is only noted, for a scan is one instance.

    Raises:
        InvalidInput: a file is missing, broken, or of another size than the card says.
    """
    card, folder = read_card(name), folder_of(name)
    numbers = _Numbers(read_bytes(folder / MESH, "mesh", MAX_MESH_BYTES), folder / MESH)
    count = 1 + max(skin.texture for skin in card.skins)
    textures = [read_color(folder / f"texture{i}.png", "texture") for i in range(count)]
    skins = tuple(
        Skin(
            each.part,
            vertices_m=numbers.take("<f4", each.vertices, 3).astype(float),
            uv=numbers.take("<f4", each.vertices, 2).astype(float),
            faces=numbers.take("<i4", each.faces, 3).astype(np.int32),
            texture=textures[each.texture],
        )
        for each in card.skins
    )
    colors = np.mean([texture.mean(axis=(0, 1)) / 255 for texture in textures], axis=0)
    material = Material((*(float(c) for c in colors), 1.0))
    corners = [numbers.take("<f4", each.corners, 3).astype(float) for each in card.hulls]
    numbers.end()
    hulls = tuple(
        Hull(each.part, own, material) for each, own in zip(card.hulls, corners, strict=True)
    )
    check_extent(np.concatenate([*corners, *(skin.vertices_m for skin in skins)]), str(folder))
    return HouseholdObject(name, seed, hulls, (), card.mass_kg, skins=skins)


def check_extent(points_m: Floats, name: str) -> None:
    """Refuse what is no thing for a gripper."""
    extent = float(np.ptp(points_m, axis=0).max())
    if not 0.005 <= extent <= MAX_EXTENT_M:
        raise InvalidInput(
            f"{name} is {extent:.3g} m long; expected 0.005 to {MAX_EXTENT_M:g} m: one in "
            "millimetres needs scale: 0.001 in the parts file"
        )


class _Numbers:
    """Numbers that are taken from a file one after the other."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content, self._path, self._at = content, path, 0

    def take(self, kind: str, rows: int, columns: int) -> Floats:
        if self._at + 4 * rows * columns > len(self._content):
            raise InvalidInput(f"mesh {self._path} is shorter than its {CARD} says")
        taken = np.frombuffer(self._content, kind, rows * columns, self._at)
        self._at += taken.nbytes
        return taken.reshape(rows, columns)

    def end(self) -> None:
        if self._at != len(self._content):
            raise InvalidInput(f"mesh {self._path} is longer than its {CARD} says")
