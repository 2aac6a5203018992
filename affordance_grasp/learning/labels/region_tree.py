"""Segments of an image at all scales without a learned segmenter: a tree of merged superpixels.

It replaces Segment Anything's automatic masks where there is no checkpoint of it. It uses
colour and adjacency alone: an object of one colour is segmented well, a part that has the colour
of its neighbour is not found.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput

SMOOTHING = 5


@dataclass(frozen=True)
class RegionTree:
    """Superpixels grow from ``seeds_per_side`` squared points; the most alike neighbours merge.

    Every superpixel and every merged region of at least ``smallest`` pixels is a segment. What is
    alike: the increase in squared CIELAB deviation that a merge brings (Ward).
    """

    seeds_per_side: int = 12
    smallest: int = 100

    def __post_init__(self) -> None:
        """Refuse a grid without seeds."""
        if self.seeds_per_side < 1 or self.smallest < 1:
            raise InvalidInput(
                f"seeds per side {self.seeds_per_side} and smallest segment {self.smallest} must "
                "be at least 1"
            )

    def generate(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Segments of an rgb image (H, W, 3): records with ``segmentation``, (H, W) bool.

        The records are named as those of ``SamAutomaticMaskGenerator.generate``.
        """
        labels = superpixels(image, self.seeds_per_side)
        segments = (np.isin(labels, members) for members in _merged(image, labels))
        return [{"segmentation": s} for s in segments if s.sum() >= self.smallest]


def superpixels(image: NDArray[np.uint8], seeds_per_side: int) -> NDArray[np.int32]:
    """Labels (H, W) from 0 of a watershed of the smoothed image from a regular grid of seeds."""
    height, width = image.shape[:2]
    side = max(1, min(seeds_per_side, height // 2, width // 2))
    rows, columns = (((np.arange(side) + 0.5) * n / side).astype(int) for n in (height, width))
    seeds = np.zeros((height, width), np.int32)
    seeds[np.ix_(rows, columns)] = np.arange(1, side * side + 1).reshape(side, side)
    # OpenCV's watershed leaves the outermost pixels out
    framed = cv2.copyMakeBorder(cv2.medianBlur(image, SMOOTHING), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    flooded = cv2.watershed(framed, np.pad(seeds, 1))
    return _without_borders(flooded[1:-1, 1:-1]) - 1


def _without_borders(flooded: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the pixels between two basins (-1) the label of a neighbour."""
    labels = np.where(flooded < 1, 0, flooded)
    while not labels.all():
        spread = cv2.dilate(labels.astype(np.float32), np.ones((3, 3))).astype(np.int32)
        labels = np.where(labels == 0, spread, labels)
    return labels


def _merged(image: NDArray[np.uint8], labels: NDArray[np.int32]) -> list[list[int]]:
    """Superpixels of every node of the tree, leaves first, the whole image last."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    count = int(labels.max()) + 1
    sizes = np.bincount(labels.ravel(), minlength=count).astype(float)
    totals = [np.bincount(labels.ravel(), channel, count) for channel in lab.T]
    sums = np.stack(totals, axis=1).astype(np.float64)
    near = _adjacency(labels, count)
    members = [[i] for i in range(count)]
    tree = [m for m, size in zip(members, sizes, strict=True) if size]
    alive = sizes > 0
    while alive.sum() > 1:
        first, second = _closest(sums, sizes, near & alive & alive[:, None])
        sums[first] += sums[second]
        sizes[first] += sizes[second]
        near[first] |= near[second]
        near[:, first] |= near[:, second]
        near[first, first] = False
        alive[second] = False
        members[first] = members[first] + members[second]
        tree.append(members[first])
    return tree


def _closest(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], allowed: NDArray[np.bool_]
) -> tuple[int, int]:
    means = sums / np.maximum(sizes, 1)[:, None]
    distance = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    weight = sizes[:, None] * sizes[None] / np.maximum(sizes[:, None] + sizes[None], 1)
    cost = np.where(allowed, distance * weight, np.inf)
    first, second = np.unravel_index(int(cost.argmin()), cost.shape)
    return int(first), int(second)


def _adjacency(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    near = np.zeros((count, count), bool)
    for grid in (labels, labels.T):
        for one, other in pairwise(grid):
            near[one, other] = True
    near |= near.T
    np.fill_diagonal(near, False)
    return near
