"""How much of an object has which colour, by name.

The names are regions of CIE Lab: by lightness where there is little chroma, else by hue. Regions
overlap, because people do not agree on where one colour ends: a reddish orange counts as both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.geometry import Floats

ACHROMATIC, CHROMATIC = 14.0, 9.0
"""Chroma up to which a colour may be called grey, and from which it has a hue."""
LIT_CHROMA = 0.14
"""Chroma per lightness from which a dark colour still has a hue."""


@dataclass(frozen=True)
class Shade:
    """A region of Lab: lightness 0..100, hue in degrees (of ``low`` > ``high``: across 0)."""

    lightness: tuple[float, float]
    hue: tuple[float, float] | None = None


SHADES: Mapping[str, tuple[Shade, ...]] = {
    "red": (Shade((8, 75), (352, 46)),),
    "orange": (Shade((40, 90), (40, 78)),),
    "yellow": (Shade((50, 101), (72, 112)),),
    "green": (Shade((8, 98), (105, 182)),),
    "cyan": (Shade((25, 98), (170, 245)),),
    "blue": (Shade((5, 90), (228, 308)),),
    "purple": (Shade((5, 85), (296, 350)),),
    "pink": (Shade((48, 98), (320, 30)),),
    "brown": (Shade((8, 62), (25, 95)),),
    "black": (Shade((0, 32)),),
    "grey": (Shade((25, 88)),),
    "white": (Shade((74, 101)),),
}
"""Colour -> its regions; without a hue those of little chroma."""


def colour_shares(color: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, float]:
    """Colour -> share of the masked pixels of an rgb image (H, W, 3) that may be called so."""
    pixels = color[mask]
    if not len(pixels):
        return dict.fromkeys(SHADES, 0.0)
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0].astype(float)
    return {name: float(_within(lab, shades).mean()) for name, shades in SHADES.items()}


def _within(lab: Floats, shades: tuple[Shade, ...]) -> NDArray[np.bool_]:
    lightness, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    found = np.zeros(len(lab), bool)
    for shade in shades:
        low, high = shade.lightness
        inside = (lightness >= low) & (lightness < high)
        if shade.hue is None:
            found |= inside & (chroma < ACHROMATIC)
            continue
        first, last = shade.hue
        around = (hue - first) % 360 <= (last - first) % 360
        found |= inside & around & (chroma >= np.minimum(CHROMATIC, LIT_CHROMA * lightness))
    return found
