"""Views for calibration checks: what a camera with a known mounting really sees."""

import cv2
import numpy as np
from tabletop import INTRINSICS, tabletop

from affordance_grasp.calibration.views import CalibrationView
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.geometry import invert, pose

ROBOT = load_robot()
TILTS = (  # joint angles away from home [rad]: different directions, heights and turns
    (0, 0, 0, 0, 0, 0),
    (0, 0.15, 0.15, -0.25, 0, 0),
    (0, -0.1, -0.1, 0.3, 0, 0),
    (0.2, 0, 0, 0, 0.3, 0),
    (-0.2, 0, 0, 0, -0.3, 0),
    (0, 0, 0, 0.1, 0.25, 0.8),
    (0, 0, 0, -0.2, -0.25, -0.8),
    (0, 0.25, 0.1, -0.1, -0.3, 0.4),
)


def flange(offset):
    """``T_base_tool0`` at a posture near home."""
    q = ROBOT.home_q + np.array(offset)
    return ROBOT.T_base_cam(q) @ invert(ROBOT.T_tool0_cam)


def table_views(T_tool0_cam=ROBOT.T_tool0_cam, table_z_m=0.0, offsets=TILTS):
    """Views of a bare table at a height, by a camera that is mounted at ``T_tool0_cam``."""
    views = []
    for number, offset in enumerate(offsets):
        T_base_tool0 = flange(offset)
        T_table_cam = pose(translation_m=[0, 0, -table_z_m]) @ T_base_tool0 @ T_tool0_cam
        frame = tabletop(seed=number, T_world_cam=T_table_cam)
        views.append(CalibrationView(f"{number:02d}", frame, T_base_tool0))
    return views


def board_views(board, T_base_board, T_tool0_cam=ROBOT.T_tool0_cam, offsets=TILTS):
    """Views of a ChArUco board, drawn with its homography at twice the size and averaged."""
    px_per_m = 4000.0
    size = (
        round(board.columns * board.square_m * px_per_m),
        round(board.rows * board.square_m * px_per_m),
    )
    printed = board.pattern().generateImage(size)
    views = []
    for number, offset in enumerate(offsets):
        T_base_tool0 = flange(offset)
        T_cam_board = invert(T_base_tool0 @ T_tool0_cam) @ T_base_board
        # pixel centres are at whole numbers, and a corner lies between pixels
        to_m = np.array(
            [[1 / px_per_m, 0, 0.5 / px_per_m], [0, 1 / px_per_m, 0.5 / px_per_m], [0, 0, 1]]
        )
        to_twice = np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1]])
        H = to_twice @ INTRINSICS.K @ T_cam_board[:3, [0, 1, 3]] @ to_m
        twice = cv2.warpPerspective(printed, H, (1280, 960), borderValue=150, flags=cv2.INTER_AREA)
        gray = cv2.resize(twice, (640, 480), interpolation=cv2.INTER_AREA)
        color = np.repeat(gray[..., None], 3, axis=2)
        frame = RgbdFrame(color, np.full((480, 640), 0.5, np.float32), INTRINSICS)
        views.append(CalibrationView(f"{number:02d}", frame, T_base_tool0))
    return views
