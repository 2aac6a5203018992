"""A planned pick as RViz markers: the way of the tcp, one coloured line for each stage."""

import numpy as np
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.nodes.convert.conversions import from_point
from affordance_grasp.report.glyphs import fork

LINE_M = 0.004
STROKES = (0, 1, 1, 3, 3, 4, 2, 5)  # ends of the lines between the corners of a fork
COLORS = {
    "approach": (0.2, 0.5, 1.0),
    "descend": (1.0, 0.6, 0.1),
    "lift": (0.1, 0.8, 0.2),
    "retreat": (0.6, 0.6, 0.6),
}


def path_markers(robot: RobotConfig, plan: PickPlan, header: Header) -> MarkerArray:
    """The four stages and the gripper at closure, in the base frame that ``header`` names."""
    markers = [Marker(header=header, ns="planned_path", action=Marker.DELETEALL)]
    for number, (stage, trajectory) in enumerate(plan.stages()):
        T_tool0_tcp = robot.gripper.T_tool0_tcp(plan.grasp_width_m)
        points = (forward(robot.arm, trajectory.positions) @ T_tool0_tcp)[:, :3, 3]
        markers.append(_line(number, Marker.LINE_STRIP, stage, header))
        markers[-1].points = [from_point(point) for point in points]
    corners = fork(plan.T_base_tcp, plan.grasp_width_m)
    markers.append(_line(len(markers), Marker.LINE_LIST, "lift", header))
    markers[-1].points = [from_point(np.asarray(corners[corner])) for corner in STROKES]
    return MarkerArray(markers=markers)


def _line(number: int, kind: int, stage: str, header: Header) -> Marker:
    marker = Marker(header=header, ns="planned_path", id=number, type=kind)
    marker.pose.orientation.w = 1.0
    marker.scale = Vector3(x=LINE_M)
    red, green, blue = COLORS[stage]
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=0.9)
    return marker
