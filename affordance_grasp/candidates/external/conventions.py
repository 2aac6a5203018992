"""The grasp conventions of known generators, and the conversion of their poses to ``tcp``.

Generators differ in approach axis, closing axis, origin and the meaning of the width; mixing them
up is the usual cause of a hand that arrives turned or too deep. Each entry of ``CONVENTIONS``
describes one generator. Poses are in the frame of the cloud or image that the generator was
given: here the camera's optical frame.

Ours, ``tcp``: origin midway between the fingertips at closure, +z approach, +x closing direction.
``docs/conventions`` shows each frame on a gripper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.errors import InvalidInput, UnknownName, look_up
from affordance_grasp.geometry import Floats, pose

AXES = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}


class WidthMeaning(str, Enum):
    """What a generator's width is the width of."""

    CLOSURE = "the object between the fingertips"
    OPENING = "the opened gripper"
    NONE = "not given"


@dataclass(frozen=True)
class Convention:
    """How one generator describes a grasp.

    ``approach``, ``closing``: axes of its frame. ``tip_offsets_m``: hand that it was trained with
    -> distance [m] from its origin to the fingertips along the approach; the first is the
    default. ``adds_depth``: a depth of each grasp is added to that. ``width``: what its width
    means. ``source``: where this is stated.
    """

    name: str
    approach: str
    closing: str
    tip_offsets_m: Mapping[str, float]
    width: WidthMeaning
    source: str
    adds_depth: bool = False

    def __post_init__(self) -> None:
        """Refuse axes that are not two of x, y, z."""
        if self.approach == self.closing or not {self.approach, self.closing} <= set(AXES):
            raise InvalidInput(
                f"convention {self.name}: approach {self.approach!r} and closing "
                f"{self.closing!r} must be two of x, y, z"
            )

    @property
    def R_external_tcp(self) -> Floats:
        """Rotation (3, 3): axes of ``tcp`` as columns in the generator's frame."""
        x, z = AXES[self.closing], AXES[self.approach]
        return np.column_stack([x, np.cross(z, x), z])

    def tip_offset_m(self, hand: str = "") -> float:
        """Distance [m] from the origin to the fingertips of a hand; the default hand for ''."""
        hand = hand or next(iter(self.tip_offsets_m))
        if hand not in self.tip_offsets_m:
            known = [*self.tip_offsets_m, "or any other with its tip_offset_m"]
            raise UnknownName(f"hand of convention {self.name}", hand, known)
        return self.tip_offsets_m[hand]

    def T_external_tcp(self, reach_m: float) -> Floats:
        """Pose (4, 4) of ``tcp`` in the generator's frame, ``reach_m`` ahead of its origin."""
        return pose(self.R_external_tcp, reach_m * AXES[self.approach])

    def to_tcp(
        self,
        T_cam_external: ArrayLike,
        depth_m: ArrayLike | None = None,
        tip_offset_m: float | None = None,
    ) -> Floats:
        """Poses (N, 4, 4) of ``tcp`` from poses as the generator gives them.

        Args:
            T_cam_external: (N, 4, 4) the generator's poses.
            depth_m: (N,) depth of each grasp [m], where the convention has one.
            tip_offset_m: from origin to fingertips [m]; None: that of the default hand.

        Raises:
            InvalidInput: depths are missing, or an offset is not finite.
        """
        T = np.asarray(T_cam_external, float).reshape(-1, 4, 4)
        offset = self.tip_offset_m() if tip_offset_m is None else tip_offset_m
        if not isfinite(offset):
            raise InvalidInput(f"convention {self.name}: tip offset {offset} m must be finite")
        reach = np.full(len(T), offset)
        if self.adds_depth:
            if depth_m is None or not np.isfinite(depth_m).all():
                raise InvalidInput(f"convention {self.name}: every grasp needs a depth [m]")
            reach = reach + np.asarray(depth_m, float)
        T_cam_tcp = T.copy()
        T_cam_tcp[:, :3, :3] = T[:, :3, :3] @ self.R_external_tcp
        T_cam_tcp[:, :3, 3] += reach[:, None] * (T[:, :3, :3] @ AXES[self.approach])
        return T_cam_tcp


_GRASPNET = Convention(
    "graspnet",
    approach="x",
    closing="y",
    tip_offsets_m={"any": 0.0},
    width=WidthMeaning.OPENING,
    source="graspnetAPI, plot_gripper_pro_max: fingers end at depth along x",
    adds_depth=True,
)
_ALL = (
    Convention("tcp", "z", "x", {"any": 0.0}, WidthMeaning.CLOSURE, "this package"),
    _GRASPNET,
    replace(_GRASPNET, name="anygrasp", source="AnyGrasp SDK returns graspnetAPI's GraspGroup"),
    Convention(
        "contact_graspnet",
        approach="z",
        closing="x",
        # The network puts the contacts at 0.1034, mid-pad; the fingers end 8.8 mm further.
        tip_offsets_m={"panda": 0.112204, "panda_mid_pad": 0.1034},
        width=WidthMeaning.OPENING,
        source="contact_graspnet, build_6d_grasp and panda_gripper_coords.yml",
    ),
    Convention(
        "graspgen",
        approach="z",
        closing="x",
        # Ends of the fingers' collision meshes; the ``depth`` of GraspGen's own settings,
        # 0.195 and 0.1053, is the middle of the pads.
        # The 2F-85: its linkage at rest, as in config/gripper_2f85.yaml.
        tip_offsets_m={
            "robotiq_2f_140": 0.21196,
            "franka_panda": 0.11225,
            "robotiq_2f_85": 0.14933,
        },
        width=WidthMeaning.NONE,
        source="GraspGen, docs/GRIPPER_DESCRIPTION.md; robotiq_2f_140 and Panda finger.stl",
    ),
    Convention(
        "gpd",
        approach="x",
        closing="y",
        tip_offsets_m={"hand_depth_60_mm": 0.06},
        width=WidthMeaning.CLOSURE,
        source="GPD, Hand: approach, binormal, axis; finger_hand.cpp: bottom = base of the hand",
    ),
    Convention(
        "vgn",
        approach="z",
        closing="y",
        tip_offsets_m={"panda": 0.05},
        width=WidthMeaning.CLOSURE,
        source="VGN, vis.py and generate_data.py: finger_depth from the origin to the tips",
    ),
)
CONVENTIONS: dict[str, Convention] = {convention.name: convention for convention in _ALL}


def find_convention(name: str) -> Convention:
    """A convention by name.

    Raises:
        UnknownName: there is none of that name; lists the known ones.
    """
    return look_up("grasp convention", name, CONVENTIONS)
