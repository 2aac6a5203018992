"""The picture of one frame: heat over colour, the ranked grasps, and the chosen one."""

from pathlib import Path

import cv2
import numpy as np

from affordance_grasp.datatypes import RankedGrasp
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, project
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.report.glyphs import CHOSEN, fork
from affordance_grasp.report.pictures import INK, PAPER, Picture, heat_overlay

JPEG_QUALITY = 85
MOST_GRASPS = 6
SHIFT = 3  # cv2 draws at 1/8 pixel


def frame_picture(plan: GraspPlan) -> Picture:
    """The overlay at the image's size, with at most six grasps; the chosen one is green."""
    picture = heat_overlay(plan.frame.color, plan.heatmap, plan.region)
    K = plan.frame.intrinsics.K
    for grasp in reversed(plan.selection.ranked[1:MOST_GRASPS]):
        _draw(picture, grasp, K, INK, 1)
    if plan.best is not None:
        _draw(picture, plan.best, K, PAPER, 5)
        _draw(picture, plan.best, K, CHOSEN, 3)
        u, v = (round(x) for x in plan.best.contact_uv)
        cv2.circle(picture, (u, v), 4, CHOSEN, -1, cv2.LINE_AA)
    return picture


def _draw(
    picture: Picture, grasp: RankedGrasp, K: Floats, tint: tuple[int, int, int], thickness: int
) -> None:
    uv = project(fork(grasp.T_cam_tcp, grasp.width_m), K)
    if not (np.isfinite(uv).all() and (np.abs(uv) < 1e5).all()):
        return
    corners = np.round(uv * 2**SHIFT).astype(np.int32)
    lines = [corners[:5], corners[[2, 5]]]
    cv2.polylines(picture, lines, False, tint, thickness, cv2.LINE_AA, SHIFT)


def write_jpeg(path: Path, picture: Picture) -> Path:
    """Write an rgb picture, making its folder where it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(picture))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror})") from error
    return path


def encode_jpeg(picture: Picture, quality: int = JPEG_QUALITY) -> bytes:
    """An rgb picture as a JPEG file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], options)
    return bytes(encoded)
