"""The visible housing of the wrist camera and the bracket that carries it."""

import mujoco
import numpy as np

from affordance_grasp.geometry import Floats, pose
from affordance_grasp.simulation.models.looks import BOX, CAPSULE, CYLINDER, add_part, placed

# Intel RealSense D435: 90 x 25 x 25 mm, 72 g; the colour imager sits 32 mm from the middle.
_HALF_SIZE_M = (0.045, 0.0125, 0.0125)
_MASS_KG = 0.072
_COLOR_IMAGER_X_M = 0.0325


def add_camera_body(flange: mujoco.MjsBody, T_tool0_cam: Floats) -> None:
    """Add housing, lenses and bracket around a colour imager at ``T_tool0_cam``."""
    behind = -_HALF_SIZE_M[2] - 0.001  # the imager looks out of the front face
    T_tool0_housing = T_tool0_cam @ pose(translation_m=[-_COLOR_IMAGER_X_M, 0, behind])
    body = flange.add_body(name="camera", **placed(T_tool0_housing))
    body.gravcomp = 1.0
    add_part(body, "arm/camera", BOX, _HALF_SIZE_M, "camera", mass=_MASS_KG)
    for i, x in enumerate((-0.0335, -0.010, 0.0165, _COLOR_IMAGER_X_M)):
        name, at = f"arm/camera_lens{i}", [x, 0, _HALF_SIZE_M[2]]
        add_part(body, name, CYLINDER, (0.006, 0.0004), "lens", touches=False, pos=at, mass=0)
    back = T_tool0_housing[:3, 3] - T_tool0_housing[:3, 2] * _HALF_SIZE_M[2]
    root = np.array([0.0, np.sign(back[1]) * 0.03, -0.004])
    ends = [*root, *back]
    name = "arm/camera_bracket"
    add_part(flange, name, CAPSULE, (0.006,), "flange", touches=False, fromto=ends, mass=0.05)
