"""The ranked grasps as RViz markers: one gripper fork each, from blue (cold) to red (hot)."""

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from affordance_grasp.datatypes import RankedGrasp, Selection
from affordance_grasp.nodes.convert.conversions import from_point
from affordance_grasp.report.glyphs import fork

SHOWN = 30
STROKES = (0, 1, 1, 3, 3, 4, 2, 5)  # ends of the lines between the corners of a fork
LINE_M = 0.002
CHOSEN_LINE_M = 0.005
LIFETIME_S = 60
CHOSEN = ColorRGBA(r=0.1, g=0.9, b=0.2, a=1.0)


def grasp_markers(selection: Selection, header: Header) -> MarkerArray:
    """The first grasps of a selection in the camera's optical frame; the best one in green."""
    markers = [Marker(header=header, ns="grasps", action=Marker.DELETEALL)]
    for rank, grasp in enumerate(selection.ranked[:SHOWN]):
        markers.append(_fork(grasp, rank, header))
    return MarkerArray(markers=markers)


def _fork(grasp: RankedGrasp, rank: int, header: Header) -> Marker:
    hot = min(max(grasp.heat, 0.0), 1.0)
    marker = Marker(header=header, ns="grasps", id=rank, type=Marker.LINE_LIST)
    marker.pose.orientation.w = 1.0
    corners = fork(grasp.T_cam_tcp, grasp.width_m)
    marker.points = [from_point(corners[corner]) for corner in STROKES]
    marker.scale = Vector3(x=LINE_M if rank else CHOSEN_LINE_M)
    marker.color = ColorRGBA(r=hot, g=0.2, b=1 - hot, a=0.6) if rank else CHOSEN
    marker.lifetime = Duration(sec=LIFETIME_S)
    return marker
