"""Regions of interest: the part of the image that is grounded, and whose heat counts.

Grounding networks work best on objects that fill the image, as in their training images. So the
first pass covers all objects on the table; where these are several, a second pass covers only the
instance with most of the heatmap's mass. Heat is then limited to the pixels that show this object:
what is seen through the hole of its handle or beside its rim is cold.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Heatmap, Region, RgbdFrame
from affordance_grasp.grounding.object_heat import on_object
from affordance_grasp.scene.cloud import TableScene, segment_scene
from affordance_grasp.scene.silhouettes import complete_labels

REGION_MARGIN = 0.25
SMALL_PART = 0.15


class GrounderProtocol(Protocol):
    """Anything that turns an image and a query into a heatmap."""

    def ground(self, color: np.ndarray, query: str, region: Region | None = None) -> Heatmap:
        """Ground a query in a colour image, within a region of interest."""
        ...


def ground_scene(
    frame: RgbdFrame,
    query: str,
    grounder: GrounderProtocol,
    scene: TableScene,
    among: Sequence[int] = (),
) -> tuple[Heatmap, Region]:
    """Heatmap of a query, limited to one object, and its region of interest.

    The share of the heatmap's mass on an object instance shows how likely the query refers to it.
    ``among``: labels of the objects that may be meant; all but crumbs where none are given.
    """
    labels = scene.cloud.labels
    region = region_of(labels, among) if among else scene_region(scene)
    heatmap = grounder.ground(frame.color, query, region)
    label = among[0] if len(among) == 1 else 0 if among else only_instance(scene)
    if not label:
        label = hottest_instance(heatmap, scene, among)
        region = region_of(labels, [label])
        heatmap = grounder.ground(frame.color, query, region)
    shown = complete_labels(frame, labels, region) == label
    return on_object(heatmap, frame.color, shown, labels == label, region), region


def hottest_instance(heatmap: Heatmap, scene: TableScene, among: Sequence[int] = ()) -> int:
    """Label of the object instance, of those that may be meant, with most of the heat."""
    labels = scene.cloud.labels
    instances = np.array(among) if among else _large_instances(scene)
    mass = np.bincount(
        labels.ravel(), weights=heatmap.values.ravel(), minlength=instances.max() + 1
    )
    return int(instances[mass[instances].argmax()])


def only_instance(scene: TableScene) -> int:
    """Label of the only object instance that is not a crumb; 0 where there are several."""
    instances = _large_instances(scene)
    return int(instances[0]) if len(instances) == 1 else 0


def object_region(frame: RgbdFrame) -> Region:
    """The square, with a margin, around the objects on the table.

    Raises:
        InvalidInput: the depth holds no table.
        NoObject: there is none on it.
    """
    return scene_region(segment_scene(frame))


def scene_region(scene: TableScene) -> Region:
    """As :func:`object_region`, of a segmented scene.

    Instances much smaller than the largest are left out, such as crumbs.
    """
    return _region(np.isin(scene.cloud.labels, _large_instances(scene)))


def region_of(labels: NDArray[np.int32], wanted: Sequence[int]) -> Region:
    """The square, with a margin, around the objects of some labels (H, W)."""
    return _region(np.isin(labels, wanted))


def _large_instances(scene: TableScene) -> NDArray[np.intp]:
    """Labels of the instances that are not much smaller than the largest."""
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
