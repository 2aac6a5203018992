"""Turner, ladle and garden trowel."""

import numpy as np
from numpy.random import Generator

from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Material


def turner(rng: Generator) -> tuple[Assembly, float]:
    """A kitchen turner on its back: handle in -x, a flat blade, mostly slotted, in +x."""
    out, metal, skin = Assembly(), materials.steel(rng), materials.grip(rng)
    length, width, thick = rng.uniform(0.110, 0.145), rng.uniform(0.018, 0.024), 0.012
    out.slab("handle", (-length, 0, thick / 2), (0, 0, thick / 2), (width, thick), skin)
    sheet = metal if rng.uniform() < 0.6 else materials.plastic(rng)
    reach, long = rng.uniform(0.040, 0.060), rng.uniform(0.070, 0.095)
    wide, flat = rng.uniform(0.056, 0.080), 0.003
    path = [(-0.004, 0, thick / 2), (reach * 0.6, 0, 0.012), (reach, 0, 0.004)]
    out.chain("neck", path, 0.0038, sheet)
    end = reach + long
    out.bar(
        "blade", (reach * 0.9, 0, 0.0025), (reach + 0.02, 0, flat / 2), (wide * 0.6, flat), sheet
    )
    out.bar("blade", (reach + 0.008, 0, flat / 2), (end, 0, flat / 2), (wide, flat), sheet)
    if rng.uniform() < 0.7:
        dark = Material((0.09, 0.09, 0.10, 1.0), 0.1, 0.1)
        for y in np.linspace(-0.3, 0.3, int(rng.integers(3, 6))) * wide:
            a, b = (reach + 0.3 * long, y, flat), (end - 0.15 * long, y, flat)
            out.bar("blade", a, b, (wide * 0.07, 0.0008), dark, solid=False)
    return out, float(rng.uniform(0.07, 0.14))


def ladle(rng: Generator) -> tuple[Assembly, float]:
    """A ladle that stands on its bowl and the end of its handle in -x, which is a hook."""
    out, skin = Assembly(), materials.steel(rng)
    if rng.uniform() < 0.4:
        skin = materials.plastic(rng)
    radius, height = rng.uniform(0.034, 0.044), rng.uniform(0.026, 0.034)
    foot = radius * rng.uniform(0.55, 0.70)
    t = np.linspace(0, 1, 5)
    curve = [
        (float(foot + (radius - foot) * s**0.55), float(0.003 + (height - 0.003) * s)) for s in t
    ]
    out.shell("bowl", [(foot * 0.96, 0), *curve], 0.0025, skin)
    out.disc("bowl", (0, 0, 0.003), foot * 0.97, 0.005, skin)
    bar, length = rng.uniform(0.0038, 0.0052), rng.uniform(0.150, 0.190)
    start, end = np.array([-radius, 0, height - bar]), np.array([-radius - length, 0, bar])
    middle = (start + end) / 2 + [0, 0, rng.uniform(0.012, 0.024)]
    out.chain("handle", [start, (start + middle) / 2 + [0, 0, 0.006], middle, end], bar, skin)
    bend = rng.uniform(0.009, 0.012)
    angle = np.linspace(-np.pi / 2, np.pi * 0.75, 7)
    hook = [end + [-bend * np.cos(a), 0, bend * (1 + np.sin(a))] for a in angle]
    out.chain("hook", np.array(hook), bar * 0.9, skin)
    return out, float(rng.uniform(0.09, 0.16))


def trowel(rng: Generator) -> tuple[Assembly, float]:
    """A garden trowel on its back: handle in -x, a pointed, hollow blade in +x."""
    out, metal, skin = Assembly(), materials.steel(rng), materials.grip(rng)
    if rng.uniform() < 0.3:
        metal = materials.plastic(rng)
    length, radius = rng.uniform(0.095, 0.120), rng.uniform(0.0100, 0.0130)
    out.rod("handle", (-length, 0, radius), (0, 0, radius), radius, skin)
    reach = rng.uniform(0.030, 0.045)
    path = [(-0.004, 0, radius), (reach * 0.5, 0, radius), (reach + 0.012, 0, 0.0045)]
    out.chain("neck", path, 0.0042, metal)
    _pointed_blade(out, rng, reach, metal)
    return out, float(rng.uniform(0.12, 0.22))


def _pointed_blade(out: Assembly, rng: Generator, start: float, metal: Material) -> None:
    """Bars across that narrow to a point, with raised edges on both sides."""
    long, wide, point = rng.uniform(0.115, 0.140), rng.uniform(0.050, 0.070), rng.uniform(1.8, 3.2)
    steps = np.linspace(0, 1, 15)
    half = wide / 2 * np.clip((1 - steps**point) * (0.75 + 0.25 * np.sin(np.pi * steps)), 0.04, 1)
    x = start + long * steps
    for i in range(14):
        a, b = (np.array([x[j], 0, 0.0018]) for j in (i, i + 1))
        out.bar("blade", a, b, (half[i] + half[i + 1], 0.0022), metal)
    for sign in (-1, 1):
        edge = np.stack([x, sign * half, np.full_like(x, 0.0032)], axis=1)
        out.chain("blade", edge, 0.0022, metal)
