"""From a part box to a part mask: steps of plain image processing, and PLSP's checks of masks."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = NDArray[np.float64]
BoxMasker = Callable[[Box], Mask]

GRABCUT_SIDE = 192
GRABCUT_ITERATIONS = 4
BORDER = 0.02
HOLE_AREA = 400


@dataclass(frozen=True)
class Masker:
    """A mask step: ``open_image(color, object_box)`` once, then one mask per box.

    ``color``: (H, W, 3) uint8 rgb; ``object_box``: (4,) l, t, r, b in pixels or None; the masks
    are (H, W) bool. ``may_invert``: whether the step can take ground for figure, so that its masks
    need :func:`turn_inverted`.
    """

    open_image: Callable[[NDArray[np.uint8], Box | None], BoxMasker]
    may_invert: bool


def box_region(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Row and column slices of a box, rounded to pixels, clipped, never empty."""
    height, width = shape[:2]
    left, top, right, bottom = np.round(box).astype(int)
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return (
        slice(top, max(top + 1, min(bottom, height))),
        slice(left, max(left + 1, min(right, width))),
    )


def open_box(color: NDArray[np.uint8], object_box: Box | None) -> BoxMasker:
    """Every pixel of the box: what is left when a mask step is not wanted."""
    return _inside(np.ones(color.shape[:2], bool))


def open_grabcut(color: NDArray[np.uint8], object_box: Box | None) -> BoxMasker:
    """GrabCut of the object against the image's rim, cut off at the box.

    Outside the object's box and at the rim of the image is certain background; the rest starts as
    foreground.  The part is the figure inside the part's box.
    """
    height, width = color.shape[:2]
    scale = min(1.0, GRABCUT_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    labels = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    labels[_figure_window(labels.shape, object_box, scale)] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)  # the colour models start from a K-means
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, labels, None, *models, GRABCUT_ITERATIONS, cv2.GC_INIT_WITH_MASK)
    figure = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return _inside(cv2.resize(figure, (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5)


# GrabCut sees the rim of the image as ground, so figure and ground cannot change places
MASKERS = {"grabcut": Masker(open_grabcut, False), "box": Masker(open_box, False)}


def turn_inverted(mask: Mask, box: Box) -> Mask:
    """Invert a mask inside its box if it covers more than half of the box's rim (PLSP stage A).

    As in the released code the box is cut down to whole pixels, and its corners count twice.
    """
    region = box_region(np.trunc(box), mask.shape)
    inside = mask[region]
    on_rim = int(inside[[0, -1]].sum()) + int(inside[:, [0, -1]].sum())
    if on_rim <= sum(inside.shape):
        return mask
    turned = mask.copy()
    turned[region] = ~inside
    return turned


def fill_holes(mask: Mask, area: int = HOLE_AREA) -> Mask:
    """Fill every hole of less than ``area`` pixels.

    As in Segment Anything a hole is any connected piece of ground, also one at the image's rim.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < area)
    return np.asarray(mask | np.isin(labels, small[small > 0]))  # label 0 is the figure


def _figure_window(
    shape: tuple[int, ...], object_box: Box | None, scale: float
) -> tuple[slice, slice]:
    height, width = shape
    rim = max(1, round(BORDER * max(height, width)))
    window = np.array([rim, rim, width - rim, height - rim], float)
    if object_box is not None:
        box = object_box * scale
        window[:2] = np.maximum(window[:2], box[:2] - rim)
        window[2:] = np.minimum(window[2:], box[2:] + rim)
    return box_region(window, shape)


def _inside(figure: Mask) -> BoxMasker:
    def mask_of(box: Box) -> Mask:
        mask = np.zeros_like(figure)
        region = box_region(box, figure.shape)
        mask[region] = figure[region]
        return mask

    return mask_of
