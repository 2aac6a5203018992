"""What a camera makes of light: exposure, white balance, lens, sensor, JPEG.

Everything up to the sensor happens in linear light; the image is sRGB before and after.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.geometry import Floats

EXPOSURE_STOPS = (-1.0, 0.7)
WARMTH = (-0.25, 0.25)
"""Logarithm of how much stronger red is than blue: from shade to incandescent light, balanced."""
TINT = (-0.06, 0.06)
BLUR_PX = (0.0, 1.6)
"""Standard deviation at 320 pixels of the shorter side."""
CORNER_LOSS = (0.0, 0.35)
FULL_WELL = (800.0, 20_000.0)
"""Electrons of a white pixel: their root is the shot noise."""
JPEG_QUALITY = (45, 95)
HUES_DEG, RECOLOURED = 360.0, 0.6
"""By how much hues turn at most, and how often they do."""
SATURATION, BRIGHTNESS = (0.3, 1.3), (0.75, 1.1)
COARSEST = 0.35
"""Least share of an image's resolution that is left."""


def retaken(color: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """An image (H, W, 3) uint8 rgb in other colours, seen from farther, by another camera.

    Shapes stay where they are, so labels of the image stay right.
    """
    return photographed(_coarsened(_recoloured(color, rng), rng), rng)


def _recoloured(color: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    turn = rng.uniform(0, HUES_DEG) * (rng.random() < RECOLOURED)
    hue, saturation, value = cv2.split(
        cv2.cvtColor(color.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    )
    changed = (
        np.mod(hue + np.float32(turn), np.float32(360)),
        np.clip(saturation * np.float32(rng.uniform(*SATURATION)), 0, 1),
        np.clip(value * np.float32(rng.uniform(*BRIGHTNESS)), 0, 1),
    )
    return np.rint(cv2.cvtColor(cv2.merge(changed), cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)


def _coarsened(color: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    height, width = color.shape[:2]
    share = rng.uniform(COARSEST, 1)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def photographed(color: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """An image (H, W, 3) uint8 rgb as a camera with random settings would have taken it."""
    light = _linear(color) * 2 ** rng.uniform(*EXPOSURE_STOPS)
    warmth, tint = rng.uniform(*WARMTH), rng.uniform(*TINT)
    light = light * np.exp([warmth / 2, tint, -warmth / 2])
    light = _through_lens(light, rng)
    electrons = np.exp(rng.uniform(*np.log(FULL_WELL)))
    noisy = light + np.sqrt(np.maximum(light, 0) / electrons) * rng.standard_normal(light.shape)
    return _jpeg(_srgb(noisy), int(rng.integers(*JPEG_QUALITY)))


def _through_lens(light: Floats, rng: Generator) -> Floats:
    """Blur, and less light towards the corners."""
    height, width = light.shape[:2]
    sigma = rng.uniform(*BLUR_PX) * min(height, width) / 320
    if sigma > 0.05:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), sigma))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    fall = 1 - rng.uniform(*CORNER_LOSS) * (x**2 + y**2) / 2
    return np.asarray(light * fall[..., None])


def _linear(color: NDArray[np.uint8]) -> Floats:
    """Linear light in 0..1 of sRGB values (IEC 61966-2-1)."""
    share = np.asarray(color, float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _srgb(light: Floats) -> NDArray[np.uint8]:
    light = np.clip(light, 0, 1)
    share = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(share * 255).astype(np.uint8)


def _jpeg(color: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    bgr = np.ascontiguousarray(color[..., ::-1])
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
