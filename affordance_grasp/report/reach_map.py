"""A picture of where on the table an arm picks from above, and why not elsewhere."""

import numpy as np
from PIL import Image, ImageDraw

from affordance_grasp.control.robot_check import ReachMap
from affordance_grasp.datatypes import Reason
from affordance_grasp.report.figures import INK, MUTED, PAPER, RgbImage, titled

CELL_PX = 26
MARGIN_PX = 56
LEGEND_PX = 190
REACHED = (92, 184, 120)
COLORS = {
    Reason.NO_IK: (90, 95, 104),
    Reason.JOINT_LIMIT: (196, 150, 60),
    Reason.TABLE: (200, 84, 80),
    Reason.PATH: (140, 108, 190),
}
OTHER = (70, 130, 180)


def draw_reach_map(reach: ReachMap, title: str) -> RgbImage:
    """The workspace from above, x to the right and y upwards, one square a grasp."""
    count_x, count_y = len(reach.x_m), len(reach.y_m)
    size = MARGIN_PX + count_x * CELL_PX + LEGEND_PX, count_y * CELL_PX + MARGIN_PX + 14
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    used: dict[str, tuple[int, int, int]] = {}
    for i, row in enumerate(reach.reasons):
        for j, reason in enumerate(row):
            name = "can be planned" if reason is None else reason.value
            used[name] = REACHED if reason is None else COLORS.get(reason, OTHER)
            left, top = MARGIN_PX + i * CELL_PX, 14 + (count_y - 1 - j) * CELL_PX
            draw.rectangle((left, top, left + CELL_PX - 2, top + CELL_PX - 2), used[name])
    bottom, middle = 14 + count_y * CELL_PX, CELL_PX / 2
    for i in range(0, count_x, 2):
        at = MARGIN_PX + i * CELL_PX + middle, bottom + 8
        draw.text(at, f"{reach.x_m[i]:.3g}", MUTED, anchor="mt")
    for j in range(0, count_y, 2):
        beside = MARGIN_PX - 8, 14 + (count_y - 1 - j) * CELL_PX + middle
        draw.text(beside, f"{reach.y_m[j]:.3g}", MUTED, anchor="rm")
    draw.text((MARGIN_PX, bottom + 26), "x [m] to the right, y [m] upwards", MUTED)
    for row_number, (name, color) in enumerate(sorted(used.items())):
        left, top = MARGIN_PX + count_x * CELL_PX + 16, 14 + row_number * 24
        draw.rectangle((left, top, left + 15, top + 15), color)
        draw.text((left + 24, top + 8), name, INK, anchor="lm")
    reached, of = reach.reached
    return titled(np.asarray(image), title, f"{reached} of {of} grasps from above")
