"""Procedural textures of tables, walls and objects, as (S, S, 3) uint8 rgb images."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.errors import look_up
from affordance_grasp.geometry import Floats

Image = NDArray[np.uint8]


def noise(rng: Generator, size: int, coarse: int = 4, octaves: int = 4) -> Floats:
    """Smooth noise (size, size) of about zero mean and unit deviation, periodic enough to tile."""
    total = np.zeros((size, size))
    for octave in range(octaves):
        cells = min(coarse * 2**octave, size)
        grid = rng.normal(size=(cells, cells)).astype(np.float32)
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray((total - total.mean()) / (total.std() + 1e-9))


def _image(values: Floats) -> Image:
    return np.clip(values * 255, 0, 255).astype(np.uint8)


def _shade(rgb: Floats, relief: Floats) -> Image:
    return _image(np.asarray(rgb)[None, None] * (1 + relief[..., None]))


def plain(rng: Generator, size: int, rgb: Floats) -> Image:
    """One colour with faint stains."""
    return _shade(rgb, 0.03 * noise(rng, size))


def planks(rng: Generator, size: int, rgb: Floats) -> Image:
    """Planks with grain along the columns."""
    grain = noise(rng, size, 3, 2)
    stretched = cv2.resize(rng.normal(size=(6, size)), (size, size), interpolation=cv2.INTER_CUBIC)
    rings = np.sin(np.linspace(0, rng.uniform(20, 60), size)[None] + 2.5 * grain)
    relief = 0.10 * stretched + 0.06 * rings
    planks = int(rng.integers(1, 6))
    tone = np.repeat(rng.normal(scale=0.08, size=planks), -(-size // planks))[:size]
    seams = (np.arange(size) % (-(-size // planks)) < 2) * (planks > 1) * -0.35
    return _shade(rgb, relief + tone[None] + seams[None])


def cloth(rng: Generator, size: int, rgb: Floats) -> Image:
    """Woven cloth, plain, striped or checked in a second colour."""
    weave = 0.06 * np.add.outer(np.sin(np.arange(size) * 1.9), np.sin(np.arange(size) * 1.9))
    second = np.clip(rgb + rng.uniform(-0.6, 0.6, 3), 0.05, 1)
    period = size / rng.integers(2, 9)
    band = (np.arange(size) % period < period * rng.uniform(0.15, 0.6)).astype(float)
    kind = rng.integers(3)
    share = (np.zeros((size, size)), np.tile(band, (size, 1)), np.add.outer(band, band) / 2)[kind]
    mixed = rgb * (1 - share[..., None]) + second * share[..., None]
    return _image(mixed * (1 + weave + 0.03 * noise(rng, size))[..., None])


def stone(rng: Generator, size: int, rgb: Floats) -> Image:
    """Marble or granite."""
    veins = np.abs(np.sin(2 * noise(rng, size, 2, 5)))
    grit = rng.normal(size=(size, size)) * rng.uniform(0.0, 0.12)
    return _shade(rgb, -0.25 * np.exp(-6 * veins) + 0.05 * noise(rng, size, 8) + grit)


def tiles(rng: Generator, size: int, rgb: Floats) -> Image:
    """Tiles with joints."""
    count = int(rng.integers(2, 6))
    tone = np.kron(rng.normal(scale=0.05, size=(count, count)), np.ones((size // count + 1,) * 2))
    at = np.arange(size) % (size / count) < max(2, size / 100)
    joints = np.logical_or.outer(at, at) * rng.uniform(-0.5, 0.2)
    return _shade(rgb, tone[:size, :size] + joints + 0.03 * noise(rng, size))


def speckle(rng: Generator, size: int, rgb: Floats) -> Image:
    """Glaze with dots."""
    dots = cv2.GaussianBlur(rng.uniform(size=(size, size)), (0, 0), 1.0)
    return _shade(rgb, -0.35 * (dots > np.quantile(dots, 0.96)))


def brushed(rng: Generator, size: int, rgb: Floats) -> Image:
    """Brushed metal."""
    lines = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), sigmaX=12, sigmaY=0.6)
    return _shade(rgb, 0.06 * lines / lines.std())


PATTERNS = {
    "plain": plain,
    "wood": planks,
    "cloth": cloth,
    "stone": stone,
    "tiles": tiles,
    "speckle": speckle,
    "brushed": brushed,
}
TABLES = ("plain", "wood", "cloth", "stone", "tiles")


def texture(pattern: str, rng: Generator, rgb: Floats, size: int = 256) -> Image:
    """Draw a named pattern in a base colour (3,) within 0..1."""
    return look_up("texture", pattern, PATTERNS)(rng, size, np.asarray(rgb, float))


def object_texture(pattern: str, rng: Generator, size: int = 64) -> Image:
    """Draw a pattern in white, to be tinted by the colour of a material."""
    return texture(pattern, rng, np.full(3, 0.9), size)


def table_texture(rng: Generator, size: int = 256) -> Image:
    """Draw a random table or wall: white, wood, cloth, stone, tiles, light or dark."""
    pattern = TABLES[rng.integers(len(TABLES))]
    value = rng.choice([rng.uniform(0.08, 0.3), rng.uniform(0.3, 0.8), rng.uniform(0.7, 0.97)])
    tint = rng.uniform(-1, 1, 3) * rng.choice([0.02, 0.06, 0.15, 0.3])
    rgb = np.array([0.78, 0.55, 0.34]) * (0.4 + value) if pattern == "wood" else value + tint
    return texture(pattern, rng, np.clip(rgb, 0.03, 0.98), size)
