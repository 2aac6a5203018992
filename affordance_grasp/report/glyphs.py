"""Grasps drawn as gripper outlines: two fingers, the bar between them, the stem to the wrist."""

from copy import copy

import cv2
import numpy as np

from affordance_grasp.datatypes import CameraIntrinsics, GraspCandidates, Region, Selection
from affordance_grasp.geometry import Floats, project
from affordance_grasp.report.figures import PAPER, RgbImage, heatmap_colors

FINGER_M = 0.04
STEM_M = 0.045
WIDTH_PX = 1280
SHIFT = 3  # cv2 draws at 1/8 pixel
CHOSEN = (64, 235, 120)
REJECTED = (150, 155, 160)
STROKES = (0, 1, 1, 3, 3, 4, 2, 5)
"""Ends of the lines between the corners of a gripper outline."""


def gripper_outline(T_cam_tcp: Floats, width_m: float) -> Floats:
    """Corners (6, 3) [m] of the glyph: tip, knuckle, wrist base, knuckle, tip, and the wrist."""
    half = max(width_m / 2, 0.004)
    corners = np.array(
        [
            [-half, 0, 0],
            [-half, 0, -FINGER_M],
            [0, 0, -FINGER_M],
            [half, 0, -FINGER_M],
            [half, 0, 0],
            [0, 0, -FINGER_M - STEM_M],
        ]
    )
    return corners @ T_cam_tcp[:3, :3].T + T_cam_tcp[:3, 3]


def draw_gripper(
    image: RgbImage, corners_uv: Floats, tint: tuple[float, float, float], thickness: int
) -> None:
    """Draw the projected corners (6, 2) of an outline into an image unless one is outside."""
    if not (np.isfinite(corners_uv).all() and (np.abs(corners_uv) < 1e5).all()):
        return
    corners = np.round(corners_uv * 2**SHIFT).astype(np.int32)
    lines = [corners[:5], corners[[2, 5]]]
    cv2.polylines(image, lines, False, tint, thickness, cv2.LINE_AA, SHIFT)


def draw_grasps(
    color: RgbImage,
    intrinsics: CameraIntrinsics,
    candidates: GraspCandidates,
    selection: Selection,
    *,
    view: Region | None = None,
    most: int = 24,
) -> RgbImage:
    """Draw candidates over the colour image, enlarged to ``WIDTH_PX``.

    Rejected ones are thin and grey, ranked ones have the colour of their heat, and the chosen one
    is green with its contact marked. At most ``most`` of either kind are drawn. With ``view``
    only that part of the image is shown, so that a small object is seen large.
    """
    view = view or Region(0, 0, color.shape[1], color.shape[0])
    canvas = _Canvas(color, intrinsics, view)
    faint = canvas.copy()
    for i in _evenly(list(selection.rejected), most):
        faint.draw(candidates.T_cam_tcp[i], float(candidates.width_m[i]), REJECTED, 1)
    canvas.blend(faint, 0.5)
    tinted = canvas.copy()
    for grasp in reversed(_evenly(list(selection.ranked[1:]), most)):
        shade = heatmap_colors(np.array([grasp.heat]))[0]
        tint = (float(shade[0]), float(shade[1]), float(shade[2]))
        tinted.draw(grasp.T_cam_tcp, grasp.width_m, tint, 2)
    canvas.blend(tinted, 0.75)
    if selection.best is not None:
        canvas.draw(selection.best.T_cam_tcp, selection.best.width_m, PAPER, 12)
        canvas.draw(selection.best.T_cam_tcp, selection.best.width_m, CHOSEN, 7)
        canvas.mark(selection.best.contact_uv)
    return canvas.image


def around(region: Region, width: int, height: int, margin: float = 0.35) -> Region:
    """A crop around a region, within the image and of its aspect ratio."""
    center_u, center_v = (region.left + region.right) / 2, (region.top + region.bottom) / 2
    wanted = max((region.right - region.left) / width, (region.bottom - region.top) / height)
    share = min(1.0, wanted * (1 + margin))
    columns, rows = round(share * width), round(share * height)
    left = int(np.clip(center_u - columns / 2, 0, width - columns))
    top = int(np.clip(center_v - rows / 2, 0, height - rows))
    return Region(left, top, left + columns, top + rows)


def _evenly(items: list, most: int) -> list:
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


class _Canvas:
    """An enlarged, dimmed part of the image on which grasps are drawn."""

    def __init__(self, color: RgbImage, intrinsics: CameraIntrinsics, view: Region) -> None:
        self._K = intrinsics.K
        self._corner = np.array([view.left, view.top])
        self._scale = WIDTH_PX / (view.right - view.left)
        size = (WIDTH_PX, round((view.bottom - view.top) * self._scale))
        part = cv2.resize(color[view.slices], size, interpolation=cv2.INTER_CUBIC)
        self.image: RgbImage = (part * 0.7 + 8).astype(np.uint8)

    def copy(self) -> "_Canvas":
        other = copy(self)
        other.image = self.image.copy()
        return other

    def blend(self, other: "_Canvas", weight: float) -> None:
        self.image = np.asarray(
            cv2.addWeighted(other.image, weight, self.image, 1 - weight, 0), np.uint8
        )

    def _to_canvas(self, uv: Floats) -> Floats:
        return (uv - self._corner + 0.5) * self._scale - 0.5

    def draw(
        self, T_cam_tcp: Floats, width_m: float, tint: tuple[float, float, float], thickness: int
    ) -> None:
        uv = self._to_canvas(project(gripper_outline(T_cam_tcp, width_m), self._K))
        draw_gripper(self.image, uv, tint, thickness)

    def mark(self, contact_uv: tuple[float, float]) -> None:
        u, v = self._to_canvas(np.array(contact_uv)).round().astype(int)
        cv2.circle(self.image, (int(u), int(v)), 10, PAPER, -1, cv2.LINE_AA)
        cv2.circle(self.image, (int(u), int(v)), 7, (255, 255, 255), -1, cv2.LINE_AA)
