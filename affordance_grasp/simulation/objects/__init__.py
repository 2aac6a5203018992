"""Household objects with named parts: procedural ones, drawn by a seed, and imported scans."""

from collections.abc import Callable
from zlib import crc32

import numpy as np
from numpy.random import Generator

from affordance_grasp.errors import look_up
from affordance_grasp.simulation.objects import (
    cookware,
    cutlery,
    supplies,
    tools,
    utensils,
    vessels,
)
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.imported import is_imported, load_imported
from affordance_grasp.simulation.objects.primitive import HouseholdObject

FAMILIES: dict[str, Callable[[Generator], tuple[Assembly, float]]] = {
    "mug": vessels.mug,
    "knife": cutlery.knife,
    "teapot": vessels.teapot,
    "pan": cookware.pan,
    "pressure_cooker": cookware.pressure_cooker,
    "spoon": cutlery.spoon,
    "wrench": tools.wrench,
    "screwdriver": tools.screwdriver,
    "hammer": tools.hammer,
    "bottle": vessels.bottle,
    "bowl": vessels.bowl,
    "fork": cutlery.fork,
    "toothbrush": cutlery.toothbrush,
    "scissors": tools.scissors,
    "axe": tools.axe,
    "wine_glass": vessels.wine_glass,
    "turner": utensils.turner,
    "ladle": utensils.ladle,
    "trowel": utensils.trowel,
    "tube": supplies.tube,
    "jar": supplies.jar,
    "sponge": supplies.sponge,
    "plug": supplies.plug,
    "flashlight": supplies.flashlight,
    "lamp": supplies.lamp,
    "hanger": supplies.hanger,
}
FIRST_FAMILIES = tuple(FAMILIES)[:16]
"""Those of the data sets that serve AGD20K's verbs alone; later ones serve further verbs too."""

# Offsets within the SEEDS_PER_DATASET object seeds of one data set seed: training, test and picks
# have different object instances.
TRAIN_SEED_START = 0
EXO_SEED_START = 20_000
TEST_SEED_START = 50_000
TRIAL_SEED_START = 100_000
"""Objects of the simulated picks: in no image of the data set of seed 0."""
SEEDS_PER_DATASET = 1_000_000


def make_object(family: str, seed: int) -> HouseholdObject:
    """Make one instance of a family; the same family and seed give the same object.

    ``family`` may be the name of an imported object, such as ``ycb:025_mug``, one instance.
    """
    if is_imported(family):
        return load_imported(family, seed)
    make = look_up("object", family, FAMILIES)
    rng = np.random.default_rng([crc32(family.encode()), seed])
    assembly, mass_kg = make(rng)
    return assembly.finish(family, seed, mass_kg)
