"""What is known of every object on the table before anything is asked of it.

Directions are as the camera sees them: *left* is left in the image, *in front* is nearer to the
camera along the table, in an image from above lower.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.choice.colours import colour_shares
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.geometry import Floats, project
from affordance_grasp.scene.cloud import TableScene, plane_axes

CRUMB_M2 = 4e-4
"""What covers less of the table, at right angles to the view, is a crumb."""
EDGE_PX = 2
"""What lies so near to an outline may have the colour of the table."""
NAMED = 0.5
"""Share of an object that must have a colour for the object to be called so."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One object on the table.

    ``centre_uv`` and ``centre_cam`` (3,): its middle [pixel, m]; ``place_m`` (3,): right, away
    and up on the table [m]; ``length_m`` and ``height_m``: extent along the table and above it;
    ``size_m``: diagonal of the box about it. ``footprint_m`` (N, 2): its points on the table.
    ``colours``: name -> share.
    ``families``: family -> probability, empty where nothing is known of families; ``known``:
    whether it is like enough to what was learnt of the likeliest one.
    """

    label: int
    centre_uv: tuple[float, float]
    centre_cam: Floats
    place_m: Floats
    length_m: float
    height_m: float
    size_m: float
    footprint_m: Floats
    colours: Mapping[str, float]
    families: Mapping[str, float] = field(default_factory=dict)
    known: bool = False

    @property
    def name(self) -> str:
        """Its family, or empty where that is not known."""
        if not self.known:
            return ""
        return max(self.families, key=self.families.__getitem__, default="")

    @property
    def called(self) -> str:
        """Colour and family in words, as far as they are known: ``red mug``."""
        name = self.name.replace("_", " ") or ("unknown object" if self.families else "object")
        return f"{self.colour} {name}".strip()

    @property
    def placed(self) -> str:
        """What it is called and where it is."""
        u, v = self.centre_uv
        return f"{self.called} at column {u:.0f}, row {v:.0f}"

    @property
    def colour(self) -> str:
        """The name of its colour, or empty where it has none for the most part."""
        name = max(self.colours, key=self.colours.__getitem__, default="")
        return name if name and self.colours[name] >= NAMED else ""

    def distance_m(self, other: "Instance") -> float:
        """Smallest distance of two footprints [m]."""
        gaps = self.footprint_m[::3, None] - other.footprint_m[None, ::3]
        return float(np.linalg.norm(gaps, axis=-1).min())


def find_instances(frame: RgbdFrame, scene: TableScene) -> tuple[Instance, ...]:
    """All objects of a segmented frame but for crumbs, in the order of their labels."""
    labels, K = scene.cloud.labels, frame.intrinsics.K
    area_m2 = np.bincount(
        labels.ravel(), weights=(frame.depth_m.ravel() ** 2) / (K[0, 0] * K[1, 1])
    )
    least = min(CRUMB_M2, float(area_m2[1:].max()))
    large = np.flatnonzero(area_m2[1:] >= least) + 1
    wide, around = labels.astype(np.uint16), np.ones((2 * EDGE_PX + 1,) * 2, np.uint8)
    inner = np.where(cv2.erode(wide, around) == cv2.dilate(wide, around), wide, 0)
    found = (_instance(frame, scene, int(label), inner) for label in large)
    return tuple(instance for instance in found if instance is not None)


def _instance(
    frame: RgbdFrame, scene: TableScene, label: int, inner: NDArray[np.uint16]
) -> Instance | None:
    points = scene.cloud.points_cam[scene.cloud.instance == label]
    if len(points) < 3:
        return None
    flat = points @ plane_axes(scene.table).T
    height = scene.table.height_m(points)
    (_, sides, _) = cv2.minAreaRect(flat.astype(np.float32))
    top = float(np.percentile(height, 98))
    middle = np.median(points, axis=0)
    u, v = project(middle[None], frame.intrinsics.K)[0]
    mask = inner == label
    mask = mask if mask.any() else scene.cloud.labels == label
    return Instance(
        label=label,
        centre_uv=(float(u), float(v)),
        centre_cam=middle,
        place_m=np.array([*np.median(flat, axis=0), top]),
        length_m=float(max(sides)),
        height_m=top,
        size_m=float(np.linalg.norm([*sides, top])),
        footprint_m=flat[:: max(1, len(flat) // 300)],
        colours=colour_shares(frame.color, mask),
    )
