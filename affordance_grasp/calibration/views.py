"""Views of a static scene from several arm configurations, on disk: one folder each.

``color.png``; ``depth.png``, 16-bit millimetres aligned to it; ``view.json`` with ``fx fy cx cy``
and either ``joint_positions_rad`` (name -> angle) or, where only the pendant's pose is known,
``T_base_tool0`` (4x4, metres).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.arm.urdf import SerialArm
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput, writing
from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats
from affordance_grasp.streams.frame_files import read_frame, write_frame

ORTHONORMAL_TOLERANCE = 1e-3
MAX_VIEWS = 200
MAX_REACH_M = 5.0
"""Farthest flange from its base; larger values were written in millimetres."""


@dataclass(frozen=True)
class CalibrationView:
    """One frame and the pose of the flange at which it was taken."""

    name: str
    frame: RgbdFrame
    T_base_tool0: Floats


def write_view(folder: Path, frame: RgbdFrame, joint_positions_rad: dict[str, float]) -> None:
    """Store one view in a new folder."""
    with writing(folder):
        folder.mkdir(parents=True)
    write_frame(folder, frame)
    K = frame.intrinsics
    content = {"fx": K.fx, "fy": K.fy, "cx": K.cx, "cy": K.cy}
    content_json = json.dumps({**content, "joint_positions_rad": joint_positions_rad}, indent=2)
    write_file(folder / "view.json", content_json)


def read_views(folder: Path, arm: SerialArm) -> list[CalibrationView]:
    """All views below a folder, in order of their names.

    Raises:
        InvalidInput: there are none, or one is not complete, which is named.
    """
    found = sorted(path.parent for path in Path(folder).glob("*/view.json"))
    if not found:
        raise InvalidInput(
            f"{folder} holds no views; expected folders with color.png, depth.png and view.json"
        )
    if len(found) > MAX_VIEWS:
        raise InvalidInput(f"{folder} holds {len(found)} views; at most {MAX_VIEWS} are used")
    return [_read_view(path, arm) for path in found]


def _read_view(folder: Path, arm: SerialArm) -> CalibrationView:
    try:
        content = read_json(folder / "view.json", "view")
        intrinsics = [float(content[name]) for name in ("fx", "fy", "cx", "cy")]
        T = _flange(content, arm)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidInput(f"{folder}/view.json lacks or garbles {error}") from error
    frame = read_frame(folder / "color.png", folder / "depth.png", intrinsics)
    return CalibrationView(folder.name, frame, T)


def _flange(content: dict[str, Any], arm: SerialArm) -> Floats:
    if "joint_positions_rad" in content:
        q = np.array([float(content["joint_positions_rad"][name]) for name in arm.joint_names])
        if not np.isfinite(q).all():
            raise ValueError("joint_positions_rad, which holds NaN or infinity")
        return forward(arm, q)
    T = np.asarray(content["T_base_tool0"], float).reshape(4, 4)
    if not np.isfinite(T).all():
        raise ValueError("T_base_tool0, which holds NaN or infinity")
    if np.abs(T[:3, 3]).max() > MAX_REACH_M:
        raise ValueError(
            f"T_base_tool0, whose position is {T[:3, 3].tolist()}; expected metres, at most "
            f"{MAX_REACH_M:g} along each axis"
        )
    R = T[:3, :3]
    if not np.abs(R @ R.T - np.eye(3)).max() < ORTHONORMAL_TOLERANCE or np.linalg.det(R) < 0:
        raise ValueError("T_base_tool0, whose rotation is not orthonormal")
    return T
