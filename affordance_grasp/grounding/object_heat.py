"""The heat of an object alone, as sharp as its picture.

A network tells one patch of about a sixteenth of its image from the next: its heat for a handle of
one patch's breadth covers the hole in it, and the wall beside. Where it is known which pixels show
the object, the heat about a pixel is that of the object's pixels there, few or many; their colour
tells which have it. Guided filter: He, Sun and Tang, Guided Image Filtering, 2013; where only
pixels of the object count in it.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Heatmap, Region
from affordance_grasp.grounding.maps import Map, inside, paste

PATCH = 1 / 16
"""Side of a patch, as a share of the region's."""
WINDOW = 1 / 4
"""Side of the guided filter's window, as a share of the region's."""
FLAT = 1e-3
"""Variance of a colour, in 0..1, below which it is noise."""
FILTERED_PX = 224
EDGE_PX = 1.5
"""Standard deviation of where depth sees the object's edge."""
ABOUT = 0.05
"""Least share of a patch's surroundings that the object fills where it is about the object."""
UNREAD = 0.9
"""Most heat of a pixel without a reading of its own: the peak is on one that has one."""

Mask = NDArray[np.bool_]


def on_object(
    heatmap: Heatmap, color: NDArray[np.uint8], shown: Mask, read: Mask, region: Region
) -> Heatmap:
    """A heatmap that is 0 where the image shows something else than an object, with peak 1.

    Its confidence is the grounder's, times the share that lies on the object or within a patch of
    it of all heat above the mean: what is hot elsewhere found nothing. A map that was made
    pixel by pixel of the image or the region is sharp: it is limited alone.

    Args:
        heatmap: of the whole region.
        color: (H, W, 3) uint8 rgb.
        shown: (H, W) pixels that show the object.
        read: (H, W) those of them where the depth camera reads it; one at least in the region.
        region: of interest.
    """
    part = inside(region, color).slices
    heat, mask = heatmap.values[part], np.asarray(shown[part], np.float32)
    little, little_mask = (_reduced(of) for of in (heat, mask))
    near = _blur(little_mask, PATCH * max(little.shape))
    if heatmap.raw.shape in (shown.shape, mask.shape):
        values = heat * mask
    else:
        sharp = _sharpened(little, little_mask, near, color[part])
        values = np.maximum(sharp, 0) * mask * _blur(mask, EDGE_PX)
    peak = values[read[part]].max()
    values = np.minimum(values, peak * np.where(read[part], np.float32(1), np.float32(UNREAD)))
    return replace(
        heatmap,
        values=paste(np.asarray(values / peak if peak > 0 else values, np.float32), color, region),
        confidence=heatmap.confidence * _found(little, near),
    )


def _found(heat: Map, near: Map) -> float:
    """The share of the heat above the mean that is about the object."""
    above = np.maximum(heat - heat.mean(), 0)
    return float(above[near > ABOUT].sum() / above.sum()) if above.any() else 0.0


def _sharpened(heat: Map, mask: Map, near: Map, color: NDArray[np.uint8]) -> Map:
    """The heat of the object by its colours, in the colour image's size."""
    height, width = color.shape[:2]
    guide = cv2.cvtColor(np.ascontiguousarray(color), cv2.COLOR_RGB2LAB).astype(np.float32) / 255
    per_pixel = _blur(heat, PATCH * max(heat.shape)) / np.maximum(near, 1e-3)
    side = max(round(WINDOW * max(heat.shape)) | 1, 3)
    mixing = _mixing(np.asarray(per_pixel, np.float32), mask, _reduced(guide), side)
    mixed = cv2.resize(mixing, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray((mixed[..., :3] * guide).sum(axis=-1) + mixed[..., 3], np.float32)


def _reduced(values: Map) -> Map:
    """Values (H, W, ...) at the size at which they are filtered."""
    height, width = values.shape[:2]
    scale = min(1.0, FILTERED_PX / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _blur(values: Map, deviation_px: float) -> Map:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation_px), np.float32)


def _mixing(heat: Map, mask: Map, guide: Map, side: int) -> Map:
    """Factors of the guide's channels, and a constant (h, w, 4), that give the heat about it."""
    count = np.maximum(_box(mask, side), 1e-6)

    def mean(values: Map) -> Map:
        weighted = _box(values * (mask if values.ndim == 2 else mask[..., None]), side)
        return np.asarray(weighted / (count if values.ndim == 2 else count[..., None]))

    middle, level = mean(guide), mean(heat)
    squares = mean((guide[..., :, None] * guide[..., None, :]).reshape(*heat.shape, 9))
    spread = squares.reshape(*heat.shape, 3, 3) - middle[..., :, None] * middle[..., None, :]
    together = mean(guide * heat[..., None]) - middle * level[..., None]
    spread += FLAT * np.eye(3, dtype=np.float32)
    factors = np.linalg.solve(spread, together[..., None])[..., 0]
    constant = level - (factors * middle).sum(axis=-1)
    return mean(np.concatenate([factors, constant[..., None]], axis=-1))


def _box(values: Map, side: int) -> Map:
    return np.asarray(cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_CONSTANT))
