"""Mug, teapot, bottle, bowl and wine glass."""

import numpy as np
from numpy.random import Generator

from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.objects import materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import Material, Shape, Shell


def ear(
    rng: Generator, style: str, top: tuple[float, float], low: tuple[float, float], reach_m: float
) -> Floats:
    """Path (N, 3) of a handle in the x-z plane from ``top`` to ``low`` (x, z), standing off +x."""
    (x_top, z_top), (x_low, z_low) = top, low
    if style == "square":
        corner = 0.18 * (z_top - z_low)
        outer = max(x_top, x_low) + reach_m
        points = [
            (x_top, z_top),
            (outer - corner, z_top),
            (outer, z_top - corner),
            (outer, z_low + corner),
            (outer - corner, z_low),
            (x_low, z_low),
        ]
        return np.array([(x, 0, z) for x, z in points])
    angle = np.linspace(np.pi / 2, -np.pi / 2, 9)
    bulge = np.cos(angle) ** (0.6 if style == "D" else 1.0)
    drop = rng.uniform(0.0, 0.15) if style == "C" else 0.0
    share = (np.sin(angle) + 1) / 2
    x = x_low + (x_top - x_low) * share + reach_m * bulge
    z = z_low + (z_top - z_low) * share - drop * (z_top - z_low) * bulge
    return np.stack([x, np.zeros_like(x), z], axis=1)


def mug(rng: Generator) -> tuple[Assembly, float]:
    """A thin-walled cup with a D-, C- or square-shaped handle."""
    out, glaze = Assembly(), materials.ceramic(rng)
    radius, height = rng.uniform(0.036, 0.046), rng.uniform(0.078, 0.108)
    base, wall = radius * rng.uniform(0.72, 1.0), 0.004
    band = height * rng.uniform(0.80, 0.86)
    at_band = base + (radius - base) * band / height
    rim = materials.ceramic(rng) if rng.uniform() < 0.3 else glaze
    inner = materials.ceramic(rng) if rng.uniform() < 0.25 else glaze
    out.shell("body", [(base * 0.94, 0), (base, 0.004), (at_band, band)], wall, glaze)
    out.shell("rim", [(at_band, band), (radius, height)], wall, rim)
    out.disc("bottom", (0, 0, 0.004), base * 0.95, 0.006, inner)
    if rng.uniform() < 0.35:
        low, high = sorted(rng.uniform(0.15, 0.75, 2) * height)
        r0, r1 = (base + (radius - base) * z / height + 0.0006 for z in (low, high))
        stripe = materials.ceramic(rng)
        out.shells.append(_decoration("body", ((r0, low), (r1, high)), stripe))
    style = ("D", "C", "square")[rng.integers(3)]
    z_top, z_low = height * rng.uniform(0.80, 0.90), height * rng.uniform(0.14, 0.24)
    bar = rng.uniform(0.0048, 0.0066)
    root = bar - wall + 0.0005  # the round end of the bar must not come out on the inside
    x_top, x_low = (base + (radius - base) * z / height + root for z in (z_top, z_low))
    path = ear(rng, style, (x_top, z_top), (x_low, z_low), rng.uniform(0.025, 0.033) + bar)
    out.chain("handle", path, bar, materials.ceramic(rng) if rng.uniform() < 0.15 else glaze)
    return out, float(rng.uniform(0.15, 0.30))


def _decoration(part: str, profile: tuple[tuple[float, float], ...], material: Material) -> Shell:
    return Shell(part, profile, 0.0006, (0.0, 0.0, 0.0), material)


def teapot(rng: Generator) -> tuple[Assembly, float]:
    """A bellied pot with a lid and knob, a spout in -x and a handle in +x."""
    out = Assembly()
    skin = materials.steel(rng) if rng.uniform() < 0.25 else materials.ceramic(rng)
    radius, height = rng.uniform(0.048, 0.060), rng.uniform(0.075, 0.100)
    belly = rng.uniform(0.35, 0.6)
    share = np.linspace(0, 1, 7)
    width = np.interp(share, (0, belly, 1), (0.68, 1.0, 0.55))
    width = 0.6 * width + 0.4 * np.sqrt(np.clip(1 - (2 * share - 1) ** 2 * 0.75, 0, 1))
    profile = [(float(radius * w), float(height * s)) for w, s in zip(width, share, strict=True)]
    out.shell("body", profile, 0.003, skin, full=True)
    out.disc("body", (0, 0, 0.004), profile[0][0] * 0.99, 0.008, skin)
    neck = profile[-1][0]
    lid = materials.ceramic(rng) if rng.uniform() < 0.2 else skin
    lid_height = rng.uniform(0.012, 0.020)
    size = (neck * 0.96, neck * 0.96, lid_height)
    out.add("lid", Shape.ELLIPSOID, size, (0, 0, height - 0.002), lid)
    knob = rng.uniform(0.009, 0.012)
    knob_skin = materials.grip(rng) if rng.uniform() < 0.5 else lid
    out.rod("knob", (0, 0, height), (0, 0, height + lid_height + 0.006), 0.004, knob_skin)
    top = height + lid_height + knob * 0.7
    out.add("knob", Shape.SPHERE, (knob,), (0, 0, top), knob_skin)
    _spout(out, rng, radius, height, skin)
    _pot_handle(out, rng, profile, height, skin)
    return out, float(rng.uniform(0.30, 0.48))


def _spout(out: Assembly, rng: Generator, radius: float, height: float, skin: Material) -> None:
    reach, rise = rng.uniform(0.035, 0.055), rng.uniform(0.85, 1.05)
    t = np.linspace(0, 1, 6)
    x = -(radius * 0.8 + reach * t**0.8)
    z = height * (0.35 + (rise - 0.35) * t ** rng.uniform(1.0, 1.7))
    path = np.stack([x, np.zeros_like(x), z], axis=1)
    out.chain("spout", path, np.linspace(0.013, 0.0065, 5), skin)


def _pot_handle(
    out: Assembly,
    rng: Generator,
    profile: list[tuple[float, float]],
    height: float,
    skin: Material,
) -> None:
    heights, radii = [h for _, h in profile], [r for r, _ in profile]
    z_top, z_low = height * rng.uniform(0.84, 0.94), height * rng.uniform(0.20, 0.30)
    x_top, x_low = (float(np.interp(z, heights, radii)) - 0.003 for z in (z_top, z_low))
    bar = rng.uniform(0.005, 0.007)
    reach = max(radii) - min(x_top, x_low) + rng.uniform(0.028, 0.036) + bar - 0.006
    path = ear(rng, ("D", "C", "square")[rng.integers(3)], (x_top, z_top), (x_low, z_low), reach)
    out.chain("handle", path, bar, materials.grip(rng) if rng.uniform() < 0.35 else skin)


def bottle(rng: Generator) -> tuple[Assembly, float]:
    """An empty bottle with shoulder, neck and cap."""
    out = Assembly()
    skin = (materials.glass, materials.plastic, materials.steel)[rng.integers(3)](rng)
    radius, height = rng.uniform(0.027, 0.036), rng.uniform(0.150, 0.200)
    neck, shoulder = rng.uniform(0.012, 0.016), height * rng.uniform(0.60, 0.72)
    neck_low = shoulder + (height - shoulder) * rng.uniform(0.4, 0.6)
    body = [(radius * 0.92, 0), (radius, 0.005), (radius, shoulder)]
    out.shell("body", body, 0.002, skin, full=True)
    t = np.linspace(0, 1, 5)
    ease = 3 * t**2 - 2 * t**3
    slope = [
        (float(radius + (neck - radius) * e), float(shoulder + (neck_low - shoulder) * s))
        for e, s in zip(ease, t, strict=True)
    ]
    out.shell("neck", [*slope, (neck, height)], 0.002, skin, full=True)
    if rng.uniform() < 0.6:
        low, high = shoulder * rng.uniform(0.15, 0.35), shoulder * rng.uniform(0.65, 0.9)
        label = materials.plastic(rng)
        rim = ((radius + 0.0005, float(low)), (radius + 0.0005, float(high)))
        out.shells.append(_decoration("body", rim, label))
    cap_height = rng.uniform(0.016, 0.028)
    cap = materials.plastic(rng)
    out.disc("cap", (0, 0, height + cap_height / 2 - 0.004), neck + 0.004, cap_height, cap)
    return out, float(rng.uniform(0.06, 0.25))


def bowl(rng: Generator) -> tuple[Assembly, float]:
    """An open bowl; the inner skin is a part of its own."""
    out, glaze = Assembly(), materials.wood(rng) if rng.uniform() < 0.2 else materials.ceramic(rng)
    inner = materials.ceramic(rng) if rng.uniform() < 0.4 else glaze
    radius, height = rng.uniform(0.060, 0.080), rng.uniform(0.045, 0.065)
    foot = radius * rng.uniform(0.42, 0.6)
    power = rng.uniform(1.6, 2.4)
    t = np.linspace(0, 1, 6)
    curve = [
        (float(foot + (radius - foot) * s ** (1 / power)), float(0.004 + (height - 0.004) * s))
        for s in t
    ]
    band = len(curve) - 2
    out.shell("wall", [(foot * 0.97, 0), *curve[: band + 1]], 0.0025, glaze)
    out.shell(
        "rim", curve[band:], 0.0045, materials.ceramic(rng) if rng.uniform() < 0.2 else glaze
    )
    lining = [(r - 0.0024, h + 0.001) for r, h in curve[: band + 1]]
    out.shell("inside", lining, 0.002, inner)
    out.disc("inside", (0, 0, 0.005), foot * 0.98, 0.007, inner)
    return out, float(rng.uniform(0.15, 0.32))


def wine_glass(rng: Generator) -> tuple[Assembly, float]:
    """A stemmed glass: foot, stem, bowl and rim."""
    out, pane = Assembly(), materials.glass(rng)
    foot, stem = rng.uniform(0.031, 0.037), rng.uniform(0.065, 0.090)
    radius, depth = rng.uniform(0.030, 0.039), rng.uniform(0.065, 0.085)
    out.disc("foot", (0, 0, 0.002), foot, 0.004, pane)
    out.shell("foot", [(foot * 0.95, 0.004), (0.008, 0.010)], 0.003, pane, full=True)
    out.rod("stem", (0, 0, 0.006), (0, 0, stem), rng.uniform(0.0042, 0.0055), pane)
    t = np.array([0, 0.12, 0.28, 0.5, 0.85, 1.0])
    mouth = rng.uniform(0.75, 0.98)
    width = np.interp(t, (0, 0.12, 0.28, 0.5, 1.0), (0.16, 0.62, 0.88, 1.0, mouth))
    profile = [(float(radius * w), float(stem + depth * s)) for w, s in zip(width, t, strict=True)]
    out.shell("bowl", profile[:5], 0.0025, pane)
    out.shell("rim", profile[4:], 0.0025, pane)
    return out, float(rng.uniform(0.12, 0.20))
