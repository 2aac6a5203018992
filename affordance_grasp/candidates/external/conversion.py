"""Conversion of external grasps: pose of ``tcp``, width at closure, contact, quality.

Whatever generator proposed a grasp, this robot's gripper executes it. So each hand is placed on
the visible cloud: the points between its fingers give the contact and the width, and a hand that
would hit the object or the table, or that closes on nothing, is left out.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.candidates.antipodal.hands import (
    Hands,
    collides,
    measure,
    quality,
    table_room,
)
from affordance_grasp.candidates.external.conventions import Convention, WidthMeaning
from affordance_grasp.candidates.external.external_grasps import (
    ExternalGrasps,
    GeneratorFault,
    first_of,
)
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import TableScene

TABLE_CLEARANCE_M = 0.001
MAX_DRAW_BACK_M = 0.015


@dataclass(frozen=True)
class GraspConversion:
    """How one generator's grasps are read: its convention and its reach to the fingertips [m]."""

    convention: Convention
    tip_offset_m: float

    def convert(
        self, grasps: ExternalGrasps, scene: TableScene, gripper: Gripper
    ) -> GraspCandidates:
        """The grasps that this gripper can execute in this scene, best score first.

        ``examined`` of the result counts all that the generator proposed, ``left_out`` those that
        were not usable or do not fit. Scores above 1 are divided by the highest; where there are
        none, the geometric quality takes their place.

        Raises:
            GeneratorFault: none of the grasps fits; counts the reasons.
        """
        T_cam_tcp = self.convention.to_tcp(
            grasps.T_cam_external, grasps.depth_m, self.tip_offset_m
        )
        hands = _on_cloud(T_cam_tcp, scene, gripper)
        hands = _on_cloud(_above_table(hands, scene, gripper), scene, gripper)
        if self.convention.width is WidthMeaning.CLOSURE:
            # as the far side of the object is hidden, the measured width is a lower bound
            hands = replace(hands, width_m=np.fmax(hands.width_m, grasps.width_m))
        faults = _faults(hands, scene, gripper)
        fits = ~np.any(list(faults.values()), axis=0)
        if len(grasps) and not fits.any():
            raise GeneratorFault(_all_unfit(grasps, faults, gripper, self.convention.name))
        unfit = {f"that {what}": int(wrong.sum()) for what, wrong in first_of(faults).items()}
        hands = hands.where(fits)
        order, score = _ranked(grasps.score[fits], hands, scene, gripper)
        hands = hands.where(order)
        return GraspCandidates(
            hands.T_cam_tcp,
            hands.width_m,
            hands.contact_cam,
            score[order],
            grasps.generator,
            grasps.proposed,
            {**grasps.left_out, **{what: count for what, count in unfit.items() if count}},
        )


def _on_cloud(T_cam_tcp: Floats, scene: TableScene, gripper: Gripper) -> Hands:
    """Hands where the generator put them, with the width of the points between the fingers."""
    R, origin = T_cam_tcp[:, :3, :3], T_cam_tcp[:, :3, 3]
    half = gripper.max_width_m / 2
    window = np.tile([-half, half], (len(R), 1))
    hands = measure(R, origin, window, scene.cloud, gripper.finger_breadth_m)
    shift = np.abs(((hands.T_cam_tcp[:, :3, 3] - origin) * R[:, :, 0]).sum(axis=1))
    # points were averaged over cells, which takes half a cell off either edge
    width = hands.width_m + 2 * shift + scene.cloud.spacing_m
    held = hands.cover > 0
    return replace(hands, T_cam_tcp=T_cam_tcp, width_m=np.where(held, width, 0.0))


def _above_table(hands: Hands, scene: TableScene, gripper: Gripper) -> Floats:
    """Poses (N, 4, 4), drawn back along the approach where broader fingertips need the room."""
    T = hands.T_cam_tcp.copy()
    down = np.maximum(-(T[:, :3, 2] @ scene.table.normal_cam), 0.1)
    missing = TABLE_CLEARANCE_M + 1e-4 - table_room(hands, scene.table, gripper)
    back = np.clip(missing / down, 0.0, None)
    back = np.where(back <= MAX_DRAW_BACK_M, back, 0.0)
    T[:, :3, 3] -= back[:, None] * T[:, :3, 2]
    return T


def _faults(hands: Hands, scene: TableScene, gripper: Gripper) -> dict[str, NDArray[np.bool_]]:
    """Fault -> which hands (N,) have it."""
    return {
        "close on nothing that is seen": hands.cover <= 0,
        "would hit the object": collides(hands, scene.cloud.obstacles(), gripper),
        "would touch the table": table_room(hands, scene.table, gripper) < TABLE_CLEARANCE_M,
    }


def _ranked(
    given: Floats, hands: Hands, scene: TableScene, gripper: Gripper
) -> tuple[NDArray[np.intp], Floats]:
    """Order, best first, and score in 0..1."""
    middle = np.median(scene.cloud.points_cam, axis=0)
    own = quality(hands, scene.table, middle, gripper.max_width_m)
    score = np.where(np.isnan(given), own, given)
    score = np.clip(score / max(1.0, score.max(initial=0.0)), 0.0, 1.0)
    return np.argsort(-score, kind="stable"), score


def _all_unfit(
    grasps: ExternalGrasps,
    faults: dict[str, NDArray[np.bool_]],
    gripper: Gripper,
    convention: str,
) -> str:
    counts = ", ".join(
        [f"{int(wrong.sum())} {what}" for what, wrong in faults.items()]
        + [f"{count} were left out, {what}" for what, count in grasps.left_out.items()]
    )
    return (
        f"{grasps.generator}: none of {len(grasps)} grasps fits {gripper.name}: {counts}; check "
        f"the convention ({convention}), the tip offset, and that poses are in the optical frame"
    )
