"""Heatmaps on train images, for a person to judge a head that no test set judges."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datasets.agd20k import ImageFile, content_digest, grouped
from affordance_grasp.datatypes import Heatmap
from affordance_grasp.image_files import read_color
from affordance_grasp.learning.evaluation.metrics import predicted_map
from affordance_grasp.report.figures import RgbImage, heatmap_overlay, montage, titled, to_width

OF_A_PAIR, AT_MOST = 4, 64
WIDTH_PX = 240


def first_of_every_pair(images: Sequence[ImageFile]) -> tuple[ImageFile, ...]:
    """Up to four images of every affordance and object, evenly spread over its images."""
    chosen: list[ImageFile] = []
    for alike in grouped(images, lambda image: image.pair).values():
        distinct = [copies[0] for copies in grouped(alike, content_digest).values()]
        places = np.linspace(0, len(distinct) - 1, min(OF_A_PAIR, len(distinct)))
        chosen += [distinct[round(place)] for place in places]
    return tuple(chosen[:AT_MOST])


def contact_sheet(images: Sequence[ImageFile], maps: Sequence[NDArray[np.float32]]) -> RgbImage:
    """One figure of all images under their raw maps (h, w), each with its affordance."""
    return montage(
        [_panel(image, raw) for image, raw in zip(images, maps, strict=True)], OF_A_PAIR
    )


def _panel(image: ImageFile, raw: NDArray[np.float32]) -> RgbImage:
    color = to_width(read_color(image.path), WIDTH_PX)
    values = predicted_map(raw)
    heatmap = Heatmap(
        values=cv2.resize(values, (color.shape[1], color.shape[0])),
        raw=raw,
        query=image.affordance,
        affordance=image.affordance,
        method="",
        confidence=0.0,
    )
    return titled(
        heatmap_overlay(color, heatmap), image.affordance.replace("_", " "), image.object
    )
