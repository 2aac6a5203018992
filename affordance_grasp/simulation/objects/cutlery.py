"""Knife, spoon, fork and toothbrush."""

import numpy as np
from numpy.random import Generator

from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Material, Shape


def knife(rng: Generator) -> tuple[Assembly, float]:
    """A kitchen knife on its side: handle in -x, blade in +x, edge in -y."""
    out, steel = Assembly(), materials.steel(rng)
    length, width = rng.uniform(0.100, 0.128), rng.uniform(0.021, 0.027)
    thick = rng.uniform(0.012, 0.017)
    skin = materials.grip(rng)
    height = thick / 2
    out.slab("handle", (-length, 0, height), (0, 0, height), (width, thick), skin)
    if rng.uniform() < 0.5:
        for share in (0.25, 0.5, 0.75):
            at = (-length * share, 0, height)
            out.disc("handle", at, 0.0032, thick + 0.0008, steel, solid=False)
    _blade(out, rng, width, height, steel)
    return out, float(rng.uniform(0.09, 0.16))


def _blade(out: Assembly, rng: Generator, width: float, height: float, steel: Material) -> None:
    length, deep = rng.uniform(0.120, 0.180), width * rng.uniform(1.15, 1.6)
    spine, level = width * 0.45, height * 0.5
    belly = rng.uniform(1.6, 3.0)
    out.bar("blade", (-0.004, 0, height), (0.012, 0, height), (width * 0.9, 0.008), steel)
    t = np.linspace(0, 1, 10)
    x, edge = 0.008 + length * t, spine - deep * (1 - t**belly)
    for i in range(9):  # filled up to the edge, then thin bars along the edge hide the steps
        low = edge[i + 1] + 0.0015
        a, b = (np.array([x[j], (spine + low) / 2, level]) for j in (i, i + 1))
        out.bar("blade", a, b, (max(spine - low, 0.003), 0.002), steel)
        inner = np.array([0.0, 0.002, 0.0])
        a, b = (np.array([x[j], edge[j], level]) + inner for j in (i, i + 1))
        out.bar("blade", a, b, (0.004, 0.002), steel)


def _arched(length_m: float, rise_m: float, level_m: float, n: int = 6) -> Floats:
    """Path (n, 3) of a handle from its end at -x to the neck at x = 0, curving up between."""
    t = np.linspace(0, 1, n)
    z = level_m + rise_m * np.sin(np.pi * t * 0.75 + 0.25 * np.pi * (1 - t))
    return np.stack([-length_m * (1 - t), np.zeros(n), z], axis=1)


def _flat_handle(out: Assembly, rng: Generator, skin: Material, thick: float) -> Floats:
    """Flat bars that widen to the end, then a narrow neck; returns the point where it ends."""
    length, end = rng.uniform(0.105, 0.140), rng.uniform(0.012, 0.019)
    neck = rng.uniform(0.006, 0.008)
    path = _arched(length, rng.uniform(0.006, 0.012), thick / 2, 8)
    widths = np.interp(np.linspace(0, 1, 7), (0, 0.15, 1), (end, end * 0.95, neck))
    for i, width in enumerate(widths):
        part = "handle" if i < 5 else "neck"
        out.bar(part, path[i], path[i + 1], (float(width), thick), skin)
    out.disc("handle", path[0], end / 2, thick, skin)
    return np.asarray(path[-1])


def spoon(rng: Generator) -> tuple[Assembly, float]:
    """A table spoon of steel or a cooking spoon of wood."""
    out = Assembly()
    wooden = rng.uniform() < 0.35
    skin = materials.wood(rng) if wooden else materials.steel(rng)
    long, wide = rng.uniform(0.024, 0.032), rng.uniform(0.016, 0.022)
    if wooden:
        length, radius = rng.uniform(0.130, 0.175), rng.uniform(0.0042, 0.0058)
        path = _arched(length, rng.uniform(0.004, 0.008), radius)
        out.chain("handle", path[:-1], radius, skin)
        out.rod("neck", path[-2], path[-1], radius, skin)
        joint = path[-1]
    else:
        joint = _flat_handle(out, rng, skin, rng.uniform(0.003, 0.0045))
    centre = np.array([long * 0.92, 0, 0.0062])
    out.rod("neck", joint, (long * 0.2, 0, 0.006), 0.003, skin)
    out.add("head", Shape.ELLIPSOID, (long, wide, 0.006), centre, skin)
    dark = Material(tuple(0.62 * c for c in skin.rgba[:3]) + (1.0,), skin.specular, skin.shininess)
    hollow = (long * 0.86, wide * 0.84, 0.004)
    out.add("head", Shape.ELLIPSOID, hollow, centre + [0, 0, 0.0026], dark, solid=False)
    return out, float(rng.uniform(0.05, 0.08))


def fork(rng: Generator) -> tuple[Assembly, float]:
    """A table fork with three or four tines in +x."""
    out, skin = Assembly(), materials.steel(rng)
    joint = _flat_handle(out, rng, skin, rng.uniform(0.003, 0.0045))
    wide, long = rng.uniform(0.020, 0.026), rng.uniform(0.038, 0.052)
    root = np.array([0.018, 0.0, 0.004])
    out.rod("neck", joint, root, 0.0032, skin)
    palm = (0.010, wide / 2, 0.0016)
    out.add("tines", Shape.ELLIPSOID, (0.012, wide / 2, 0.0025), root + [0.002, 0, 0], skin)
    out.add("tines", Shape.BOX, palm, root + [0.008, 0, 0], skin)
    for y in np.linspace(-1, 1, int(rng.integers(3, 5))) * (wide / 2 - 0.0015):
        bend = root + [0.008 + long * 0.6, y, -0.001]
        tip = root + [0.008 + long, y * 0.95, 0.003]
        out.chain("tines", [root + [0.010, y, 0], bend, tip], 0.0015, skin)
    return out, float(rng.uniform(0.05, 0.08))


def toothbrush(rng: Generator) -> tuple[Assembly, float]:
    """A toothbrush on its back, bristles up, head in +x."""
    out, skin, pad = Assembly(), materials.plastic(rng), materials.plastic(rng)
    length, width = rng.uniform(0.095, 0.115), rng.uniform(0.012, 0.015)
    thick = rng.uniform(0.009, 0.012)
    level = thick / 2
    out.slab("handle", (-length, 0, level), (0, 0, level), (width, thick), skin)
    inlay = (-length * 0.8, 0, thick), (-length * 0.15, 0, thick)
    out.bar("handle", *inlay, (width * 0.45, 0.0012), pad, solid=False)
    neck = rng.uniform(0.028, 0.040)
    out.chain("neck", [(-0.004, 0, level), (neck, 0, 0.005)], 0.0038, skin)
    head, wide = rng.uniform(0.026, 0.034), rng.uniform(0.010, 0.013)
    out.slab("head", (neck, 0, 0.005), (neck + head, 0, 0.005), (wide, 0.005), skin)
    tall = rng.uniform(0.009, 0.012)
    colors = [materials.ceramic(rng), materials.plastic(rng)]
    rows = int(rng.integers(4, 7))
    for i, x in enumerate(np.linspace(neck + 0.004, neck + head - 0.004, rows)):
        size = (head / rows * 0.42, wide * 0.40, tall / 2)
        out.add("head", Shape.BOX, size, (x, 0, 0.0072 + tall / 2), colors[i % 2])
    return out, float(rng.uniform(0.05, 0.07))
