"""Conversion of external grasps: pose of ``tcp``, width at closure, opening, contact, quality.

Each hand is placed on the visible cloud (:mod:`.placement`); one that would hit the object or the
table, or that closes on nothing, is left out and counted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from affordance_grasp.candidates.antipodal.hands import Hands, quality
from affordance_grasp.candidates.external.conventions import Convention, WidthMeaning
from affordance_grasp.candidates.external.external_grasps import (
    ExternalGrasps,
    first_of,
)
from affordance_grasp.candidates.external.placement import place
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.errors import ExternalFault
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import TableScene


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
        were not usable or do not fit. Scores beyond 0..1 are replaced by their order; where there
        are none, the geometric quality takes their place.

        Raises:
            ExternalFault: none of the grasps fits; counts the reasons.
        """
        T_cam_tcp = self.convention.to_tcp(
            grasps.T_cam_external, grasps.depth_m, self.tip_offset_m
        )
        placed = place(T_cam_tcp, *self._widths_m(grasps), scene, gripper)
        if len(grasps) and not len(placed.index):
            raise ExternalFault(_all_unfit(grasps, placed.faults, gripper, self.convention.name))
        unfit = {f"that {what}": int(bad.sum()) for what, bad in first_of(placed.faults).items()}
        score = _scored(grasps.score[placed.index], placed.hands, scene, gripper)
        found = GraspCandidates(
            placed.hands.T_cam_tcp,
            placed.hands.width_m,
            placed.hands.contact_cam,
            score,
            grasps.generator,
            grasps.proposed,
            {**grasps.left_out, **{what: count for what, count in unfit.items() if count}},
            placed.opening_m,
        )
        return found.where(np.lexsort((placed.index, -score)))

    def _widths_m(self, grasps: ExternalGrasps) -> tuple[Floats, Floats]:
        """Widths at closure and openings (N,) as the generator gave them, else NaN."""
        unknown = np.full(len(grasps), np.nan)
        if self.convention.width is WidthMeaning.CLOSURE:
            return grasps.width_m, grasps.opening_m
        if self.convention.width is WidthMeaning.NONE:
            return unknown, grasps.opening_m
        return unknown, np.where(np.isnan(grasps.opening_m), grasps.width_m, grasps.opening_m)


def _scored(given: Floats, hands: Hands, scene: TableScene, gripper: Gripper) -> Floats:
    """Score (N,) in 0..1: as it was given, or its place in the order where it is of other scale.

    Grasps without a score come last, unless none has one: then their geometry counts.
    """
    if np.isnan(given).all():
        middle = np.median(scene.cloud.points_cam, axis=0)
        return quality(hands, scene.table, middle, gripper.max_width_m)
    if np.nanmin(given) >= 0 and np.nanmax(given) <= 1:
        return np.nan_to_num(given)
    return rankdata(np.nan_to_num(given, nan=-np.inf), "max") / len(given)


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
