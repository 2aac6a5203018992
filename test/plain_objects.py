"""Plain solids on the table, whose right grasp is known, for tests of the simulated world."""

from collections.abc import Callable
from contextlib import closing

import numpy as np

from affordance_grasp.geometry import Floats, pose
from affordance_grasp.simulation.objects.primitive import (
    HouseholdObject,
    Material,
    Primitive,
    Shape,
)

RED = Material((0.8, 0.25, 0.15, 1.0))
LYING = (np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0)


def solid(part, shape, size, position_m, quaternion_wxyz=(1.0, 0.0, 0.0, 0.0)) -> Primitive:
    return Primitive(part, shape, size, position_m, quaternion_wxyz, RED)


def thing(mass_kg: float, *primitives: Primitive) -> HouseholdObject:
    return HouseholdObject("thing", 0, primitives, (), mass_kg)


def box(mass_kg=0.2) -> HouseholdObject:
    return thing(mass_kg, solid("body", Shape.BOX, (0.02, 0.03, 0.03), (0, 0, 0.03)))


def thin_bar(mass_kg=0.1) -> HouseholdObject:
    return thing(mass_kg, solid("body", Shape.BOX, (0.09, 0.005, 0.005), (0, 0, 0.005)))


def rod(mass_kg=0.1) -> HouseholdObject:
    return thing(mass_kg, solid("body", Shape.CAPSULE, (0.005, 0.08), (0, 0, 0.005), LYING))


def plate(mass_kg=0.1) -> HouseholdObject:
    return thing(mass_kg, solid("body", Shape.BOX, (0.09, 0.012, 0.002), (0, 0, 0.002)))


def upright_handle(mass_kg=0.25) -> HouseholdObject:
    base = solid("base", Shape.BOX, (0.03, 0.03, 0.006), (0, 0, 0.006))
    return thing(mass_kg, base, solid("handle", Shape.CAPSULE, (0.006, 0.04), (0, 0, 0.05)))


def pan(mass_kg=0.6) -> HouseholdObject:
    body = solid("body", Shape.CYLINDER, (0.09, 0.02), (-0.17, 0, 0.02))
    return thing(mass_kg, body, solid("handle", Shape.CAPSULE, (0.009, 0.08), (0, 0, 0.03), LYING))


# name -> maker, height of the fingertips at closure [m], turn of the closing direction about z
# against the object's x, width at closure [m]
GRASPS: dict[str, tuple[Callable[..., HouseholdObject], float, float, float]] = {
    "box": (box, 0.030, 0.0, 0.040),
    "thin_bar": (thin_bar, 0.002, np.pi / 2, 0.010),
    "rod": (rod, 0.002, np.pi / 2, 0.010),
    "plate": (plate, 0.0012, np.pi / 2, 0.024),
    "upright_handle": (upright_handle, 0.060, 0.0, 0.012),
    "pan": (pan, 0.025, np.pi / 2, 0.018),
}


def grasp_from_above(name: str, T_base_object: Floats) -> Floats:
    """The right tcp pose at closure, (4, 4) in the base frame."""
    _, height_m, turn, _ = GRASPS[name]
    c, s = np.cos(turn), np.sin(turn)
    down = np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])
    return T_base_object @ pose(down, [0, 0, height_m])


def part_masks(world, groups):
    """Name -> pixels of the wrist image that show these parts now; of the whole for None."""
    with closing(world.observer()) as observer:
        return observer.part_masks(world.state(), groups)
