"""Wrench, screwdriver, hammer, scissors and axe."""

import numpy as np
from numpy.random import Generator

from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Material, Shape


def wrench(rng: Generator) -> tuple[Assembly, float]:
    """A flat spanner: open jaw in +x, and a ring, a second jaw or a plain end in -x."""
    out, skin = Assembly(), materials.steel(rng)
    thick, width = rng.uniform(0.0045, 0.0060), rng.uniform(0.013, 0.018)
    length, level = rng.uniform(0.105, 0.145), thick / 2
    out.slab("handle", (-length, 0, level), (0, 0, level), (width, thick), skin)
    if rng.uniform() < 0.6:
        inlay = materials.rubber(rng) if rng.uniform() < 0.5 else materials.steel(rng)
        ends = (-length * 0.85, 0, thick), (-length * 0.15, 0, thick)
        out.bar("handle", *ends, (width * 0.5, 0.0006), inlay, solid=False)
    jaw = rng.uniform(0.011, 0.014)
    _jaw(out, np.array([jaw, 0.0, level]), jaw, thick, turn=rng.uniform(-0.4, 0.4), skin=skin)
    end = ("ring", "jaw", "plain")[rng.integers(3)]
    beyond = np.array([-length - jaw * 0.8, 0.0, level])
    if end == "ring":
        _ring(out, beyond, jaw * 0.8, thick, skin)
    elif end == "jaw":
        _jaw(out, beyond, jaw * 0.8, thick, turn=np.pi, skin=skin)
    else:
        out.disc("handle", (-length, 0, level), width / 2, thick, skin)
    return out, float(rng.uniform(0.08, 0.16))


def _jaw(
    out: Assembly, centre: np.ndarray, radius: float, thick: float, *, turn: float, skin: Material
) -> None:
    """A fork of two prongs that opens in direction ``turn`` [rad] about the vertical."""
    forward = np.array([np.cos(turn), np.sin(turn), 0.0])
    side = np.array([-np.sin(turn), np.cos(turn), 0.0])
    out.disc("jaw", centre - forward * radius * 0.55, radius * 1.05, thick + 0.001, skin)
    for sign in (-1, 1):
        root = centre - forward * radius * 0.6 + sign * side * radius * 0.95
        tip = centre + forward * radius * 1.25 + sign * side * radius * 0.85
        out.bar("jaw", root, tip, (radius * 0.68, thick + 0.001), skin)
        out.disc("jaw", tip, radius * 0.34, thick + 0.001, skin)


def _ring(out: Assembly, centre: np.ndarray, radius: float, thick: float, skin: Material) -> None:
    angle = np.linspace(0, 2 * np.pi, 13)
    around = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) * radius
    for start, end in zip(around[:-1], around[1:], strict=True):
        stretch = (end - start) * 0.12
        a, b = centre + start - stretch, centre + end + stretch
        out.bar("ring", a, b, (0.006, thick + 0.001), skin)


def screwdriver(rng: Generator) -> tuple[Assembly, float]:
    """A screwdriver on its side, tip in +x; six ridges keep the handle from rolling."""
    out, skin, metal = Assembly(), materials.plastic(rng), materials.steel(rng)
    ridge = materials.rubber(rng) if rng.uniform() < 0.5 else skin
    length, radius = rng.uniform(0.085, 0.108), rng.uniform(0.0115, 0.0150)
    out.rod("handle", (-length + radius, 0, 0), (-radius, 0, 0), radius * 0.93, skin)
    bump = radius * 0.42
    for angle in np.arange(6) * np.pi / 3 + np.pi / 6:
        side = np.array([0.0, np.cos(angle), np.sin(angle)]) * (radius * 1.02 - bump)
        a, b = np.array([-length * 0.86, 0, 0]) + side, np.array([-length * 0.20, 0, 0]) + side
        out.rod("handle", a, b, bump, ridge)
    collar = rng.uniform(0.007, 0.010)
    out.rod("handle", (-radius, 0, 0), (0.006, 0, 0), collar, skin)
    reach, thin = rng.uniform(0.080, 0.125), rng.uniform(0.0028, 0.0040)
    out.rod("shaft", (0, 0, 0), (reach, 0, 0), thin, metal)
    flat = rng.uniform() < 0.5
    width = thin * (2.6 if flat else 1.5)
    tip = (reach - 0.002, 0, 0), (reach + 0.010, 0, 0)
    out.bar("tip", *tip, (width, thin * (0.9 if flat else 1.5)), metal)
    return out, float(rng.uniform(0.06, 0.12))


def _haft(
    out: Assembly, rng: Generator, size_m: tuple[float, float, float], level_m: float
) -> None:
    """A straight handle of wood, or of plastic with a rubber grip; from -x to the head at 0."""
    length_m, width_m, thick_m = size_m
    skin = materials.wood(rng) if rng.uniform() < 0.6 else materials.plastic(rng)
    start, end = np.array([-length_m, 0, level_m]), np.array([0.0, 0, level_m])
    if rng.uniform() < 0.5:
        cut = -length_m * rng.uniform(0.40, 0.55)
        joint = np.array([cut, 0, level_m])
        out.slab("handle", start, joint, (width_m, thick_m), materials.rubber(rng))
        thinner = max(width_m * 0.8, thick_m * 0.86)
        out.slab("handle", joint - [0.006, 0, 0], end, (thinner, thick_m * 0.85), skin)
    else:
        out.slab("handle", start, end, (width_m, thick_m), skin)


def hammer(rng: Generator) -> tuple[Assembly, float]:
    """A hammer on its side: claw, ball or cross peen; its face looks to -y."""
    out, metal = Assembly(), materials.steel(rng)
    radius, thick = rng.uniform(0.0115, 0.0140), rng.uniform(0.018, 0.022)
    length, width = rng.uniform(0.165, 0.205), rng.uniform(0.024, 0.030)
    _haft(out, rng, (length, width, thick), radius)
    across = np.array([0.0, 1.0, 0.0])
    centre = np.array([radius * 0.8, 0, radius])
    half = rng.uniform(0.028, 0.036)
    block = (radius * 0.95, radius * 1.2, radius * 0.95)
    out.add("head", Shape.BOX, block, centre, metal)
    out.rod("head", centre, centre - across * (half - 0.008), radius * 0.72, metal)
    size = (radius, 0.008)
    R = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    out.add("head", Shape.CYLINDER, size, centre - across * half, metal, R=R)
    _peen(out, rng, centre, half, radius, metal=metal)
    return out, float(rng.uniform(0.28, 0.42))


def _peen(
    out: Assembly,
    rng: Generator,
    centre: np.ndarray,
    half: float,
    radius: float,
    *,
    metal: Material,
) -> None:
    kind = rng.integers(3)
    across = np.array([0.0, 1.0, 0.0])
    if kind == 0:
        for sign in (-1, 1):
            root = centre + across * radius * 0.8 + [0, 0, sign * radius * 0.35]
            bend = centre + across * half * 0.85 + [-0.003, 0, sign * radius * 0.5]
            tip = centre + across * half * 1.25 + [-0.016, 0, sign * radius * 0.62]
            out.chain("head", [root, bend, tip], radius * 0.30, metal)
    elif kind == 1:
        out.rod("head", centre, centre + across * half * 0.75, radius * 0.6, metal)
        out.add("head", Shape.SPHERE, (radius * 0.9,), centre + across * half * 0.85, metal)
    else:
        for share, height in ((0.55, 0.8), (0.85, 0.55), (1.1, 0.3)):
            size = (radius * height, half * 0.2, radius * 0.9)
            out.add("head", Shape.BOX, size, centre + across * half * share, metal)


def axe(rng: Generator) -> tuple[Assembly, float]:
    """A hatchet on its side; the edge looks to -y."""
    out, metal = Assembly(), materials.steel(rng)
    if rng.uniform() < 0.35:
        metal = materials.plastic(rng)
    thick = rng.uniform(0.018, 0.022)
    level = thick / 2 + 0.001
    length, width = rng.uniform(0.190, 0.235), rng.uniform(0.024, 0.030)
    _haft(out, rng, (length, width, thick), level)
    middle = np.array([0.004, 0.0, level])
    eye = rng.uniform(0.019, 0.024)
    out.add("head", Shape.BOX, (eye, width * 0.62, thick / 2 + 0.001), middle, metal)
    reach, edge = rng.uniform(0.055, 0.075), rng.uniform(0.032, 0.044)
    steps = np.linspace(0, 1, 11)
    bright = materials.steel(rng)
    for start, end in zip(steps[:-1], steps[1:], strict=True):
        share = (start + end) / 2
        half = eye + (edge - eye) * share**1.4
        size = (half, reach * 0.05 + 0.0012, (thick / 2) * (1 - 0.85 * share))
        at = middle - [0.006 * share, width * 0.5 + reach * share, 0]
        out.add("head", Shape.BOX, size, at, bright if end > 0.85 else metal)
    return out, float(rng.uniform(0.30, 0.42))


def scissors(rng: Generator) -> tuple[Assembly, float]:
    """Scissors lying a little open: loops in -x, blades in +x."""
    out, skin, metal = Assembly(), materials.plastic(rng), materials.steel(rng)
    open_rad = rng.uniform(0.06, 0.20)
    length, loop = rng.uniform(0.075, 0.100), rng.uniform(0.017, 0.020)
    bar = rng.uniform(0.0042, 0.0052)
    stem = rng.uniform(0.035, 0.045)
    for sign in (-1, 1):
        _scissor_half(out, sign, open_rad, sizes=(length, stem, loop, bar), skin=skin, metal=metal)
    out.disc("blade", (0, 0, bar), 0.005, 0.008, materials.steel(rng))
    return out, float(rng.uniform(0.06, 0.12))


def _scissor_half(
    out: Assembly,
    sign: int,
    open_rad: float,
    *,
    sizes: tuple[float, float, float, float],
    skin: Material,
    metal: Material,
) -> None:
    """One blade that crosses over the pivot into the loop on the other side."""
    length, stem, loop, bar = sizes
    angle = sign * open_rad / 2
    forward = np.array([np.cos(angle), np.sin(angle), 0.0])
    side = np.array([-np.sin(angle), np.cos(angle), 0.0])
    level = np.array([0, 0, bar + sign * 0.0011])
    steps = np.linspace(0, 1, 9)
    for start, end in zip(steps[:-1], steps[1:], strict=True):
        width = 0.013 * (1 - 0.75 * ((start + end) / 2) ** 1.5)
        a, b = (level + forward * length * s for s in (start - 0.02, end + 0.02))
        out.bar("blade", a, b, (width, 0.0022), metal)
    root = np.array([0, 0, bar]) - forward * stem
    out.bar("blade", level, level - forward * stem * 0.6, (0.010, 0.0022), metal)
    centre = root - forward * loop * 0.9 - sign * side * loop * 0.65
    turn = np.linspace(0, 2 * np.pi, 11)
    ring = [centre + forward * 1.35 * loop * np.cos(t) + side * loop * np.sin(t) for t in turn]
    out.chain("handle", np.array(ring), bar, skin)
    out.rod("handle", -forward * stem * 0.45 + [0, 0, bar], root - sign * side * 0.004, bar, skin)
