"""Heatmaps as arrays: their confidence, and their place in the image."""

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Region
from affordance_grasp.errors import InvalidInput

Map = NDArray[np.float32]


def concentration(values: Map) -> float:
    """How far a heatmap, not negative, is from uniform: 0 uniform, near 1 on a single pixel.

    It is the total variation distance, that is the share of the mass that would have to move to
    make the map uniform; mass spread evenly over a fraction a of the image gives 1 - a.
    """
    total = values.sum(dtype=np.float64)
    if total == 0:
        return 0.0
    return float(0.5 * np.abs(values / total - 1 / values.size).sum())


def inside(region: Region, color: NDArray[np.uint8]) -> Region:
    """The region, where it lies within a colour image."""
    height, width = color.shape[:2]
    if region.right > width or region.bottom > height:
        raise InvalidInput(
            f"region {region.left},{region.top},{region.right},{region.bottom} reaches beyond the "
            f"{width}x{height} image"
        )
    return region


def scaled(heatmap: Map, crop: NDArray[np.uint8]) -> Map:
    """A map at the size of an image, with peak 1 unless it is 0 everywhere."""
    height, width = crop.shape[:2]
    resized = cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR)
    peak = resized.max()
    return np.asarray(resized / peak if peak > 0 else np.zeros_like(resized), np.float32)


def paste(values: Map, color: NDArray[np.uint8], region: Region | None) -> Map:
    """A map of the region in one of the whole image, 0 elsewhere."""
    if region is None:
        return values
    full = np.zeros(color.shape[:2], np.float32)
    full[region.slices] = values
    return full
