"""Weights, text features and images that follow from a name alone, for comparison with figures
that other implementations computed from the same names."""

import zlib

import numpy as np

NORMAL = ("positional_encoding_gaussian_matrix", "tokens.weight", "add_token.weight")


def seeded_array(name: str, shape) -> np.ndarray:
    """The parameter ``name``: its crc32 seeds the generator, its kind sets mean and scale."""
    leaf = name.rsplit(".", 1)[-1]
    normal = _generator(name).standard_normal(tuple(shape), dtype=np.float32)
    if leaf.endswith("bias"):
        return np.float32(0.02) * normal
    if leaf == "weight" and len(shape) == 1:
        return np.float32(1) + np.float32(0.1) * normal
    if leaf.startswith("gamma_"):
        return np.float32(0.1) + np.float32(0.02) * normal
    return normal if name.endswith(NORMAL) else np.float32(0.02) * normal


def seeded_feature(key: str, dim: int = 512) -> np.ndarray:
    """A unit vector for a text such as ``verb:hold``."""
    vector = _generator(key).standard_normal((dim,), dtype=np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def seeded_image(number: int, height: int = 224, width: int = 224) -> np.ndarray:
    """A gradient with smooth blobs and mild grain, (height, width, 3) uint8."""
    rng = np.random.default_rng(1000 + number)
    rows, columns = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    image = np.empty((height, width, 3))
    for channel in range(3):
        base, slope_x, slope_y = rng.uniform(70, 180), *rng.uniform(-70, 70, 2)
        image[..., channel] = base + slope_x * (columns - 0.5) + slope_y * (rows - 0.5)
    for _ in range(7):
        row, column, radius = *rng.uniform(0.1, 0.9, 2), rng.uniform(0.05, 0.2)
        tint = rng.uniform(-110, 110, 3)
        blob = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * radius * radius))
        image += blob[..., None] * tint
    image += rng.standard_normal(image.shape) * 5.0
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def seeded_batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A training batch: ego (3, 224, 224, 3), exo (3, 3, 224, 224, 3), classes (3,)."""
    ego = np.stack([seeded_image(100 + i) for i in range(3)])
    exo = np.stack([[seeded_image(200 + 10 * i + j) for j in range(3)] for i in range(3)])
    return ego, exo, np.array([6, 11, 6])


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))
