"""Grasps and decisions as messages and back; images and poses are in :mod:`conversions`."""

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from affordance_grasp.datatypes import (
    GraspCandidates,
    Heatmap,
    RankedGrasp,
    Reason,
    Region,
    Selection,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.msg import (
    GraspCandidate,
    GraspDecision,
    GraspSelection,
    RejectedCandidate,
    SelectedGrasp,
    StageTime,
)
from affordance_grasp.msg import GraspCandidates as GraspCandidatesMessage
from affordance_grasp.msg import RankedGrasp as RankedGraspMessage
from affordance_grasp.nodes.convert.conversions import (
    from_point,
    from_pose,
    from_region,
    to_region,
)
from affordance_grasp.nodes.convert.images import from_map, to_map, to_rgbd
from affordance_grasp.nodes.inputs.frames import StampedFrame
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.scene.table import fit_table
from affordance_grasp.streams.messages import to_pose


def from_candidates(candidates: GraspCandidates, header: Header) -> GraspCandidatesMessage:
    """Grasps in the camera's optical frame, which the header names."""
    rows = zip(
        candidates.T_cam_tcp,
        candidates.width_m,
        candidates.contact_cam,
        candidates.quality,
        strict=True,
    )
    return GraspCandidatesMessage(
        header=header,
        candidates=[_candidate(*row) for row in rows],
        generator=candidates.generator,
        examined=candidates.examined,
    )


def to_candidates(message: GraspCandidatesMessage) -> GraspCandidates:
    """Grasps from any generator that speaks this message."""
    grasps = message.candidates
    return GraspCandidates(
        T_cam_tcp=np.array([to_pose(g.pose, "grasp pose") for g in grasps]).reshape(-1, 4, 4),
        width_m=np.array([g.width_m for g in grasps], float),
        contact_cam=np.array([_vector(g.contact) for g in grasps]).reshape(-1, 3),
        quality=np.array([g.quality for g in grasps], float),
        generator=message.generator,
        examined=int(message.examined),
    )


def from_plan(plan: GraspPlan, header: Header) -> GraspSelection:
    """All that was decided about one frame."""
    return GraspSelection(
        header=header,
        query=plan.heatmap.query,
        affordance=plan.heatmap.affordance,
        method=plan.heatmap.method,
        confidence=plan.heatmap.confidence,
        region=from_region(plan.region),
        rule=plan.rule,
        ranked=[_from_ranked(grasp) for grasp in plan.selection.ranked],
        rejected=[
            RejectedCandidate(candidate=candidate, reason=str(reason))
            for candidate, reason in plan.selection.rejected.items()
        ],
        timings=from_timings({name: ms / 1e3 for name, ms in plan.timings_ms.items()}),
    )


def to_selection(message: GraspSelection) -> Selection:
    """The ranking and the reasons."""
    rejected = {int(entry.candidate): Reason(entry.reason) for entry in message.rejected}
    return Selection(tuple(_to_ranked(grasp) for grasp in message.ranked), rejected)


def from_decision(plan: GraspPlan, stamped: StampedFrame) -> GraspDecision:
    """A decision with all that it was made from."""
    return GraspDecision(
        color=stamped.color,
        depth=stamped.depth,
        camera_info=stamped.camera_info,
        heatmap=from_map(plan.heatmap.values, stamped.header),
        candidates=from_candidates(plan.candidates, stamped.header),
        selection=from_plan(plan, stamped.header),
    )


def to_plan(message: GraspDecision) -> GraspPlan:
    """The plan that a decision came from; its table is found again in the same depth image."""
    frame = to_rgbd(message.color, message.depth, message.camera_info)
    values, selection = to_map(message.heatmap), message.selection
    height, width = values.shape
    heatmap = Heatmap(
        values=values,
        raw=values,
        query=selection.query,
        affordance=selection.affordance,
        method=selection.method,
        confidence=float(selection.confidence),
    )
    return GraspPlan(
        frame=frame,
        heatmap=heatmap,
        candidates=to_candidates(message.candidates),
        selection=to_selection(selection),
        table=fit_table(frame),
        region=to_region(selection.region, width, height) or Region(0, 0, width, height),
        rule=selection.rule,
        timings_ms={name: s * 1e3 for name, s in to_timings(selection.timings).items()},
    )


def from_best(grasp: RankedGrasp, T_base_cam: Floats, header: Header) -> SelectedGrasp:
    """The grasp to execute, in the base frame, which the header names."""
    return SelectedGrasp(
        header=header,
        pose=from_pose(T_base_cam @ grasp.T_cam_tcp),
        width_m=grasp.width_m,
        heat=grasp.heat,
        quality=grasp.quality,
    )


def to_target(message: SelectedGrasp, base_frame: str) -> tuple[Floats, float]:
    """``T_base_tcp`` at closure and width [m] of the grasp to execute."""
    if message.header.frame_id != base_frame:
        raise InvalidInput(
            f"the grasp is given in frame {message.header.frame_id!r}; expected {base_frame!r}"
        )
    if not (np.isfinite(message.width_m) and message.width_m >= 0):
        raise InvalidInput(f"the grasp's width is {message.width_m} m; it must be >= 0")
    return to_pose(message.pose, "the grasp's pose"), float(message.width_m)


def from_timings(timings_s: dict[str, float]) -> list[StageTime]:
    """Stage -> seconds as messages."""
    return [StageTime(stage=stage, seconds=float(s)) for stage, s in timings_s.items()]


def to_timings(message: list[StageTime]) -> dict[str, float]:
    """Stage -> seconds."""
    return {entry.stage: float(entry.seconds) for entry in message}


def _candidate(T: Floats, width_m: float, contact: Floats, quality: float) -> GraspCandidate:
    return GraspCandidate(
        pose=from_pose(T),
        contact=from_point(contact),
        width_m=float(width_m),
        quality=float(quality),
    )


def _from_ranked(grasp: RankedGrasp) -> RankedGraspMessage:
    u, v = grasp.contact_uv
    return RankedGraspMessage(
        grasp=_candidate(grasp.T_cam_tcp, grasp.width_m, grasp.contact_cam, grasp.quality),
        heat=grasp.heat,
        contact_u=u,
        contact_v=v,
        candidate=grasp.candidate,
    )


def _to_ranked(message: RankedGraspMessage) -> RankedGrasp:
    grasp = message.grasp
    return RankedGrasp(
        T_cam_tcp=to_pose(grasp.pose, "grasp pose"),
        width_m=float(grasp.width_m),
        contact_cam=np.array(_vector(grasp.contact)),
        contact_uv=(float(message.contact_u), float(message.contact_v)),
        heat=float(message.heat),
        quality=float(grasp.quality),
        candidate=int(message.candidate),
    )


def _vector(point: Point) -> tuple[float, float, float]:
    return point.x, point.y, point.z
