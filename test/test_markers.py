"""Markers show the ranked grasps and the planned pick where they are."""

import numpy as np
import pytest
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.pick import plan_pick
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import RankedGrasp, Selection
from affordance_grasp.geometry import pose
from affordance_grasp.nodes.convert.markers import SHOWN, grasp_markers, path_markers

HEADER = Header(frame_id="camera_color_optical_frame")
DOWN = np.diag([1.0, -1.0, -1.0])


def grasp(heat):
    T = pose(translation_m=[0.1, 0.2, 0.5])
    return RankedGrasp(T, 0.04, T[:3, 3], (0.0, 0.0), heat, 0.5, 0)


def test_the_best_grasp_is_green_and_the_others_go_from_blue_to_red():
    clear, best, hot, cool = grasp_markers(
        Selection((grasp(0.7), grasp(1.0), grasp(0.0))), HEADER
    ).markers
    assert clear.action == Marker.DELETEALL
    assert [m.id for m in (best, hot, cool)] == [0, 1, 2]
    assert best.color.g > 0.8 and best.scale.x > hot.scale.x
    assert (hot.color.r, hot.color.b) == (1.0, 0.0)
    assert (cool.color.r, cool.color.b) == (0.0, 1.0)
    tip = best.points[0]  # the left fingertip, half the width beside the tcp
    assert (tip.x, tip.y, tip.z) == pytest.approx((0.1 - 0.02, 0.2, 0.5))
    assert len(grasp_markers(Selection((grasp(0.5),) * 50), HEADER).markers) == SHOWN + 1


def test_a_planned_pick_is_drawn_along_the_path_of_the_tcp():
    robot = load_robot()
    plan = plan_pick(robot, robot.home_q, pose(DOWN, [0.5, 0.0, 0.05]), 0.03)
    clear, *stages, gripper = path_markers(robot, plan, HEADER).markers
    assert clear.action == Marker.DELETEALL
    assert [m.id for m in (*stages, gripper)] == [0, 1, 2, 3, 4]
    assert {m.ns for m in (clear, *stages, gripper)} == {"planned_path"}
    start = forward(robot.arm, robot.home_q) @ robot.gripper.T_tool0_tcp(0.03)
    first, grasped = stages[0].points[0], stages[1].points[-1]
    assert (first.x, first.y, first.z) == pytest.approx(tuple(start[:3, 3]))
    assert (grasped.x, grasped.y, grasped.z) == pytest.approx((0.5, 0.0, 0.05), abs=1e-4)
    assert gripper.points[0].z == pytest.approx(0.05)
