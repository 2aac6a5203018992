"""Which pixels show an object, also where the depth camera has no reading or a smeared one.

Depth cameras lose the edges of things and what is shiny or black, and near an edge they read the
table where the thing is. Such a pixel is not thereby table: beside an object it belongs to it
unless its colour is that of the surface around.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Region, RgbdFrame

SMEARED_PX = 3
"""Readings so near to an object's may be of it."""
REACH_PX = 20
"""How far from its readings a thing can go on without any."""
AROUND_PX = 41
"""Side of the square in which colours are compared."""
ALIKE = 9.0
"""Squared distance of a colour from those around it, in their deviations, that is theirs."""
LEAST_DEVIATION = 8.0
"""Of a surface's colour, of 255: light and noise change it by as much."""

Mask = NDArray[np.bool_]


def complete_labels(
    frame: RgbdFrame, labels: NDArray[np.int32], region: Region
) -> NDArray[np.int32]:
    """Labels (H, W) within a region, with the pixels that have no reading of their own; else 0.

    Args:
        frame: colour and aligned depth.
        labels: (H, W) object instances that the depth shows; 0: table, background or no reading.
        region: where to look; 0 outside.
    """
    full = np.zeros_like(labels)
    color, depth, known = (a[region.slices] for a in (frame.color, frame.depth_m, labels))
    objects = known > 0
    if not objects.any():
        return full
    away, nearest = _nearest(objects)
    unsure = ~objects & np.where(depth > 0, away <= SMEARED_PX, away <= REACH_PX)
    lab = cv2.cvtColor(np.ascontiguousarray(color), cv2.COLOR_RGB2LAB).astype(np.float32)
    to_object = _difference(lab, objects)
    to_table = _difference(lab, ~objects & ~unsure & (depth > 0))
    table = (to_table <= to_object) & (to_table < ALIKE)
    added = cv2.medianBlur((objects | (unsure & ~table)).astype(np.uint8), 5) > 0
    grown = _touching(objects | (added & unsure), objects)
    full[region.slices] = np.where(grown, known.ravel()[nearest], 0)
    return full


def _nearest(objects: Mask) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Distance [pixel] to the nearest pixel of an object, and that pixel's flat index."""
    away, number = cv2.distanceTransformWithLabels(
        (~objects).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_number = np.zeros(int(number.max()) + 1, np.intp)
    pixels = np.flatnonzero(objects)
    of_number[number.ravel()[pixels]] = pixels
    return np.asarray(away, np.float32), of_number[number]


def _difference(lab: NDArray[np.float32], of: Mask) -> NDArray[np.float32]:
    """Squared distance of every pixel's colour from those about it that are ``of`` a surface."""
    weight, square = of.astype(np.float32), (AROUND_PX, AROUND_PX)
    total = cv2.blur(weight, square)
    seen = np.maximum(total, 1e-6)[..., None]
    mean = cv2.blur(lab * weight[..., None], square) / seen
    spread = cv2.blur(lab**2 * weight[..., None], square) / seen - mean**2
    distance = ((lab - mean) ** 2 / (np.maximum(spread, 0) + LEAST_DEVIATION**2)).sum(axis=-1)
    return np.where(total > 1e-4, distance, np.float32(np.inf))


def _touching(mask: Mask, objects: Mask) -> Mask:
    """The connected pieces of a mask that hold a pixel of an object."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept = np.zeros(int(parts.max()) + 1, bool)
    kept[parts[objects]] = True
    kept[0] = False
    return np.asarray(kept[parts])
