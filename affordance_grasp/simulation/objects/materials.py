"""Random but plausible materials: glazed ceramic, steel, plastic, wood, glass, rubber."""

import colorsys

from numpy.random import Generator

from affordance_grasp.simulation.objects.primitive import Material

CERAMIC_WHITES = ((0.95, 0.94, 0.91), (0.90, 0.87, 0.80), (0.80, 0.82, 0.84))
WOODS = ((0.72, 0.52, 0.32), (0.55, 0.36, 0.20), (0.82, 0.66, 0.45), (0.40, 0.24, 0.14))


def _rgba(rgb: tuple[float, float, float], rng: Generator, spread: float = 0.04) -> tuple:
    jitter = rng.uniform(-spread, spread, 3)
    return (*(float(min(max(c + d, 0.02), 1.0)) for c, d in zip(rgb, jitter, strict=True)), 1.0)


def _hue(rng: Generator, saturation: tuple[float, float], value: tuple[float, float]) -> tuple:
    return colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value))


def ceramic(rng: Generator) -> Material:
    """White, pastel or strongly coloured glaze."""
    pick = rng.uniform()
    if pick < 0.35:
        rgb = CERAMIC_WHITES[rng.integers(len(CERAMIC_WHITES))]
    else:
        rgb = (
            _hue(rng, (0.2, 0.5), (0.7, 0.95))
            if pick < 0.6
            else _hue(rng, (0.5, 0.95), (0.2, 0.9))
        )
    pattern = "speckle" if rng.uniform() < 0.2 else ""
    return Material(_rgba(rgb, rng), 0.6, 0.7, pattern, 2300.0)


def plastic(rng: Generator) -> Material:
    """Bright, black or grey plastic."""
    pick = rng.uniform()
    if pick < 0.3:
        rgb = (0.08, 0.08, 0.09)
    else:
        rgb = (0.5, 0.5, 0.52) if pick < 0.38 else _hue(rng, (0.6, 1.0), (0.35, 0.95))
    return Material(_rgba(rgb, rng), 0.35, 0.4, "", 1100.0)


def steel(rng: Generator) -> Material:
    """Bright to dark steel, a little warm or cold."""
    grey = rng.uniform(0.45, 0.82)
    pattern = "brushed" if rng.uniform() < 0.4 else ""
    return Material(_rgba((grey, grey, grey * 1.02), rng, 0.02), 0.9, 0.8, pattern, 7800.0)


def wood(rng: Generator) -> Material:
    """Light to dark wood with grain."""
    rgb = WOODS[rng.integers(len(WOODS))]
    return Material(_rgba(rgb, rng, 0.05), 0.15, 0.2, "wood", 700.0)


def rubber(rng: Generator) -> Material:
    """Dark or coloured matt grip."""
    rgb = (0.1, 0.1, 0.11) if rng.uniform() < 0.6 else _hue(rng, (0.7, 1.0), (0.4, 0.8))
    return Material(_rgba(rgb, rng), 0.08, 0.1, "", 1200.0)


def glass(rng: Generator) -> Material:
    """Pale, slightly tinted glass; opaque, as a depth camera needs it."""
    tint = _hue(rng, (0.02, 0.18), (0.75, 0.92))
    return Material(_rgba(tint, rng, 0.02), 1.0, 0.95, "", 2500.0)


def cookware(rng: Generator) -> Material:
    """Black coating, steel or enamel."""
    pick = rng.uniform()
    if pick < 0.4:
        grey = rng.uniform(0.07, 0.25)
        return Material(_rgba((grey, grey, grey), rng, 0.01), 0.5, 0.5, "", 2700.0)
    return steel(rng) if pick < 0.7 else ceramic(rng)


def grip(rng: Generator) -> Material:
    """What handles are made of: plastic, wood or rubber."""
    return (plastic, wood, rubber)[rng.integers(3)](rng)
