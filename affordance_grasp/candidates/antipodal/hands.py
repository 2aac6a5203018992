"""Hands around an object: exact contacts, room to the table, collisions, and quality.

The bins of :mod:`closing` tell only that a hand may fit; the functions here measure on the points
themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.candidates.antipodal.closing import Singles
from affordance_grasp.control.gripper import Gripper, GripperBox
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import ObjectCloud
from affordance_grasp.scene.table import TablePlane

EDGE_M = 0.004
FRICTION = 0.6
OPEN_STEP_M = 0.002
PAIRS = 65_536


@dataclass(frozen=True)
class Hands:
    """M hands: pose of the tcp at closure, and what is between the fingers.

    ``T_cam_tcp`` (M, 4, 4); ``width_m`` (M,); ``contact_cam`` (M, 3); ``engagement_m`` (M,) how
    far the tips reach past the surface at the edges; ``slope`` (M,) steepest slant of the two
    edges along the fingers' breadth; ``cover`` (M,) share of that breadth with object in it;
    ``facing`` (M,) -1..1, how squarely visible sides face the fingers, NaN where none is seen.
    """

    T_cam_tcp: Floats
    width_m: Floats
    contact_cam: Floats
    engagement_m: Floats
    slope: Floats
    cover: Floats
    facing: Floats

    def __len__(self) -> int:
        """Number of hands."""
        return len(self.width_m)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Hands":
        """The hands picked by a mask or by indices."""
        return replace(self, **{name: values[keep] for name, values in vars(self).items()})


def measure(
    R: Floats, center_cam: Floats, window: Floats, cloud: ObjectCloud, breadth_m: float
) -> Hands:
    """Close hands exactly on points.

    Args:
        R: (M, 3, 3) orientation of each hand in the camera frame.
        center_cam: (M, 3) [m] origin of each hand before it is centred, at the depth of its tips.
        window: (M, 2) [m] coarse edges of the object along x.
        cloud: the points, and their normals.
        breadth_m: breadth of the fingers.
    """
    count, points, normals = len(R), cloud.points_cam, cloud.normals_cam
    hand, point, p = _between(R, center_cam, window, points, breadth_m)
    low, high = _edges(hand, p[:, 0], count)
    empty = ~np.isfinite(low)
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    at_low = p[:, 0] < low[hand] + EDGE_M
    at_high = p[:, 0] > high[hand] - EDGE_M
    engagement = np.minimum(
        _mean(hand[at_low], -p[at_low, 2], count), _mean(hand[at_high], -p[at_high, 2], count)
    )
    slope, cover = _outline(hand, p, breadth_m, count)
    edges = np.flatnonzero(at_low), np.flatnonzero(at_high)
    facing = _facing([hand[e] for e in edges], [normals[point[e]] for e in edges], R, count)
    middle = (low + high) / 2
    nearest = _nearest_to_axis(hand, p, middle, count)
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = R
    T[:, :3, 3] = center_cam + R[:, :, 0] * middle[:, None]
    contact = points[point[nearest]] if len(point) else np.zeros((count, 3))
    engagement = np.where(empty, 0.0, np.nan_to_num(engagement))
    return Hands(T, high - low, contact, engagement, slope, cover, facing)


def _between(
    R: Floats, center: Floats, window: Floats, points: Floats, breadth_m: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Hand index, ascending, point index and hand coordinates (K, 3) between the fingers."""
    found = []
    for some in _chunks(len(R), len(points)):
        x, y, z = _in_hands(R[some], center[some], points)
        hand, point, p = _chosen((z < 0) & (np.abs(y) <= breadth_m / 2), (x, y, z))
        low, high = window[some][hand].T
        within = np.flatnonzero((p[0] >= low - 1e-3) & (p[0] <= high + 1e-3))
        found.append((some.start + hand[within], point[within], p[:, within]))
    hand, point, p = (np.concatenate(part, axis=-1) for part in zip(*found, strict=True))
    return hand, point, p.T.astype(float)


def _chunks(hands: int, points: int) -> list[slice]:
    """Hands in groups that are small enough to stay in a core's cache with all points."""
    size = max(1, PAIRS // max(points, 1))
    return [slice(start, start + size) for start in range(0, max(hands, 1), size)]


def _in_hands(R: Floats, origin: Floats, points: Floats) -> list[Singles]:
    """Coordinates x, y, z, each (M, N), of N points in M hands; single precision is 0.1 um."""
    near, axes = points.astype(np.float32).T, R.astype(np.float32)
    start = np.einsum("mi,mij->mj", origin, R).astype(np.float32)
    return [axes[:, :, axis] @ near - start[:, axis, None] for axis in range(3)]


def _chosen(
    mask: NDArray[np.bool_], xyz: Sequence[Singles]
) -> tuple[NDArray[np.intp], NDArray[np.intp], Singles]:
    """Hand, point and coordinates (3, K) of the pairs in a mask (M, N)."""
    flat = np.flatnonzero(mask)
    hand, point = np.divmod(flat, mask.shape[1])
    return hand, point, np.stack([axis.ravel()[flat] for axis in xyz])


def _edges(group: NDArray[np.intp], x: Floats, count: int) -> tuple[Floats, Floats]:
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, group, x)
    np.maximum.at(high, group, x)
    return low, high


def _mean(group: NDArray[np.intp], values: Floats, count: int) -> Floats:
    total = np.bincount(group, weights=values, minlength=count)
    members = np.bincount(group, minlength=count)
    return np.where(members > 0, total / np.maximum(members, 1), np.nan)


def _outline(
    hand: NDArray[np.intp], p: Floats, breadth_m: float, count: int
) -> tuple[Floats, Floats]:
    """Steepest slant of the two edges over the fingers' breadth, and the share of it covered."""
    third = np.clip(((p[:, 1] / breadth_m + 0.5) * 3).astype(int), 0, 2)
    low, high = _edges(hand * 3 + third, p[:, 0], 3 * count)
    low, high = low.reshape(count, 3), high.reshape(count, 3)
    seen = np.isfinite(low)
    both = seen[:, 0] & seen[:, 2]
    step = breadth_m * 2 / 3
    with np.errstate(invalid="ignore"):
        slant = np.maximum(np.abs(low[:, 2] - low[:, 0]), np.abs(high[:, 2] - high[:, 0])) / step
        inner = np.maximum(_step(low), _step(high)) / (breadth_m / 3)
    slope = np.where(both, slant, np.where(np.isfinite(inner), inner, 1.0))
    return slope, seen.mean(axis=1)


def _step(edge: Floats) -> Floats:
    """Largest known step between neighbouring thirds (M,)."""
    step = np.abs(np.diff(edge, axis=1))
    return np.asarray(np.where(np.isfinite(step), step, 0).max(axis=1))


def _facing(
    hands: Sequence[NDArray[np.intp]], normals: Sequence[Floats], R: Floats, count: int
) -> Floats:
    """Mean cosine between visible side normals and the finger that will press on them.

    ``hands`` and ``normals``: of the points at the low edge and of those at the high edge.
    """
    hand, normal = np.concatenate(hands), np.concatenate(normals)
    outward = np.repeat([-1.0, 1.0], [len(edge) for edge in hands])
    along_x, along_z = (np.einsum("ki,ki->k", normal, R[hand, :, axis]) for axis in (0, 2))
    side = along_z > -0.7  # steeper than 45 degrees to the approach: a side, not a top
    return _mean(hand[side], (outward * along_x)[side], count)


def _nearest_to_axis(
    hand: NDArray[np.intp], p: Floats, middle: Floats, count: int
) -> NDArray[np.intp]:
    """Row of the visible point of each hand that is nearest to its approach axis."""
    distance = (p[:, 0] - middle[hand]) ** 2 + p[:, 1] ** 2 + 0.1 * p[:, 2] ** 2
    least = np.full(count, np.inf)
    np.minimum.at(least, hand, distance)
    rows = np.flatnonzero(distance == least[hand])[::-1]
    nearest = np.zeros(count, np.intp)
    nearest[hand[rows]] = rows  # of several the first
    return nearest if len(hand) else rows


def open_width(gripper: Gripper, width_m: Floats) -> Floats:
    """Openings [m] with which hands descend; ``Gripper.open_width_m`` of arrays."""
    return np.minimum(width_m + 2 * gripper.open_clearance_m, gripper.max_width_m)


def table_room(
    hands: Hands, table: TablePlane, gripper: Gripper, opened_m: Floats | None = None
) -> Floats:
    """Lowest height [m] (M,) that any corner of the fingertips has while coming down and closing.

    Closing swings the tips forward, so both ends of the swing count: open (wider, further back)
    and the foremost point in between. ``opened_m`` (M,): None as the widths need.
    """
    opened_m = open_width(gripper, hands.width_m) if opened_m is None else opened_m
    forward, back = _swing(gripper, hands.width_m, opened_m)
    lean = hands.T_cam_tcp[:, :3, :3].transpose(0, 2, 1) @ table.normal_cam
    height = table.height_m(hands.T_cam_tcp[:, :3, 3])
    aside = np.abs(lean[:, 1]) * gripper.finger_breadth_m / 2
    out = gripper.tip_thickness_m
    closed = height + lean[:, 2] * forward - np.abs(lean[:, 0]) * (hands.width_m / 2 + out)
    before = height - lean[:, 2] * back - np.abs(lean[:, 0]) * (opened_m / 2 + out)
    return np.minimum(closed, before) - aside


def _swing(gripper: Gripper, width_m: Floats, opened_m: Floats) -> tuple[Floats, Floats]:
    """How far the tips pass the tcp while closing, and lie behind it when open [m], (M,) each."""
    grid, advance = _advances(gripper)
    at_width, at_open = np.interp(width_m, grid, advance), np.interp(opened_m, grid, advance)
    peak_at = float(grid[advance.argmax()])
    passes = (width_m < peak_at) & (opened_m > peak_at)
    return np.where(passes, advance.max() - at_width, 0.0), at_width - at_open


@lru_cache(maxsize=8)
def _advances(gripper: Gripper) -> tuple[Floats, Floats]:
    """Widths [m] in small steps, and how far the tips are ahead at each."""
    grid = np.arange(0, gripper.max_width_m + OPEN_STEP_M / 2, OPEN_STEP_M / 2)
    return grid, np.array([gripper.tip_advance_m(gripper.clamp_width(w)) for w in grid])


def collides(
    hands: Hands, points: Floats, gripper: Gripper, opened_m: Floats | None = None
) -> NDArray[np.bool_]:
    """Whether the opened gripper (M,) touches any of the points (N, 3) where it stops.

    ``opened_m`` (M,): None as the widths need.
    """
    opened_m = open_width(gripper, hands.width_m) if opened_m is None else opened_m
    _, back = _swing(gripper, hands.width_m, opened_m)
    step = np.minimum(np.ceil(opened_m / OPEN_STEP_M) * OPEN_STEP_M, gripper.max_width_m)
    hit = np.zeros(len(hands), bool)
    for width in np.unique(step):
        group = np.flatnonzero(step == width)
        R, origin = hands.T_cam_tcp[group, :3, :3], hands.T_cam_tcp[group, :3, 3]
        origin = origin - R[:, :, 2] * back[group, None]
        boxes = gripper.boxes(gripper.clamp_width(float(width)))
        for some in _chunks(len(group), len(points)):
            touched = _touched(_in_hands(R[some], origin[some], points), boxes)
            hit[group[some]] = touched
    return hit


def _touched(xyz: Sequence[Singles], boxes: Sequence[GripperBox]) -> NDArray[np.bool_]:
    """Which hands (M,) have a point with coordinates (M, N) each inside one of the boxes."""
    reach = np.array([np.add(np.abs(box.center_m), box.half_size_m) for box in boxes]).max(axis=0)
    near = np.abs(xyz[1]) < reach[1]
    near &= xyz[2] < 0
    hand, _, p = _chosen(near, xyz)
    inside = np.zeros(len(hand), bool)
    for box in boxes:
        c, h = box.center_m, box.half_size_m
        inside |= (
            (np.abs(p[0] - c[0]) < h[0])
            & (np.abs(p[1] - c[1]) < h[1])
            & (np.abs(p[2] - c[2]) < h[2])
        )
    touched = np.zeros(len(near), bool)
    touched[hand[inside]] = True
    return touched


def quality(hands: Hands, table: TablePlane, middle_cam: Floats, max_width_m: float) -> Floats:
    """Geometric quality (M,) in 0..1: a product, so that one bad property makes it low.

    Straight parallel edges inside the friction cone; visible sides that face the fingers; tips
    that reach well past the edges; the whole breadth of the fingers used; a moderate width; a
    grasp near the middle of the object, and not too slanted.
    """
    straight = np.clip(1 - hands.slope / FRICTION, 0.02, 1)
    square = np.where(np.isnan(hands.facing), 0.85, np.clip(0.2 + hands.facing, 0.05, 1))
    reach = np.clip(hands.engagement_m / 0.012, 0.1, 1) ** 0.5
    narrow = 1 - 0.5 * (hands.width_m / max_width_m) ** 2
    upright = np.clip(-hands.T_cam_tcp[:, :3, 2] @ table.normal_cam, 0, 1)
    level = 0.3 + 0.7 * upright**2
    away = np.linalg.norm(hands.T_cam_tcp[:, :3, 3] - middle_cam, axis=1)
    lever = np.exp(-away / 0.6)
    cover = 0.3 + 0.7 * hands.cover
    return straight * square * reach * narrow * level * lever * cover
