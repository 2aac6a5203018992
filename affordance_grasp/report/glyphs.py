"""Grasps drawn as forks: two fingers, the bar between them and the stem to the wrist."""

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import CameraIntrinsics, GraspCandidates, Selection
from affordance_grasp.geometry import Floats, project
from affordance_grasp.report.pictures import PAPER, Picture, heat_colors

FINGER_M = 0.04
STEM_M = 0.045
SCALE = 2
CHOSEN = (64, 235, 120)
COLD = (150, 155, 160)


def fork(T_cam_tcp: Floats, width_m: float) -> Floats:
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


def draw_grasps(
    color: Picture,
    intrinsics: CameraIntrinsics,
    candidates: GraspCandidates,
    selection: Selection,
    most: int = 60,
) -> Picture:
    """Draw candidates over the colour image, at twice its size.

    Rejected ones are thin and grey, ranked ones take the colour of their heat, and the chosen one
    is green with its contact marked. At most ``most`` of either kind are drawn.
    """
    size = (color.shape[1] * SCALE, color.shape[0] * SCALE)
    picture = cv2.resize(color, size, interpolation=cv2.INTER_CUBIC)
    picture = (picture * 0.62 + 12).astype(np.uint8)
    faint = picture.copy()
    for i in _evenly(list(selection.rejected), most):
        glyph = fork(candidates.T_cam_tcp[i], float(candidates.width_m[i]))
        _draw(faint, glyph, intrinsics, COLD, 1)
    picture = cv2.addWeighted(faint, 0.45, picture, 0.55, 0)
    for grasp in reversed(_evenly(list(selection.ranked[1:]), most)):
        shade = heat_colors(np.array([grasp.heat]))[0]
        tint = (float(shade[0]), float(shade[1]), float(shade[2]))
        _draw(picture, fork(grasp.T_cam_tcp, grasp.width_m), intrinsics, tint, 2)
    if selection.best is not None:
        glyph = fork(selection.best.T_cam_tcp, selection.best.width_m)
        _draw(picture, glyph, intrinsics, PAPER, 11)
        _draw(picture, glyph, intrinsics, CHOSEN, 6)
        _mark(picture, selection.best.contact_uv)
    return np.asarray(picture, np.uint8)


def _evenly(items: list, most: int) -> list:
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


def _draw(
    picture: NDArray[np.uint8],
    glyph: Floats,
    intrinsics: CameraIntrinsics,
    tint: tuple[float, float, float],
    thickness: int,
) -> None:
    uv = project(glyph, intrinsics.K) * SCALE
    if not (np.isfinite(uv).all() and (np.abs(uv) < 1e5).all()):
        return
    shift = 3  # cv2 draws at 1/8 pixel
    corners = np.round(uv * 2**shift).astype(np.int32)
    lines = [corners[:5], corners[[2, 5]]]
    cv2.polylines(picture, lines, False, tint, thickness, cv2.LINE_AA, shift)


def _mark(picture: NDArray[np.uint8], contact_uv: tuple[float, float]) -> None:
    center = (round(contact_uv[0] * SCALE), round(contact_uv[1] * SCALE))
    cv2.circle(picture, center, 9, PAPER, -1, cv2.LINE_AA)
    cv2.circle(picture, center, 6, (255, 255, 255), -1, cv2.LINE_AA)
