"""A plan as a scene: cloud, heatmap, grasps with their reasons, obstacles, table and camera."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Heatmap, RankedGrasp, Reason, Region, RgbdFrame
from affordance_grasp.geometry import Floats, deproject, pose, transform_points
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.report.figures import (
    heatmap_colors,
    heatmap_overlay,
    heatmap_tinted,
    to_width,
)
from affordance_grasp.report.glyphs import CHOSEN
from affordance_grasp.scene.cloud import plane_axes
from affordance_grasp.scene.obstacles import CELL_M, Obstacles
from affordance_grasp.scene.table import TablePlane
from affordance_grasp.view.arm_figure import wxyz
from affordance_grasp.view.glyph_mesh import grasp_mesh

PLAN, SIGHT = "/plan", "/sight"
RANKED_SHOWN, REJECTED_SHOWN = 24, 8
ROD_M, CHOSEN_ROD_M = 0.0012, 0.0026
POINT_M, SPARSE = 0.0022, 3
FAR_M = 3.0
PICTURE_PX = 480
FRUSTUM_M = 0.06
GRID_M = 0.1
OBSTACLE, HIDING = (255, 140, 60), (120, 128, 140)
WORDS = {
    Reason.OFF_IMAGE: "its contact lies outside the image",
    Reason.NO_DEPTH: "there is no depth reading at its contact",
    Reason.COLD: "the heatmap is low at its contact: another part than the query asks for",
    Reason.TOO_WIDE: "wider than the gripper opens",
    Reason.TABLE: "the fingers would reach into the table",
    Reason.NO_IK: "no configuration of the arm reaches it",
    Reason.JOINT_LIMIT: "a joint would pass its limit",
    Reason.PATH: "no free path of the arm leads there",
    Reason.OBSTACLE: "the arm or the gripper would touch what stands beside the object",
    Reason.NOT_TRIED: "too many grasps before it were blocked; the search ended before its turn",
}
TINTS = {
    Reason.OFF_IMAGE: (110, 110, 110),
    Reason.NO_DEPTH: (150, 150, 150),
    Reason.COLD: (92, 140, 220),
    Reason.TOO_WIDE: (180, 120, 200),
    Reason.TABLE: (150, 110, 80),
    Reason.NO_IK: (214, 80, 80),
    Reason.JOINT_LIMIT: (214, 80, 130),
    Reason.PATH: (200, 150, 60),
    Reason.OBSTACLE: (240, 130, 50),
    Reason.NOT_TRIED: (130, 130, 150),
}
"""Colours of rejected grasps, by reason."""


@dataclass(frozen=True)
class DrawnGrasp:
    """A grasp in the scene: viser's handle and one sentence on why it is where it is."""

    handle: Any
    note: str
    rejected: bool = False


def table_pose(table: TablePlane) -> Floats:
    """``T_world_cam`` (4, 4) where no arm is known: z off the table, origin below the camera."""
    right = plane_axes(table)[0]
    R = np.stack([right, np.cross(table.normal_cam, right), table.normal_cam])
    return pose(R, [0, 0, table.offset_m])


def draw_plan(scene: Any, plan: GraspPlan, T_world_cam: Floats) -> list[DrawnGrasp]:
    """Draw a plan in place of what was seen before; the grasps are returned, best first."""
    draw_sight(scene, plan.frame, T_world_cam, plan.heatmap, plan.region)
    scene.remove_by_name(PLAN)
    scene.add_frame(PLAN, show_axes=False)
    _draw_table(scene, plan.table, T_world_cam)
    if plan.obstacles is not None:
        _draw_obstacles(scene, plan.obstacles)
    return [*_ranked(scene, plan, T_world_cam), *_rejected(scene, plan, T_world_cam)]


def draw_sight(
    scene: Any,
    frame: RgbdFrame,
    T_world_cam: Floats,
    heatmap: Heatmap | None = None,
    region: Region | None = None,
) -> None:
    """Draw a frame, in the heatmap's colours where there is one, and forget the last plan."""
    scene.remove_by_name(PLAN)
    scene.remove_by_name(SIGHT)
    placed: dict[str, Any] = {"wxyz": wxyz(T_world_cam), "position": T_world_cam[:3, 3]}
    camera = frame.intrinsics
    scene.add_camera_frustum(
        f"{SIGHT}/camera",
        fov=2 * float(np.arctan2(camera.height / 2, camera.fy)),
        aspect=camera.width / camera.height,
        scale=FRUSTUM_M,
        thickness=0.001,
        color=(235, 235, 240),
        image=picture(frame, heatmap, region),
        **placed,
    )
    color = frame.color if heatmap is None else heatmap_tinted(frame.color, heatmap)
    shown = _dense(frame, region)
    points = deproject(frame.depth_m, camera.K)[shown]
    scene.add_point_cloud(
        f"{SIGHT}/cloud",
        points.astype(np.float32),
        color[shown],
        point_size=POINT_M,
        point_shape="circle",
        point_shading="flat",
        **placed,
    )


def picture(
    frame: RgbdFrame, heatmap: Heatmap | None = None, region: Region | None = None
) -> NDArray[np.uint8]:
    """The colour image under the heatmap, of a size for a page."""
    seen = frame.color if heatmap is None else heatmap_overlay(frame.color, heatmap, region)
    return to_width(seen, min(PICTURE_PX, seen.shape[1]))


def explain(plan: GraspPlan) -> str:
    """What became of the proposals, as one sentence."""
    if plan.best is None:
        return plan.refusal
    reasons = ", ".join(f"{count} {reason}" for reason, count in plan.not_ranked.items())
    return (
        f"{plan.heatmap.affordance}: heat {plan.best.heat:.2f}, quality {plan.best.quality:.2f}, "
        f"{plan.best.width_m * 1e3:.0f} mm wide; first of {len(plan.selection.ranked)} ranked, of "
        f"{len(plan.candidates)} proposed" + (f"; not ranked: {reasons}" if reasons else "")
    )


def target(plan: GraspPlan, T_world_cam: Floats) -> Floats:
    """What a viewer looks at (3,): the chosen grasp, or the middle of the region of interest."""
    if plan.best is None:
        return middle(plan.frame, T_world_cam, plan.region)
    return transform_points(T_world_cam, plan.best.T_cam_tcp[:3, 3])


def middle(frame: RgbdFrame, T_world_cam: Floats, region: Region | None = None) -> Floats:
    """The middle (3,) of what is seen in a region, or in the whole image."""
    seen = deproject(frame.depth_m, frame.intrinsics.K)[... if region is None else region.slices]
    points = seen[np.isfinite(seen).all(axis=-1)]
    return transform_points(T_world_cam, np.median(points, axis=0) if len(points) else np.zeros(3))


def _dense(frame: RgbdFrame, region: Region | None) -> NDArray[np.bool_]:
    """The readings that are drawn: all in the region, about every ninth outside of it."""
    shown = np.zeros(frame.depth_m.shape, bool)
    shown[::SPARSE, ::SPARSE] = True
    shown[... if region is None else region.slices] = True
    return shown & (frame.depth_m > 0) & (frame.depth_m < FAR_M)


def _draw_table(scene: Any, table: TablePlane, T_world_cam: Floats) -> None:
    T = T_world_cam @ np.linalg.inv(table_pose(table))
    ahead = table.drop(np.array([0, 0, table.offset_m]))
    T[:3, 3] = transform_points(T_world_cam, ahead - 0.003 * table.normal_cam)
    scene.add_grid(
        f"{PLAN}/table",
        width=1.2,
        height=1.2,
        cell_size=GRID_M,
        cell_color=(92, 98, 106),
        section_size=1.2,
        section_color=(92, 98, 106),
        wxyz=wxyz(T),
        position=T[:3, 3],
    )


def _draw_obstacles(scene: Any, obstacles: Obstacles) -> None:
    """The upper ends of the columns that the arm keeps clear of."""
    for name, columns, tint in (
        ("seen", obstacles.where(obstacles.seen), OBSTACLE),
        ("may hide something", obstacles.where(~obstacles.seen), HIDING),
    ):
        if len(columns.thing):
            scene.add_point_cloud(
                f"{PLAN}/obstacles/{name}",
                columns.top_base.astype(np.float32),
                tint,
                point_size=CELL_M / 2,
                visible=name == "seen" and len(set(columns.thing)) > 1,
            )


def _ranked(scene: Any, plan: GraspPlan, T_world_cam: Floats) -> Iterator[DrawnGrasp]:
    ranked = plan.selection.ranked
    for place, grasp in enumerate(ranked[:RANKED_SHOWN], start=1):
        tint = CHOSEN if place == 1 else tuple(map(int, heatmap_colors(np.array(grasp.heat))))
        name = "chosen" if place == 1 else f"ranked/{place:03d}"
        radius_m = CHOSEN_ROD_M if place == 1 else ROD_M
        vertices, faces = grasp_mesh(T_world_cam @ grasp.T_cam_tcp, grasp.width_m, radius_m)
        handle = scene.add_mesh_simple(f"{PLAN}/{name}", vertices, faces, color=tint)
        yield DrawnGrasp(handle, _place(grasp, place, len(ranked)))


def _place(grasp: RankedGrasp, place: int, count: int) -> str:
    which = "chosen, the first" if place == 1 else f"number {place}"
    return (
        f"{which} of {count} ranked: heatmap {grasp.heat:.2f}, quality {grasp.quality:.2f}, "
        f"{grasp.width_m * 1e3:.0f} mm wide"
    )


def _rejected(scene: Any, plan: GraspPlan, T_world_cam: Floats) -> Iterator[DrawnGrasp]:
    """A few of every reason, spread over all that share it; hidden until they are asked for."""
    rejected, candidates = plan.selection.rejected, plan.candidates
    for reason in Reason:
        found = [i for i, why in rejected.items() if why is reason]
        for i in found[:: max(1, -(-len(found) // REJECTED_SHOWN))]:
            T, width_m = T_world_cam @ candidates.T_cam_tcp[i], float(candidates.width_m[i])
            vertices, faces = grasp_mesh(T, width_m, ROD_M)
            name = f"{PLAN}/rejected/{reason}/{i}"
            tint = TINTS[reason]
            handle = scene.add_mesh_simple(name, vertices, faces, color=tint, visible=False)
            note = (
                f"candidate {i}, rejected ({reason}, as {len(found)} were): {WORDS[reason]}; "
                f"quality {candidates.quality[i]:.2f}, {width_m * 1e3:.0f} mm wide"
            )
            yield DrawnGrasp(handle, note, rejected=True)
