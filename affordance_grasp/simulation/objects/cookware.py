"""Pan and pressure cooker."""

import numpy as np
from numpy.random import Generator

from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Material, Shape


def pan(rng: Generator) -> tuple[Assembly, float]:
    """A flat pan with one long handle in +x."""
    out, skin = Assembly(), materials.cookware(rng)
    inner = materials.cookware(rng) if rng.uniform() < 0.5 else skin
    radius, height = rng.uniform(0.075, 0.098), rng.uniform(0.032, 0.048)
    base = radius * rng.uniform(0.80, 0.92)
    middle = base + (radius - base) * 0.6, height * 0.5
    out.shell("wall", [(base * 0.97, 0), (base, 0.003), middle, (radius, height)], 0.003, skin)
    out.disc("inside", (0, 0, 0.0028), base * 0.98, 0.005, inner)
    length, rise = rng.uniform(0.125, 0.155), rng.uniform(0.006, 0.022)
    width, thick = rng.uniform(0.020, 0.025), rng.uniform(0.014, 0.018)
    root, stub = np.array([radius - 0.004, 0, height - 0.010]), rng.uniform(0.018, 0.030)
    neck = root + [stub, 0, rise * 0.3]
    metal = materials.steel(rng)
    skin_handle = materials.grip(rng) if rng.uniform() < 0.75 else skin
    out.bar("bracket", root, neck + [0.006, 0, 0], (width * 0.75, 0.008), metal)
    end = neck + [length, 0, rise]
    out.slab("handle", neck, end, (width, thick), skin_handle)
    if rng.uniform() < 0.6:
        out.disc("handle", end - [0.014, 0, 0], 0.005, thick + 0.001, metal, solid=False)
    return out, float(rng.uniform(0.38, 0.55))


def pressure_cooker(rng: Generator) -> tuple[Assembly, float]:
    """A lidded pot with a long handle in +x, mostly a short one in -x, and a valve on the lid."""
    out, skin, dark = Assembly(), materials.steel(rng), materials.plastic(rng)
    if rng.uniform() < 0.2:
        skin = materials.ceramic(rng)
    radius, height = rng.uniform(0.078, 0.095), rng.uniform(0.080, 0.105)
    body = [(radius * 0.95, 0), (radius, 0.006), (radius, height)]
    out.shell("body", body, 0.002, skin)
    out.disc("body", (0, 0, 0.003), radius * 0.96, 0.005, skin)
    rim, dome = radius + 0.004, rng.uniform(0.010, 0.020)
    out.disc("lid", (0, 0, height + 0.004), rim, 0.010, skin)
    size = (rim * 0.94, rim * 0.94, dome)
    out.add("lid", Shape.ELLIPSOID, size, (0, 0, height + 0.007), skin)
    _valve(out, rng, height + 0.007 + dome, materials.steel(rng), dark)
    _cooker_handles(out, rng, rim, height + 0.003, dark)
    return out, float(rng.uniform(0.34, 0.48))


def _valve(out: Assembly, rng: Generator, top: float, metal: Material, dark: Material) -> None:
    radius, height = rng.uniform(0.011, 0.015), rng.uniform(0.018, 0.026)
    out.disc("knob", (0, 0, top + 0.004), 0.007, 0.014, metal)
    out.disc("knob", (0, 0, top + 0.008 + height / 2), radius, height, dark)
    red = Material((0.8, 0.1, 0.08, 1.0))
    if rng.uniform() < 0.4:
        out.disc("knob", (0, 0, top + 0.009 + height), radius * 0.5, 0.004, red, solid=False)
    if rng.uniform() < 0.6:
        out.disc("lid", (0.035, 0.012, top - 0.001), 0.006, 0.008, red)


def _cooker_handles(
    out: Assembly, rng: Generator, rim: float, level: float, dark: Material
) -> None:
    length = rng.uniform(0.125, 0.155)
    width, thick = rng.uniform(0.023, 0.028), rng.uniform(0.017, 0.022)
    root = np.array([rim - 0.006, 0, level])
    out.bar("bracket", root - [0.018, 0, -0.006], root + [0.012, 0, 0.004], (width, 0.012), dark)
    end = root + [length, 0, rng.uniform(-0.004, 0.008)]
    out.slab("handle", root, end, (width, thick), dark)
    if rng.uniform() < 0.6:
        stub = rng.uniform(0.030, 0.042)
        start = np.array([-rim + 0.006, 0, level - 0.004])
        out.slab("helper_handle", start, start - [stub, 0, 0], (0.045, 0.014), dark)
