"""Ground-truth heatmaps from part masks, by AGD20K's recipe."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

POINTS = 40


def annotate(mask: NDArray[np.bool_], rng: Generator, points: int = POINTS) -> NDArray[np.uint8]:
    """Points in a part as an annotator would set them -> 8-bit heatmap (H, W), peak 255.

    Unit impulses at the points, an OpenCV Gaussian of odd kernel ``int(sqrt(h w) / 3)`` with
    OpenCV's own sigma for that kernel, then min-max. All zero for an empty mask.
    """
    height, width = mask.shape
    impulses = np.zeros((height, width), np.float64)
    inside = np.argwhere(mask)
    if len(inside):
        chosen = inside[rng.choice(len(inside), points, replace=len(inside) < points)]
        np.add.at(impulses, (chosen[:, 0], chosen[:, 1]), 1.0)
    kernel = max(int(np.sqrt(height * width) / 3) | 1, 1)
    blurred = cv2.GaussianBlur(impulses, (kernel, kernel), 0)
    span = float(blurred.max() - blurred.min())
    if span <= 0:
        return np.zeros((height, width), np.uint8)
    return np.round((blurred - blurred.min()) / span * 255).astype(np.uint8)
