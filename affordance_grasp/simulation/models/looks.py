"""The robot's parts as geoms, each in its colour."""

from collections.abc import Sequence
from typing import Any

import mujoco

from affordance_grasp.geometry import Floats, quaternion_xyzw

BOX = mujoco.mjtGeom.mjGEOM_BOX
CAPSULE = mujoco.mjtGeom.mjGEOM_CAPSULE
CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
SPHERE = mujoco.mjtGeom.mjGEOM_SPHERE
MESH = mujoco.mjtGeom.mjGEOM_MESH

_PAINT = {
    "arm": (0.86, 0.87, 0.89, 1.0),
    "joint": (0.23, 0.26, 0.31, 1.0),
    "cap": (0.95, 0.45, 0.10, 1.0),
    "flange": (0.60, 0.62, 0.65, 1.0),
    "gripper": (0.13, 0.14, 0.16, 1.0),
    "steel": (0.55, 0.57, 0.60, 1.0),
    "finger": (0.30, 0.32, 0.35, 1.0),
    "rubber": (0.06, 0.06, 0.07, 1.0),
    "camera": (0.78, 0.79, 0.81, 1.0),
    "lens": (0.03, 0.03, 0.05, 1.0),
    "unseen": (0.0, 0.0, 0.0, 0.0),
}


def link_paint(frame: int) -> str:
    """The colour of an arm's link, from the base, -1: every other one is darker."""
    return "joint" if frame % 2 else "arm"


def placed(T_parent_child: Floats) -> dict[str, list[float]]:
    """Where a body or a camera sits in its parent, as MuJoCo's ``pos`` and ``quat``."""
    x, y, z, w = quaternion_xyzw(T_parent_child)
    return {"pos": list(T_parent_child[:3, 3]), "quat": [w, x, y, z]}


def add_part(
    body: mujoco.MjsBody,
    name: str,
    shape: mujoco.mjtGeom,
    size: Sequence[float],
    paint: str,
    *,
    touches: bool = True,
    **properties: Any,
) -> None:
    """Add a geom in the colour ``paint``; ``properties`` place it and give its mass.

    One that ``touches`` is stopped by the table and by objects. Parts of the robot never stop
    each other.
    """
    body.add_geom(
        name=name,
        type=shape,
        size=[*size, 0, 0][:3],
        rgba=_PAINT[paint],
        contype=0,
        conaffinity=int(touches),
        **properties,
    )


def hide(body: mujoco.MjsBody, but: Sequence[str]) -> None:
    """What touches of a body is not seen, as something is drawn in its place; but those are."""
    for geom in body.geoms:
        if geom.name not in but:
            geom.rgba = _PAINT["unseen"]
