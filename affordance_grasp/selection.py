"""Ranking of the candidates by heat, quality and reachability, with a reason for each rejection.

A candidate's *heat* is the heatmap's value at its projected contact. Three rules: ``argmax``,
PLSP's, takes the highest heat. ``bands``, the default, takes the mean over the fingers' breadth,
groups candidates by it in bands of 0.1 below the highest and sorts by geometric quality inside a
band, so that among grasps on the same part the most stable one wins. ``quality`` ignores the
heatmap: the baseline without affordance. With every rule the first reachable grasp is executed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import cv2
import numpy as np

from affordance_grasp.configuration.settings import Count, PositiveShare, Settings, Share
from affordance_grasp.datatypes import (
    GraspCandidates,
    Heatmap,
    RankedGrasp,
    Reason,
    RgbdFrame,
    Selection,
)
from affordance_grasp.errors import InvalidInput, look_up
from affordance_grasp.geometry import Floats, project, sample_bilinear
from affordance_grasp.rules import RULES
from affordance_grasp.scene.table import TablePlane

STRIP_DEPTH_M = 0.015

Reach = Callable[[Floats, float, float], Reason | None]


@dataclass(frozen=True)
class SelectionConfig(Settings, title="selection"):
    """Limits of the selection.

    ``min_heat``: candidates below it are rejected as cold. ``band``: width of a band of the rule
    ``bands``. ``heat_window_px``: side of the square about the contact over which the heatmap is
    averaged. ``reachable``: how many reachable grasps to establish. ``table_clearance_m``: lowest
    tcp height above the table.
    """

    min_heat: Share = 0.2
    band: PositiveShare = 0.1
    heat_window_px: Count = 5
    reachable: Count = 3
    table_clearance_m: float = 0.001

    def check(self) -> None:
        """Refuse windows without a middle."""
        if self.heat_window_px % 2 == 0:
            raise InvalidInput(f"selection: heat_window_px is {self.heat_window_px}; must be odd")


def select(
    frame: RgbdFrame,
    heatmap: Heatmap,
    candidates: GraspCandidates,
    *,
    rule: str = "bands",
    table: TablePlane | None = None,
    reach: Reach | None = None,
    max_width_m: float = inf,
    config: SelectionConfig | None = None,
) -> Selection:
    """Rank the candidates and give a reason for every one that is rejected.

    With ``reach`` candidates are checked in order of rank until ``config.reachable`` of them can
    be reached. These come first in the result; those after them were not checked. When none can
    be reached, all have been checked and rejected.

    Args:
        frame: the image that both the heatmap and the candidates come from.
        heatmap: the affordance of every pixel.
        candidates: from any generator.
        rule: a name of ``rules.RULES``.
        table: the supporting plane; grasps that reach into it are rejected.
        reach: tells why the arm cannot grasp at a pose, width and opening, or None when it can.
        max_width_m: widest opening of the gripper.
        config: limits; defaults when None.
    """
    config, ranking = config or SelectionConfig(), look_up("selection rule", rule, RULES)
    if heatmap.values.shape != frame.depth_m.shape:
        raise InvalidInput(
            f"heatmap is {heatmap.values.shape[::-1]} and the frame {frame.depth_m.shape[::-1]} "
            "pixels; the heatmap must have the size of the colour image"
        )
    uv = project(candidates.contact_cam, frame.intrinsics.K)
    heat = contact_heat(frame, heatmap, candidates, ranking.breadth_m, config.heat_window_px)
    reasons = _reasons(
        frame,
        candidates,
        uv,
        table,
        max_width_m=max_width_m,
        clearance_m=config.table_clearance_m,
    )
    if ranking.needs_heat:
        for i in np.flatnonzero(~(heat >= config.min_heat)):
            reasons.setdefault(int(i), Reason.COLD)
    kept = np.array([i for i in range(len(candidates)) if i not in reasons], int)
    order = kept[ranking.order(heat[kept], candidates.quality[kept], config.band)]
    grasps = [_ranked(candidates, int(i), uv, heat) for i in order]
    if reach is not None:
        grasps, unreachable = _reachable_first(grasps, reach, config.reachable)
        reasons.update(unreachable)
    return Selection(tuple(grasps), dict(sorted(reasons.items())))


def contact_heat(
    frame: RgbdFrame,
    heatmap: Heatmap,
    candidates: GraspCandidates,
    breadth_m: float = 0.0,
    window_px: int = 5,
) -> Floats:
    """Heat (N,) of every candidate: the heatmap's mean at its contact or along a strip.

    Of the strip only points about as far away as the contact count, of a reading's square only
    pixels with any heat: the rest lies beside the object.

    Args:
        frame: gives the intrinsics.
        heatmap: the affordance of every pixel.
        candidates: the grasps.
        breadth_m: length of the strip, along y of ``tcp`` through the contact; 0 for a point.
        window_px: side of the square over which each reading is averaged.
    """
    steps = np.linspace(-0.5, 0.5, 5) * breadth_m if breadth_m > 0 else np.zeros(1)
    strip = steps[:, None] * candidates.T_cam_tcp[:, None, :3, 1]
    points = candidates.contact_cam[:, None] + strip
    uv = np.nan_to_num(project(points, frame.intrinsics.K), nan=-1.0)
    smooth, hot = (
        cv2.blur(of, (window_px, window_px), borderType=cv2.BORDER_REPLICATE)
        for of in (heatmap.values, (heatmap.values > 0).astype(np.float32))
    )
    heat = np.nan_to_num(sample_bilinear(smooth / np.maximum(hot, 1e-6), uv))
    seen = np.nan_to_num(sample_bilinear(frame.depth_m, uv))
    counts = np.abs(seen - points[..., 2]) < STRIP_DEPTH_M
    counts[:, len(steps) // 2] = True
    return np.asarray((heat * counts).sum(axis=1) / counts.sum(axis=1))


def _reasons(
    frame: RgbdFrame,
    candidates: GraspCandidates,
    uv: Floats,
    table: TablePlane | None,
    *,
    max_width_m: float,
    clearance_m: float,
) -> dict[int, Reason]:
    """The first reason other than heat that applies to each rejected candidate."""
    reading = cv2.dilate(frame.depth_m, np.ones((5, 5), np.uint8))
    depth = sample_bilinear(reading, np.nan_to_num(uv, nan=-1.0))
    height = np.inf if table is None else table.height_m(candidates.T_cam_tcp[:, :3, 3])
    everywhere = np.ones(len(candidates), bool)
    checks = (
        (Reason.OFF_IMAGE, np.isnan(depth)),
        (Reason.NO_DEPTH, ~(depth > 0)),
        (Reason.TOO_WIDE, candidates.width_m > max_width_m),
        (Reason.TABLE, everywhere & (height < clearance_m)),
    )
    reasons: dict[int, Reason] = {}
    for reason, applies in checks:
        for i in np.flatnonzero(applies):
            reasons.setdefault(int(i), reason)
    return reasons


def _ranked(candidates: GraspCandidates, i: int, uv: Floats, heat: Floats) -> RankedGrasp:
    return RankedGrasp(
        T_cam_tcp=candidates.T_cam_tcp[i],
        width_m=float(candidates.width_m[i]),
        contact_cam=candidates.contact_cam[i],
        contact_uv=(float(uv[i, 0]), float(uv[i, 1])),
        heat=float(heat[i]),
        quality=float(candidates.quality[i]),
        candidate=i,
        opening_m=float(candidates.opening_m[i]),
    )


def _reachable_first(
    grasps: list[RankedGrasp], reach: Reach, wanted: int
) -> tuple[list[RankedGrasp], dict[int, Reason]]:
    reachable: list[RankedGrasp] = []
    rejected: dict[int, Reason] = {}
    for checked, grasp in enumerate(grasps):
        if len(reachable) == wanted:
            return reachable + grasps[checked:], rejected
        reason = reach(grasp.T_cam_tcp, grasp.width_m, grasp.opening_m)
        if reason is None:
            reachable.append(grasp)
            continue
        rejected[grasp.candidate] = reason
    return reachable, rejected
