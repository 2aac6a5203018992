"""The figure of one frame: heatmap overlay, the ranked grasps, and the chosen one."""

import cv2

from affordance_grasp.datatypes import RankedGrasp
from affordance_grasp.geometry import Floats, project
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.report.figures import INK, PAPER, RgbImage, heatmap_overlay
from affordance_grasp.report.glyphs import CHOSEN, draw_gripper, gripper_outline

MOST_GRASPS = 6


def frame_figure(plan: GraspPlan) -> RgbImage:
    """The overlay at the image's size, with at most six grasps; the chosen one is green."""
    image = heatmap_overlay(plan.frame.color, plan.heatmap, plan.region)
    K = plan.frame.intrinsics.K
    for grasp in reversed(plan.selection.ranked[1:MOST_GRASPS]):
        _draw(image, grasp, K, INK, 1)
    if plan.best is not None:
        _draw(image, plan.best, K, PAPER, 5)
        _draw(image, plan.best, K, CHOSEN, 3)
        u, v = (round(x) for x in plan.best.contact_uv)
        cv2.circle(image, (u, v), 4, CHOSEN, -1, cv2.LINE_AA)
    return image


def _draw(
    image: RgbImage, grasp: RankedGrasp, K: Floats, tint: tuple[int, int, int], thickness: int
) -> None:
    draw_gripper(
        image, project(gripper_outline(grasp.T_cam_tcp, grasp.width_m), K), tint, thickness
    )
