"""Whether the table in an image lies where the robot's settings have it: level, and as high."""

import numpy as np

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, transform_points
from affordance_grasp.scene.cloud import TableScene

MAX_TILT_DEG = 10.0
MAX_OFF_M = 0.05
"""Enough for a tray or a book below the object; the arm is checked against ``table_z_m`` alone."""


def check_seen_table(robot: RobotConfig, scene: TableScene, T_base_cam: Floats) -> None:
    """Refuse a pose of the camera that cannot be right, or a plane that cannot be the table.

    A joint that is told 1 rad wrong puts every grasp half a metre elsewhere. A turn about the
    vertical and a shift along the table remain unseen.

    Raises:
        InvalidInput: the table, seen from the camera at ``T_base_cam`` (4, 4), is tilted or lies
            far above or below ``table_z_m``.
    """
    upright = float((T_base_cam[:3, :3] @ scene.table.normal_cam)[2])
    tilt_deg = float(np.degrees(np.arccos(np.clip(upright, -1, 1))))
    feet = transform_points(T_base_cam, scene.table.drop(scene.cloud.points_cam))
    height_m, table_z_m = float(np.median(feet[:, 2])), robot.settings.table_z_m
    if tilt_deg <= MAX_TILT_DEG and abs(height_m - table_z_m) <= MAX_OFF_M:
        return
    raise InvalidInput(
        f"the table in the image would lie at {height_m:.2f} m in {robot.settings.base_frame}, "
        f"tilted by {tilt_deg:.0f} deg; expected table_z_m = {table_z_m:g} within "
        f"{MAX_OFF_M:g} m, and level within {MAX_TILT_DEG:g} deg: the joint positions, the "
        "hand-eye calibration or the transform that place the camera are wrong, or it sees "
        "another plane than the table"
    )
