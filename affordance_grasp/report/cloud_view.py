"""A plan in three dimensions, in ``open3d``'s viewer: the cloud, its grasps, table and camera."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.errors import EnvironmentFault, InvalidInput
from affordance_grasp.extras import require
from affordance_grasp.geometry import Floats, deproject
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.report.figures import MUTED, PAPER, heatmap_colors, heatmap_tinted, write_png
from affordance_grasp.report.glyphs import CHOSEN, STROKES, gripper_outline
from affordance_grasp.scene.cloud import plane_axes
from affordance_grasp.scene.cloud_files import quiet
from affordance_grasp.scene.point_cloud import frame_cloud

WIDTH_PX, HEIGHT_PX = 1280, 960
SHOWN = 9
ROD_M, CHOSEN_ROD_M = 0.001, 0.0025
GRID_HALF_M, GRID_LINES, GRID_BELOW_M = 0.3, 13, 0.004
CAMERA_M = 0.06
ASIDE_DEG, RAISED_DEG, ZOOM = -25.0, 35.0, 0.28


def check_view(image: Path | None) -> None:
    """Refuse a view that cannot be shown, before there is a plan; imports nothing.

    Raises:
        InvalidInput: the image is not named .png.
        EnvironmentFault: a window is asked for and there is no display.
    """
    if image is not None and image.suffix.lower() != ".png":
        raise InvalidInput(f"the view of a plan is written as .png, not as {image}")
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if image is None and sys.platform == "linux" and not display:
        raise EnvironmentFault("the view of a plan needs a display; name an image to write it to")


def show(plan: GraspPlan, image: Path | None = None) -> None:
    """Open a window with the plan until it is closed; with ``image`` write that view instead.

    The chosen grasp is green, the next ``SHOWN`` have the colour of their heatmap value. The grid
    of 5 cm is the table's plane; red, green and blue are the camera's x, y and z.

    A process does this last: without a display Mesa loads an LLVM beside which a later import of
    Triton, and so of some of torch, crashes.

    Raises:
        InvalidInput, EnvironmentFault: see :func:`check_view`.
        MissingPackage: ``open3d`` is not installed.
    """
    check_view(image)
    open3d = require("open3d", "the view of a plan")
    with quiet(open3d):
        window = open3d.visualization.Visualizer()
        window.create_window("affordance_grasp", WIDTH_PX, HEIGHT_PX, visible=image is None)
        for geometry in _geometries(open3d, plan):
            window.add_geometry(geometry)
        window.get_render_option().background_color = np.array(PAPER) / 255
        window.get_render_option().point_size = 3.0
        _look(window.get_view_control(), plan)
        if image is None:
            window.run()
        else:
            seen = np.asarray(window.capture_screen_float_buffer(do_render=True))
            write_png(image, np.rint(seen * 255).astype(np.uint8))
        window.destroy_window()


def _geometries(open3d: Any, plan: GraspPlan) -> Iterator[Any]:
    color = heatmap_tinted(plan.frame.color, plan.heatmap)
    cloud = frame_cloud(replace(plan.frame, color=color))
    points = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(cloud.points_cam))
    points.colors = open3d.utility.Vector3dVector(cloud.color / 255)
    yield points
    yield _grid(open3d, plan)
    yield open3d.geometry.TriangleMesh.create_coordinate_frame(CAMERA_M)
    for place, grasp in enumerate(plan.selection.ranked[: SHOWN + 1]):
        corners = gripper_outline(grasp.T_cam_tcp, grasp.width_m)
        tint = heatmap_colors(np.array(grasp.heat)) if place else np.array(CHOSEN)
        for start, end in corners[list(STROKES)].reshape(-1, 2, 3):
            rod = _rod(open3d, start, end, ROD_M if place else CHOSEN_ROD_M)
            yield rod.paint_uniform_color(tint / 255)


def _rod(open3d: Any, start: Floats, end: Floats, radius_m: float) -> Any:
    """A thin cylinder between two points; lines are one pixel wide in this viewer."""
    along = end - start
    rod = open3d.geometry.TriangleMesh.create_cylinder(radius_m, float(np.linalg.norm(along)), 12)
    rod.compute_vertex_normals()
    rod.rotate(Rotation.align_vectors(along[None], [[0, 0, 1]])[0].as_matrix())
    return rod.translate((start + end) / 2)


def _grid(open3d: Any, plan: GraspPlan) -> Any:
    """Lines just below the table's plane, where its readings do not hide them in pieces."""
    axes = plane_axes(plan.table)
    center = plan.table.drop(_target(plan)) - GRID_BELOW_M * plan.table.normal_cam
    steps = np.linspace(-GRID_HALF_M, GRID_HALF_M, GRID_LINES)
    across = np.stack(np.meshgrid(steps, (-GRID_HALF_M, GRID_HALF_M), indexing="ij"), -1)
    ends = center + np.concatenate([across, across[..., ::-1]]).reshape(-1, 2) @ axes
    grid = open3d.geometry.LineSet(
        open3d.utility.Vector3dVector(ends),
        open3d.utility.Vector2iVector(np.arange(len(ends)).reshape(-1, 2)),
    )
    return grid.paint_uniform_color(np.array(MUTED) / 255)


def _target(plan: GraspPlan) -> Floats:
    """The chosen grasp, or without one the middle of the region of interest."""
    if plan.best is not None:
        return plan.best.T_cam_tcp[:3, 3]
    points = deproject(plan.frame.depth_m, plan.frame.intrinsics.K)[plan.region.slices]
    return np.asarray(np.nanmedian(points.reshape(-1, 3), axis=0))


def _look(view: Any, plan: GraspPlan) -> None:
    """From beside the camera and lower, so that object, approach and table are all seen."""
    up = plan.table.normal_cam
    toward = -_target(plan) / np.linalg.norm(_target(plan))
    level = toward - (toward @ up) * up
    aside = Rotation.from_rotvec(np.radians(ASIDE_DEG) * up).apply(level / np.linalg.norm(level))
    raised = np.radians(RAISED_DEG)
    view.set_lookat(_target(plan))
    view.set_front(np.cos(raised) * aside + np.sin(raised) * up)
    view.set_up(up)
    view.set_zoom(ZOOM)
