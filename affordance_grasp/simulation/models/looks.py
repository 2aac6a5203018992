"""Colours of the robot's parts."""

from affordance_grasp.errors import UnknownName

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
}


def paint(name: str) -> list[float]:
    """Red, green, blue, alpha in 0..1 of a part of the robot."""
    if name not in _PAINT:
        raise UnknownName("paint", name, list(_PAINT))
    return list(_PAINT[name])
