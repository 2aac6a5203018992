"""What a person reads afterwards: pictures, an animation, and report.json."""

from affordance_grasp.report.animation import write_gif
from affordance_grasp.report.glyphs import draw_grasps
from affordance_grasp.report.pictures import board, heat_overlay, read_color, titled, write_png
from affordance_grasp.report.summary import (
    grasps_summary,
    make_folder,
    plan_summary,
    write_json,
    write_report,
)

__all__ = [
    "board",
    "draw_grasps",
    "grasps_summary",
    "heat_overlay",
    "make_folder",
    "plan_summary",
    "read_color",
    "titled",
    "write_gif",
    "write_json",
    "write_png",
    "write_report",
]
