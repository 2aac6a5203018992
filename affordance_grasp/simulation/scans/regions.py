"""What a person says of a scan: how it stands, what it weighs, where its parts are.

A YAML file maps each object's name to one :class:`ScanNotes`::

    025_mug:
      family: mug
      mass_kg: 0.118
      parts:
        handle: [{x: [0.025, null]}]
        rim: [{z: [0.068, null]}]
      rest: body

Lengths are metres in the object's frame: z up, its lowest point at 0, its middle over the origin.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from affordance_grasp.configuration.read import build, read_mapping
from affordance_grasp.configuration.settings import Positive, Settings, Triple
from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.objects.imported import Mass, PartName

Range = tuple[float | None, float | None]
SIDES = 24


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A convex piece of space: all bounds hold at once.

    ``x``, ``y``, ``z``: from and to, null for no bound. ``round``: x, y and radius of an upright
    cylinder. ``planes``: normal and offset, for the points p with normal . p <= offset.
    """

    x: Range = (None, None)
    y: Range = (None, None)
    z: Range = (None, None)
    round: tuple[float, float, Positive] | None = None
    planes: tuple[tuple[float, float, float, float], ...] = ()

    def halfspaces(self) -> Floats:
        """Normals and offsets (K, 4) of the half spaces whose intersection this is."""
        rows: list[tuple[float, ...]] = list(self.planes)
        for axis, bounds in enumerate((self.x, self.y, self.z)):
            for sign, bound in zip((-1.0, 1.0), bounds, strict=True):
                if bound is not None:
                    rows.append((*(sign * np.eye(3)[axis]), sign * bound))
        if self.round is not None:
            x, y, radius = self.round
            for angle in 2 * np.pi * np.arange(SIDES) / SIDES:
                c, s = float(np.cos(angle)), float(np.sin(angle))
                rows.append((c, s, 0.0, c * x + s * y + radius))
        return np.array(rows).reshape(-1, 4)


Regions = Annotated[tuple[Region, ...], Meta(min_length=1, max_length=50)]


@dataclass(frozen=True)
class ScanNotes(Settings, title="scan"):
    """See the module. Parts are looked for in their order; what is in none is the ``rest``.

    ``scale``: metres per unit of the file. ``turn_deg``: about x, then y, then z, before anything
    else. ``density_kg_m3`` gives the mass where ``mass_kg`` is not known. ``serves``: affordance
    and its parts, where the family is not one of the package's, or serves otherwise.
    """

    family: PartName
    scale: Positive = 1.0
    turn_deg: Triple = (0.0, 0.0, 0.0)
    mass_kg: Mass | None = None
    density_kg_m3: Annotated[float, Meta(gt=0, le=25_000)] = 500.0
    parts: dict[PartName, Regions] | None = None
    rest: PartName = "body"
    serves: dict[PartName, tuple[PartName, ...]] | None = None

    @property
    def regions(self) -> list[tuple[str, Floats]]:
        """Part and half spaces of every region."""
        return [
            (part, region.halfspaces())
            for part, regions in (self.parts or {}).items()
            for region in regions
        ]

    def part_names(self) -> tuple[str, ...]:
        """All parts."""
        return (*(self.parts or {}), self.rest)


def read_notes(path: Path) -> dict[str, ScanNotes]:
    """What is said of each object."""
    return {
        name: build(ScanNotes, values, f"{path}: {name}")
        for name, values in read_mapping(path).items()
    }


def parts_of_points(notes: ScanNotes, points_m: Floats) -> NDArray[np.str_]:
    """The part (N,) in which each point (N, 3) lies."""
    names = np.full(len(points_m), notes.rest, dtype="U40")
    free = np.ones(len(points_m), bool)
    for part, spaces in notes.regions:
        inside = free & (points_m @ spaces[:, :3].T <= spaces[:, 3]).all(axis=1)
        names[inside] = part
        free &= ~inside
    return names
