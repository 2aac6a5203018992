"""The state of the object after a pick, judged from poses and contacts."""

from collections.abc import Iterable
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.simulation.models.fingertip import PAD_NAMES
from affordance_grasp.simulation.models.room import TABLE
from affordance_grasp.simulation.rendering.scene_camera import geom_part

LIFTED_M = 0.08
NEIGHBOUR = "neighbour"
"""Beginning of the names of bodies and geoms that stand beside the object."""
MOVED = ("arm", "gripper", "pad", "object")


@dataclass(frozen=True)
class PickOutcome:
    """The state of the object after (or during) a pick.

    ``height_m``: rise of its centre of mass above where it rested. ``lifted``: that is more than
    8 cm and nothing of it touches the table. ``held``: both pads touch it. ``parts_held``: parts
    that the pads touch, sorted. ``dropped``: it had been lifted and held before, and is not now.
    ``width_m``: distance of the fingertips. ``table_force_n``: largest force so far between the
    gripper and the table. ``met_neighbours``: which of ``arm``, ``gripper``, ``pad`` and
    ``object`` touched another thing on the table so far. ``held_neighbour``: both pads touch such
    a thing now.
    """

    lifted: bool
    height_m: float
    held: bool
    parts_held: tuple[str, ...]
    dropped: bool
    width_m: float
    table_force_n: float
    met_neighbours: tuple[str, ...] = ()
    held_neighbour: bool = False

    def held_by(self, parts: Iterable[str]) -> bool:
        """True when it is lifted and held, and every pad contact is on one of these parts."""
        return self.lifted and self.held and set(self.parts_held) <= set(parts)


class ContactReader:
    """Reads the contacts between robot, table and one object of a model."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Look up the geoms once."""
        self._model = model
        names = [model.geom(i).name for i in range(model.ngeom)]
        self._parts = [geom_part(name) for name in names]
        self._object = np.array([part is not None for part in self._parts])
        self._pads = [model.geom(name).id for name in PAD_NAMES]
        self._table = model.geom(TABLE).id
        self._neighbour = np.array([name.startswith(NEIGHBOUR) for name in names])
        self._family = np.array([name.split("/")[0] for name in names])
        self._robot = np.array([name.startswith(("pad/", "gripper/", "arm/")) for name in names])

    def parts_on_pads(self, data: mujoco.MjData) -> tuple[set[str], set[str]]:
        """Names of the object's parts that the right and the left pad touch."""
        pairs = _pairs(data)
        return self._touched(pairs, self._pads[0]), self._touched(pairs, self._pads[1])

    def object_touches_table(self, data: mujoco.MjData) -> bool:
        """True when any part of the object rests on the table."""
        return len(self._on_table(data, self._object)) > 0

    def table_force_n(self, data: mujoco.MjData) -> float:
        """Sum of the normal forces [N] with which the robot presses on the table."""
        total_n, wrench = 0.0, np.zeros(6)
        for contact in self._on_table(data, self._robot):
            mujoco.mj_contactForce(self._model, data, int(contact), wrench)
            total_n += float(wrench[0])
        return total_n

    def met_neighbours(self, data: mujoco.MjData) -> set[str]:
        """Which of arm, gripper, pad and object touch a neighbour now."""
        pairs = _pairs(data)
        met = pairs[self._neighbour[pairs].any(axis=1)]
        return {str(name) for name in self._family[met].ravel() if name in MOVED}

    def holds_neighbour(self, data: mujoco.MjData) -> bool:
        """True when both pads touch the same neighbour."""
        pairs = _pairs(data)
        right, left = (self._family[self._beside(pairs, pad)] for pad in self._pads)
        return any(str(name).startswith(NEIGHBOUR) for name in np.intersect1d(right, left))

    def _on_table(self, data: mujoco.MjData, geoms: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Indices of the contacts between the table and some geoms."""
        first, second = _pairs(data).T
        with_table = (first == self._table) | (second == self._table)
        return np.flatnonzero(with_table & (geoms[first] | geoms[second]))

    def _touched(self, pairs: NDArray[np.int32], pad: int) -> set[str]:
        others = self._beside(pairs, pad)
        return {part for geom in others if (part := self._parts[int(geom)]) is not None}

    def _beside(self, pairs: NDArray[np.int32], pad: int) -> NDArray[np.int32]:
        """Geoms that touch a pad."""
        return np.concatenate([pairs[pairs[:, 0] == pad, 1], pairs[pairs[:, 1] == pad, 0]])


def _pairs(data: mujoco.MjData) -> NDArray[np.int32]:
    """Geom indices (N, 2) of the contacts that exist now."""
    return np.asarray(data.contact.geom, np.int32).reshape(-1, 2)
