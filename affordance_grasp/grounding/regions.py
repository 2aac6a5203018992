"""Where to look: the region of the image that is grounded.

A grounding network sees best what fills its image, as in the images it learned from. So the
first look takes in everything that stands on the table; where that is several things, a second
look takes in only the one on which the first found most of the heat.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Heatmap, Region, RgbdFrame
from affordance_grasp.scene.cloud import TableScene, segment_scene

REGION_MARGIN = 0.25
SMALL_PART = 0.15


class GrounderProtocol(Protocol):
    """Anything that turns an image and a query into a heatmap."""

    def ground(self, color: np.ndarray, query: str, region: Region | None = None) -> Heatmap:
        """Ground a query in a colour image, looking only at a region of it."""
        ...


def ground_scene(
    frame: RgbdFrame, query: str, grounder: GrounderProtocol, scene: TableScene
) -> tuple[Heatmap, Region]:
    """Heatmap of a query and the region that it was read from.

    A heatmap spreads one unit of heat over what was looked at, so the share of it on a thing
    says how likely that thing is meant.
    """
    region = scene_region(scene)
    heatmap = grounder.ground(frame.color, query, region)
    things = _things(scene)
    if len(things) == 1:
        return heatmap, region
    labels = scene.cloud.labels
    heat = np.bincount(labels.ravel(), weights=heatmap.values.ravel(), minlength=things.max() + 1)
    region = _region(labels == things[heat[things].argmax()])
    return grounder.ground(frame.color, query, region), region


def object_region(frame: RgbdFrame) -> Region:
    """The square of the image, with a margin, around what stands on the table.

    Raises:
        InvalidInput: the depth holds no table.
        NoObject: nothing stands on it.
    """
    return scene_region(segment_scene(frame))


def scene_region(scene: TableScene) -> Region:
    """As :func:`object_region`, of a scene that has been surveyed.

    Things much smaller than the largest are left out, so that a crumb does not widen the view.
    """
    return _region(np.isin(scene.cloud.labels, _things(scene)))


def _things(scene: TableScene) -> NDArray[np.intp]:
    """Labels of the things that are not much smaller than the largest."""
    sizes = np.bincount(scene.cloud.labels.ravel())[1:]
    return 1 + np.flatnonzero(sizes >= SMALL_PART * sizes.max())


def _region(mask: NDArray[np.bool_]) -> Region:
    """A square about the pixels of a mask, with a margin, moved into the image, cut if larger."""
    rows, columns = np.nonzero(mask)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    half = int(np.ceil(extent * (0.5 + REGION_MARGIN / 2)))
    left, right = _span(int(columns.min() + columns.max()) // 2, half, mask.shape[1])
    top, bottom = _span(int(rows.min() + rows.max()) // 2, half, mask.shape[0])
    return Region(left, top, right, bottom)


def _span(center: int, half: int, size: int) -> tuple[int, int]:
    """An interval of length 2 half about a centre, moved into 0..size, cut if it is longer."""
    low = min(max(center - half, 0), max(size - 2 * half, 0))
    return low, min(low + 2 * half, size)
