"""A grasp as a small mesh that can be seen from all sides and clicked."""

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.geometry import Floats
from affordance_grasp.report.glyphs import STROKES, gripper_outline

FACES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7]]
    + [[i, (i + 1) % 4, i + 4] for i in range(4)]
    + [[(i + 1) % 4, (i + 1) % 4 + 4, i + 4] for i in range(4)]
)
"""Triangles of a rod: the corners around its start are 0 to 3, those around its end 4 to 7."""


def grasp_mesh(
    T_world_tcp: Floats, width_m: float, radius_m: float
) -> tuple[Floats, NDArray[np.int_]]:
    """Corners (V, 3) [m] in the world and triangles (F, 3) of a gripper outline of rods."""
    corners = gripper_outline(T_world_tcp, width_m)[list(STROKES)].reshape(-1, 2, 3)
    vertices = np.concatenate([_rod(start, end, radius_m) for start, end in corners])
    faces = np.concatenate([FACES + 8 * i for i in range(len(corners))])
    return vertices, faces


def _rod(start: Floats, end: Floats, radius_m: float) -> Floats:
    """The corners (8, 3) of a square prism about a line, a little longer than it."""
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    aside = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    aside = aside / np.linalg.norm(aside)
    across = np.cross(along, aside)
    rim = radius_m * np.array([aside, across, -aside, -across])
    return np.concatenate([start - radius_m * along + rim, end + radius_m * along + rim])
