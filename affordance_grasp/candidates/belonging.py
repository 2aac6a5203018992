"""Which object a grasp is on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from affordance_grasp.datatypes import GraspCandidates
from affordance_grasp.scene.cloud import ObjectCloud

ELSEWHERE = "on another object"


def on_objects(
    candidates: GraspCandidates, cloud: ObjectCloud, labels: Sequence[int]
) -> GraspCandidates:
    """The grasps whose contact is nearest to an object with one of the labels."""
    if not len(candidates):
        return candidates
    _, nearest = cKDTree(cloud.points_cam).query(candidates.contact_cam)
    kept = np.isin(cloud.instance[nearest], labels)
    if kept.all():
        return candidates
    left_out = {**candidates.left_out, ELSEWHERE: int((~kept).sum())}
    return replace(candidates.where(kept), left_out=left_out)
