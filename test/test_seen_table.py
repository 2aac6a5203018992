"""One image, and where wrong joints, mountings and planes would put its table."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tabletop import Block, tabletop

from affordance_grasp.control.motion.pick import reach_from
from affordance_grasp.control.motion.seen_table import check_seen_table
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import pose
from affordance_grasp.pipeline import plan_grasps
from affordance_grasp.scene.cloud import segment_scene

ROBOT = load_robot()
T_BASE_CAM = ROBOT.T_base_cam(ROBOT.home_q)


@cache
def frame():
    return tabletop(Block(0.5, 0.0, (0.12, 0.03, 0.05)), T_world_cam=T_BASE_CAM)


@cache
def scene():
    return segment_scene(frame())


def shifted(z_m):
    return pose(translation_m=[0, 0, z_m]) @ T_BASE_CAM


def tilted(degrees):
    """Turned about an axis in the table, below the object."""
    middle = pose(translation_m=[0.5, 0, 0])
    turn = pose(Rotation.from_euler("y", degrees, degrees=True).as_matrix())
    return middle @ turn @ np.linalg.inv(middle) @ T_BASE_CAM


def told(joint, by_rad):
    q = ROBOT.home_q.copy()
    q[joint] += by_rad
    return ROBOT.T_base_cam(q)


@pytest.mark.parametrize(
    "T_base_cam",
    [T_BASE_CAM, shifted(0.045), shifted(-0.045), tilted(9), tilted(-9), told(0, 1.0)],
    ids=["right", "tray", "sunk", "leaning", "leaning back", "turned about the vertical"],
)
def test_a_table_is_level_and_about_as_high_as_the_settings_say(T_base_cam):
    check_seen_table(ROBOT, scene(), T_base_cam)


@pytest.mark.parametrize(
    ("T_base_cam", "height", "tilt"),
    [
        (told(1, 1.0), r"-?\d\.\d\d", "57"),
        (told(3, -1.0), r"-?\d\.\d\d", "57"),
        (tilted(11), r"-?0\.00", "11"),
        (shifted(0.06), r"0\.06", "0"),
        (shifted(-0.3), r"-0\.30", "0"),
        (tilted(180), r"-?0\.00", "180"),
    ],
)
def test_a_pose_of_the_camera_that_cannot_be_right_is_refused(T_base_cam, height, tilt):
    words = rf"would lie at {height} m in base_link, tilted by {tilt} deg; expected table_z_m = 0 "
    with pytest.raises(InvalidInput, match=words):
        check_seen_table(ROBOT, scene(), T_base_cam)


def test_with_joints_that_are_wrong_no_grasp_is_even_proposed():
    class Unasked:
        name = "unasked"

        def generate(self, *_, **__):
            raise AssertionError("the camera's pose cannot be right")

    q = ROBOT.home_q + [0, 1.0, 0, 0, 0, 0]
    with pytest.raises(InvalidInput, match="the joint positions, the hand-eye calibration or"):
        plan_grasps(frame(), "hold", None, Unasked(), rule="quality", reach=reach_from(ROBOT, q))
