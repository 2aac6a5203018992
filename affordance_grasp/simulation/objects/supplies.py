"""Tube, jar, sponge, plug, flashlight, lamp and hanger."""

import numpy as np
from numpy.random import Generator

from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Material, Shape, Shell

ALONG_X = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
"""Turns an upright cylinder into one along +x."""


def tube(rng: Generator) -> tuple[Assembly, float]:
    """A tube of paste on its side: flat end in -x, cap in +x."""
    out, skin, band = Assembly(), materials.plastic(rng), materials.plastic(rng)
    if rng.uniform() < 0.5:
        skin = materials.ceramic(rng)
    length, radius = rng.uniform(0.100, 0.140), rng.uniform(0.014, 0.019)
    wide = radius * rng.uniform(1.35, 1.6)
    overlap = length * 0.13
    for step in np.linspace(0, 1, 18):
        thick = 0.002 + (radius - 0.002) * step**0.7
        size = (overlap, wide + (radius - wide) * step, thick)
        look = band if 0.35 < step < 0.7 else skin
        out.add("body", Shape.ELLIPSOID, size, (-length * (1 - step), 0, thick), look)
    crimp = (-length - 0.012, 0, 0.002), (-length + 0.004, 0, 0.002)
    out.bar("body", *crimp, (2 * wide, 0.0035), skin)
    cap, deep = radius * rng.uniform(0.65, 0.95), rng.uniform(0.016, 0.024)
    at = (overlap * 0.8 + deep / 2, 0, radius)
    out.add("cap", Shape.CYLINDER, (cap, deep / 2), at, materials.plastic(rng), R=ALONG_X)
    return out, float(rng.uniform(0.06, 0.14))


def jar(rng: Generator) -> tuple[Assembly, float]:
    """A wide-necked jar with a screw lid."""
    out = Assembly()
    skin = (materials.glass, materials.plastic, materials.ceramic)[rng.integers(3)](rng)
    radius, height = rng.uniform(0.028, 0.036), rng.uniform(0.070, 0.105)
    neck = radius * rng.uniform(0.84, 0.95)
    body = [(radius * 0.94, 0), (radius, 0.005), (radius, height * 0.88), (neck, height)]
    out.shell("body", body, 0.003, skin, full=True)
    out.disc("body", (0, 0, 0.003), radius * 0.93, 0.006, skin)
    if rng.uniform() < 0.6:
        low, high = (float(height * s) for s in (rng.uniform(0.1, 0.25), rng.uniform(0.6, 0.8)))
        rim = ((radius + 0.0005, low), (radius + 0.0005, high))
        out.shells.append(Shell("body", rim, 0.0006, (0, 0, 0), materials.plastic(rng)))
    lid = materials.steel(rng) if rng.uniform() < 0.5 else materials.plastic(rng)
    deep = rng.uniform(0.013, 0.020)
    out.disc("lid", (0, 0, height + deep / 2 - 0.002), neck + 0.0025, deep, lid)
    ring = Material((*(0.75 * c for c in lid.rgba[:3]), 1.0), lid.specular, lid.shininess)
    out.disc("lid", (0, 0, height + deep - 0.002), neck * 0.8, 0.0008, ring, solid=False)
    return out, float(rng.uniform(0.12, 0.32))


def sponge(rng: Generator) -> tuple[Assembly, float]:
    """A sponge with a scouring pad on top."""
    out = Assembly()
    foam = materials.plastic(rng)
    foam = Material(foam.rgba, 0.02, 0.05, "speckle", 300.0)
    rough = materials.rubber(rng)
    long, wide = rng.uniform(0.080, 0.110), rng.uniform(0.048, 0.068)
    thick, pad = rng.uniform(0.020, 0.030), rng.uniform(0.005, 0.009)
    out.bar("body", (-long / 2, 0, thick / 2), (long / 2, 0, thick / 2), (wide, thick), foam)
    level = thick + pad / 2
    out.bar("pad", (-long / 2, 0, level), (long / 2, 0, level), (wide, pad), rough)
    return out, float(rng.uniform(0.05, 0.09))


def plug(rng: Generator) -> tuple[Assembly, float]:
    """A mains plug on its side: prongs in +x, its cable in a curve to -x."""
    out, skin, metal = Assembly(), materials.plastic(rng), materials.steel(rng)
    if rng.uniform() < 0.4:
        skin = materials.ceramic(rng)
    long, wide, thick = (
        rng.uniform(0.036, 0.048),
        rng.uniform(0.030, 0.040),
        rng.uniform(0.018, 0.026),
    )
    level = thick / 2
    out.bar("body", (-long, 0, level), (0, 0, level), (wide, thick), skin)
    out.bar(
        "body", (-long - 0.014, 0, level), (-long, 0, level), (wide * 0.55, thick * 0.75), skin
    )
    reach = rng.uniform(0.017, 0.022)
    for side in (-0.28, 0.28) if rng.uniform() < 0.6 else (-0.3, 0.0, 0.3):
        at = (0, side * wide, level)
        out.rod("prongs", at, (reach, side * wide, level), 0.0026, metal)
    cord, turn = rng.uniform(0.0026, 0.0036), rng.uniform(-1.0, 1.0)
    t = np.linspace(0, 1, 12)
    x = -long - 0.010 - rng.uniform(0.07, 0.11) * np.sin(t * np.pi * 0.6)
    y = rng.choice([-1, 1]) * 0.10 * t**1.5 + 0.02 * turn * np.sin(2 * np.pi * t)
    z = level + (cord - level) * np.clip(t * 4, 0, 1)
    out.chain("cable", np.stack([x, y, z], axis=1), cord, skin)
    return out, float(rng.uniform(0.06, 0.10))


def flashlight(rng: Generator) -> tuple[Assembly, float]:
    """A flashlight on its side, head in +x, its button up; a flat head keeps it from rolling."""
    out = Assembly()
    skin = materials.steel(rng) if rng.uniform() < 0.5 else materials.plastic(rng)
    length, radius = rng.uniform(0.095, 0.130), rng.uniform(0.012, 0.016)
    head, deep = radius * rng.uniform(1.25, 1.55), rng.uniform(0.026, 0.038)
    out.add("body", Shape.CYLINDER, (radius, length / 2), (-length / 2, 0, head), skin, R=ALONG_X)
    _octagon(out, "tail", -length - 0.006, (0.008, head), skin)
    _octagon(out, "head", deep / 2, (deep / 2, head), skin)
    glass = materials.glass(rng)
    lens = (head * 0.85, 0.0015)
    out.add("head", Shape.CYLINDER, lens, (deep + 0.001, 0, head), glass, R=ALONG_X, solid=False)
    at = (-length * rng.uniform(0.15, 0.4), 0, head + radius)
    out.disc("button", at, rng.uniform(0.0065, 0.0085), 0.006, materials.rubber(rng))
    return out, float(rng.uniform(0.09, 0.18))


def _octagon(
    out: Assembly, part: str, x: float, size: tuple[float, float], skin: Material
) -> None:
    """An eight-sided prism along +x of half length and radius ``size``, on one of its sides."""
    half, radius = size
    side = radius * np.tan(np.pi / 8)
    for angle in np.arange(4) * np.pi / 4:
        c, s = np.cos(angle), np.sin(angle)
        R = np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])
        out.add(part, Shape.BOX, (half, side, radius), (x, 0, radius), skin, R=R)


def lamp(rng: Generator) -> tuple[Assembly, float]:
    """A small table lamp: a heavy base with a switch in +x, a stem and a shade."""
    out, metal = Assembly(), materials.steel(rng)
    skin = materials.ceramic(rng) if rng.uniform() < 0.5 else metal
    radius, thick = rng.uniform(0.050, 0.062), rng.uniform(0.012, 0.018)
    out.disc("base", (0, 0, thick / 2), radius, thick, skin)
    back, tall = -radius * rng.uniform(0.3, 0.6), rng.uniform(0.150, 0.200)
    out.rod("stem", (back, 0, thick), (back, 0, tall), rng.uniform(0.0045, 0.0065), metal)
    low, high, deep = (
        rng.uniform(0.032, 0.042),
        rng.uniform(0.018, 0.026),
        rng.uniform(0.045, 0.060),
    )
    cloth = materials.ceramic(rng)
    cloth = Material(cloth.rgba, 0.1, 0.1, "", 200.0)
    out.shell("shade", [(low, 0), (high, deep)], 0.0025, cloth, centre=(back, 0, tall - deep / 3))
    at = (radius * rng.uniform(0.45, 0.62), 0, thick + 0.003)
    out.disc("switch", at, rng.uniform(0.008, 0.011), 0.007, materials.plastic(rng))
    return out, float(rng.uniform(0.40, 0.70))


def hanger(rng: Generator) -> tuple[Assembly, float]:
    """A child's coat hanger that lies flat: its hook in +y, its bar in -y."""
    out = Assembly()
    skin = (materials.wood, materials.plastic, materials.steel)[rng.integers(3)](rng)
    half, drop, bar = (
        rng.uniform(0.125, 0.160),
        rng.uniform(0.045, 0.070),
        rng.uniform(0.0045, 0.0065),
    )
    peak, level = np.array([0.0, 0.0, bar]), bar
    for sign in (-1, 1):
        shoulder = np.array([sign * half * 0.5, -drop * rng.uniform(0.38, 0.48), level])
        end = np.array([sign * half, -drop, level])
        out.chain("shoulder", [peak, shoulder, end], bar, skin)
    out.rod("bar", (-half, -drop, level), (half, -drop, level), bar * 0.8, skin)
    bend, neck = rng.uniform(0.019, 0.025), rng.uniform(0.020, 0.035)
    wire = min(bar * 0.75, 0.004)
    angle = np.linspace(-np.pi / 2, np.pi * 0.8, 9)
    arc = [(bend * np.cos(a), neck + bend * (1 + np.sin(a)), level) for a in angle]
    out.chain("hook", np.array([(0, 0, level), *arc]), wire, materials.steel(rng))
    return out, float(rng.uniform(0.06, 0.11))
