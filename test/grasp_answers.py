"""Grasps of the built-in generator written down as other generators would: known answers."""

from functools import cache

import numpy as np
from tabletop import Block, tabletop

from affordance_grasp.candidates.antipodal.generator import AntipodalGenerator
from affordance_grasp.candidates.external.conventions import CONVENTIONS
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.geometry import invert
from affordance_grasp.scene.cloud import segment_scene

GRIPPER = load_gripper()


@cache
def scene():
    """A bar on the table: its frame, what was made of it, and the built-in generator's grasps."""
    frame = tabletop(Block(0.0, 0.0, (0.12, 0.03, 0.05), yaw_deg=20))
    understood = segment_scene(frame)
    return frame, understood, AntipodalGenerator(GRIPPER).generate(frame, scene=understood)


def written_as(name: str, T_cam_tcp, reach_m):
    """Poses (N, 4, 4) of tcp as another generator writes them, ``reach_m`` behind the tips."""
    reach = np.broadcast_to(reach_m, len(T_cam_tcp))
    convention = CONVENTIONS[name]
    return np.array(
        [T @ invert(convention.T_external_tcp(r)) for T, r in zip(T_cam_tcp, reach, strict=True)]
    )
