"""Ranked grasps and planned picks as RViz markers."""

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import Selection
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert.conversions import from_point
from affordance_grasp.report.glyphs import STROKES, gripper_outline

SHOWN = 30
GRASP_LINE_M, CHOSEN_LINE_M, PATH_LINE_M = 0.002, 0.005, 0.004
LIFETIME_S = 60
CHOSEN = ColorRGBA(r=0.1, g=0.9, b=0.2, a=1.0)
STAGE_COLORS = {
    "approach": ColorRGBA(r=0.2, g=0.5, b=1.0, a=0.9),
    "descend": ColorRGBA(r=1.0, g=0.6, b=0.1, a=0.9),
    "lift": ColorRGBA(r=0.1, g=0.8, b=0.2, a=0.9),
    "retreat": ColorRGBA(r=0.6, g=0.6, b=0.6, a=0.9),
}


def grasp_markers(selection: Selection, header: Header) -> MarkerArray:
    """The first grasps in the camera's optical frame, from blue (low value) to red; best green."""
    markers = [Marker(header=header, ns="grasps", action=Marker.DELETEALL)]
    for rank, grasp in enumerate(selection.ranked[:SHOWN]):
        heat = min(max(grasp.heat, 0.0), 1.0)
        color = ColorRGBA(r=heat, g=0.2, b=1 - heat, a=0.6) if rank else CHOSEN
        markers.append(_fork(grasp.T_cam_tcp, grasp.width_m, header, color))
        markers[-1].ns, markers[-1].id = "grasps", rank
        markers[-1].scale.x = GRASP_LINE_M if rank else CHOSEN_LINE_M
        markers[-1].lifetime = Duration(sec=LIFETIME_S)
    return MarkerArray(markers=markers)


def path_markers(robot: RobotConfig, plan: PickPlan, header: Header) -> MarkerArray:
    """The tcp's path in four stages and the gripper at closure, in the base frame."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    T_tool0_tcp = robot.gripper.T_tool0_tcp(plan.grasp_width_m)
    for stage, trajectory in plan.stages():
        points = (forward(robot.arm, trajectory.positions) @ T_tool0_tcp)[:, :3, 3]
        markers.append(_lines(Marker.LINE_STRIP, points, header, STAGE_COLORS[stage]))
    markers.append(_fork(plan.T_base_tcp, plan.grasp_width_m, header, STAGE_COLORS["lift"]))
    for number, marker in enumerate(markers):
        marker.ns, marker.id, marker.scale.x = "planned_path", max(number - 1, 0), PATH_LINE_M
    return MarkerArray(markers=markers)


def _fork(T: Floats, width_m: float, header: Header, color: ColorRGBA) -> Marker:
    return _lines(Marker.LINE_LIST, gripper_outline(T, width_m)[list(STROKES)], header, color)


def _lines(kind: int, points: Floats, header: Header, color: ColorRGBA) -> Marker:
    marker = Marker(header=header, type=kind, color=color, scale=Vector3())
    marker.pose.orientation.w = 1.0
    marker.points = [from_point(np.asarray(point)) for point in points]
    return marker
