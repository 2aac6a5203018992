"""A hand search on the single-view cloud, in the manner of GPD (ten Pas et al., IJRR 2017).

Points spread over the object each get a local frame; from every frame the hand comes at several
azimuths, tilts and depths, is pushed forward until it touches something, closed, and rated. All
hands of one orientation are examined together as array operations.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from affordance_grasp.candidates.antipodal.anchors import (
    facing_frames,
    local_frames,
    spread_points,
)
from affordance_grasp.candidates.antipodal.closing import (
    CENTER_BIN,
    FREE,
    HALF_SPAN_M,
    Closings,
    Neighbors,
    Singles,
    close_hands,
    envelope,
)
from affordance_grasp.candidates.antipodal.hands import (
    Hands,
    collides,
    measure,
    quality,
    table_room,
)
from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.configuration.settings import Count, Settings
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import ObjectCloud, TableScene, segment_scene
from affordance_grasp.scene.table import MAX_DISTANCE_M, TablePlane


@dataclass(frozen=True)
class AntipodalConfig(Settings, title="antipodal search"):
    """Resolution of the search and thresholds; lengths in metres, angles in degrees."""

    anchors: Count = 112
    turns_deg: Annotated[tuple[float, ...], Meta(min_length=1)] = (0, 30, 60, 90, 120, 150)
    tilts_deg: tuple[float, ...] = (0, 20, -20, 40, -40)
    facing_turns_deg: tuple[float, ...] = (0, 45, 90, 135)
    depths_m: Annotated[tuple[float, ...], Meta(min_length=1)] = (0.006, 0.012, 0.02, 0.03)
    table_clearance_m: Annotated[float, Meta(ge=0.001)] = 0.0015  # fingertips stay off the table
    finger_clearance_m: float = 0.003
    per_anchor: Count = 4
    min_quality: float = 0.05
    max_distance_m: float = MAX_DISTANCE_M


@dataclass(frozen=True)
class _Found:
    """Closings with the orientation (M, 3, 3) of each hand in the camera frame."""

    closings: Closings
    R: Floats


class AntipodalGenerator:
    """The built-in generator; holds only its gripper and its configuration."""

    name = "antipodal"
    wants_target = False

    def __init__(self, gripper: Gripper, config: AntipodalConfig | None = None) -> None:
        self.gripper = gripper
        self.config = config or AntipodalConfig()

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: TableScene | None = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """Propose grasps for the object that is meant; the search itself is deterministic."""
        scene = scene or segment_scene(frame, self.config.max_distance_m, seed)
        return self.search(scene.cloud, scene.table, target)

    def search(
        self, cloud: ObjectCloud, table: TablePlane, target: Target = ANY
    ) -> GraspCandidates:
        """Propose grasps on a segmented cloud: of the target, with everything in the way."""
        meant = cloud.points_cam[target.mask(cloud.instance)]
        anchors = spread_points(
            meant, table, self.config.anchors, self.gripper.max_width_m / 2 + 0.003
        )
        examined, found = self._push_and_close(anchors, cloud, table)
        hands, score = self._judge(anchors, found, cloud, table, np.median(meant, axis=0))
        return GraspCandidates(
            hands.T_cam_tcp, hands.width_m, hands.contact_cam, score, self.name, examined
        )

    def _push_and_close(
        self, anchors: Floats, cloud: ObjectCloud, table: TablePlane
    ) -> tuple[int, list[_Found]]:
        config, slab = self.config, self.gripper.link_breadth_m / 2
        finger = self.gripper.tip_thickness_m + config.finger_clearance_m
        examined, found = 0, []
        families = (
            (local_frames(anchors, cloud, table), config.turns_deg, config.tilts_deg),
            (facing_frames(anchors, cloud, table), config.facing_turns_deg, (0.0,)),
        )
        # with the hidden solid, or hands would fit inside an object that is seen from outside
        points = np.concatenate([cloud.points_cam, cloud.solid_cam])
        offsets, height = _around(anchors, points), table.height_m(anchors)
        for frames, turns, tilts in families:
            neighbors = _neighbors(offsets, frames)
            for turn in np.radians(turns):
                columns = neighbors.turned(turn)
                R = np.concatenate([frames @ _turned(turn, tilt) for tilt in np.radians(tilts)])
                first = np.concatenate([envelope(columns, t, slab) for t in np.radians(tilts)])
                tips = self._tip_depths(first, np.tile(height, len(tilts)), R, table)
                closings = close_hands(first, tips, finger, self.gripper.max_width_m)
                anchor = closings.anchor % len(anchors)  # the tilts were stacked
                found.append(_Found(replace(closings, anchor=anchor), R[closings.anchor]))
                examined += int(np.count_nonzero(~np.isnan(tips)))
        return examined, found

    def _tip_depths(self, first: Floats, height: Floats, R: Floats, table: TablePlane) -> Floats:
        """Depths (N, L) to try: steps past the surface, and as deep as the table allows."""
        lean = np.swapaxes(R, 1, 2) @ table.normal_cam
        down = np.maximum(-lean[:, 2], 0.05)
        aside = np.abs(lean[:, 1]) * self.gripper.finger_breadth_m / 2
        aside += np.abs(lean[:, 0]) * (self.gripper.tip_thickness_m + 0.01)
        floor = (height - aside - self.config.table_clearance_m) / down
        top = first[:, CENTER_BIN - 1 : CENTER_BIN + 2].min(axis=1)
        top = np.where(top < FREE, top, np.nan)
        deepest = np.minimum(floor, top + self.gripper.pad_length_m)
        tips = top[:, None] + np.array(self.config.depths_m)
        tips = np.column_stack([np.where(tips < deepest[:, None] - 0.002, tips, np.nan), deepest])
        return np.where(tips > top[:, None], tips, np.nan)

    def _judge(
        self,
        anchors: Floats,
        found: list[_Found],
        cloud: ObjectCloud,
        table: TablePlane,
        middle_cam: Floats,
    ) -> tuple[Hands, Floats]:
        """Keep the best few distinct hands of every anchor that fit exactly."""
        config, gripper = self.config, self.gripper
        R, center, window, anchor = _promising(anchors, found, table, config.per_anchor)
        hands = measure(R, center, window, cloud, gripper.finger_breadth_m)
        # points were averaged over cells, which takes half a cell off either edge
        hands = replace(hands, width_m=hands.width_m + cloud.spacing_m)
        room = table_room(hands, table, gripper)
        fits = (hands.width_m <= gripper.max_width_m) & (hands.engagement_m > 5e-4)
        fits &= (room >= config.table_clearance_m - 3e-4) & (hands.width_m > 5e-4)
        hands, anchor = hands.where(fits), anchor[fits]
        score = quality(hands, table, middle_cam, gripper.max_width_m)
        good = score >= config.min_quality
        hands, score, anchor = hands.where(good), score[good], anchor[good]
        kind = _kind(anchor, hands.T_cam_tcp[:, :3, 2], table)
        chosen = _distinct(hands, score, kind, config.per_anchor)
        hands, score, anchor = hands.where(chosen), score[chosen], anchor[chosen]
        free = ~collides(hands, cloud.obstacles(), gripper)
        hands, score, anchor = hands.where(free), score[free], anchor[free]
        chosen = _best_of_each(score, anchor, config.per_anchor)
        return hands.where(chosen), score[chosen]


def _around(anchors: Floats, points: Floats) -> list[Singles]:
    """Offsets (N, 3) [m] from each anchor to the points near it."""
    near = cdist(anchors, points, "sqeuclidean") <= HALF_SPAN_M**2
    return [
        (points[np.flatnonzero(row)] - anchor).astype(np.float32)
        for row, anchor in zip(near, anchors, strict=True)
    ]


def _neighbors(offsets: list[Singles], frames: Floats) -> Neighbors:
    """The same points in the frame of each anchor (A, 3, 3)."""
    axes = frames.astype(np.float32)
    local = np.hstack([R.T @ offset.T for R, offset in zip(axes, offsets, strict=True)])
    anchor = np.repeat(np.arange(len(frames)), [len(offset) for offset in offsets])
    return Neighbors(anchor, local, len(frames))


def _turned(turn_rad: float, tilt_rad: float) -> Floats:
    """A hand (3, 3) turned about its approach, then tilted about x."""
    return np.asarray(Rotation.from_euler("ZX", [turn_rad, tilt_rad]).as_matrix())


def _kind(anchor: NDArray[np.intp], approach: Floats, table: TablePlane) -> NDArray[np.intp]:
    """One number (M,) per anchor and direction of approach: from above, slanted, from the side.

    The best of each are kept until collisions are known, because an approach from above may be
    impossible on a tall object.
    """
    tilt = np.degrees(np.arccos(np.clip(-approach @ table.normal_cam, -1, 1)))
    return anchor * 3 + np.digitize(tilt, (25, 50))


def _promising(
    anchors: Floats, found: list[_Found], table: TablePlane, per_kind: int
) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """The coarsely best hands of each kind: R, origin, window and anchor of each."""
    R = np.concatenate([f.R for f in found])
    anchor, tip, low, high, engagement = (
        np.concatenate([getattr(f.closings, name) for f in found])
        for name in ("anchor", "tip_z", "x_low", "x_high", "engagement")
    )
    upright = -R[:, :, 2] @ table.normal_cam
    score = np.clip(engagement / 0.012, 0, 1) + 0.25 * upright - 4 * (high - low)
    chosen = _best_of_each(score, _kind(anchor, R[:, :, 2], table), per_kind)
    R, tip, anchor = R[chosen], tip[chosen], anchor[chosen]
    center = anchors[anchor] + R[:, :, 2] * tip[:, None]
    return R, center, np.column_stack([low[chosen], high[chosen]]), anchor


def _best_of_each(score: Floats, group: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Indices of the ``count`` best of every group, best first within the whole."""
    order = np.lexsort((-score, group))
    start = np.searchsorted(group[order], group[order])
    kept = order[np.arange(len(order)) - start < count]
    return kept[np.argsort(-score[kept], kind="stable")]


def _distinct(hands: Hands, score: Floats, kind: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The ``count`` best of every kind that differ in place or direction from better ones."""
    cell = np.round(hands.T_cam_tcp[:, :3, 3] / 0.005).astype(int)
    turn = np.round(np.abs(hands.T_cam_tcp[:, :3, 0]) / 0.3).astype(int)
    approach = np.round(hands.T_cam_tcp[:, :3, 2] / 0.3).astype(int)
    order = np.argsort(-score, kind="stable")
    key = np.column_stack([cell, turn, approach])[order]
    _, first = np.unique(key, axis=0, return_index=True)
    kept = order[np.sort(first)]
    return kept[_best_of_each(score[kept], kind[kept], count)]
