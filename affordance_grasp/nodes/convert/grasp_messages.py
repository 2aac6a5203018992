"""Grasps and decisions as messages and back; images and poses are in :mod:`conversions`."""

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from affordance_grasp import msg
from affordance_grasp.datatypes import (
    GraspCandidates,
    Heatmap,
    RankedGrasp,
    Reason,
    Region,
    Selection,
)
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert import conversions
from affordance_grasp.nodes.convert.images import from_map, to_map, to_rgbd
from affordance_grasp.nodes.inputs.frames import StampedFrame
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.scene.obstacles import Obstacles
from affordance_grasp.scene.table import fit_table
from affordance_grasp.streams.messages import to_pose, to_poses

UNUSABLE = "without a usable pose, contact, width, opening or quality"
MOST_REASONS = 20


def from_candidates(candidates: GraspCandidates, header: Header) -> msg.GraspCandidates:
    """Grasps in the camera's optical frame, which the header names."""
    rows = zip(
        candidates.T_cam_tcp,
        candidates.width_m,
        candidates.contact_cam,
        candidates.quality,
        candidates.opening_m,
        strict=True,
    )
    return msg.GraspCandidates(
        header=header,
        candidates=[_candidate(*row) for row in rows],
        generator=candidates.generator,
        examined=candidates.examined,
        left_out=_from_left_out(candidates),
    )


def to_candidates(message: msg.GraspCandidates) -> GraspCandidates:
    """Grasps from any generator that speaks this message; those that are none are left out.

    Raises:
        InvalidInput: none of them is usable.
    """
    grasps = message.candidates
    T = to_poses([g.pose for g in grasps])
    numbers = np.array(
        [(*_vector(g.contact), g.width_m, g.quality, g.opening_m) for g in grasps], float
    ).reshape(-1, 6)
    usable = np.isfinite(T).all(axis=(1, 2)) & np.isfinite(numbers).all(axis=1)
    width_m, opening_m = numbers[:, 3], numbers[:, 5]
    usable &= (width_m >= 0) & ((opening_m == 0) | (opening_m >= width_m))
    if len(usable) and not usable.any():
        raise InvalidInput(
            f"none of {len(usable)} grasp candidates of {shown(message.generator)} is usable; "
            "each needs a pose with a unit quaternion, a contact, a width >= 0, a quality, and an "
            "opening that is 0 or not less than the width"
        )
    return GraspCandidates(
        T_cam_tcp=T[usable],
        width_m=width_m[usable],
        contact_cam=numbers[usable, :3],
        quality=numbers[usable, 4],
        generator=message.generator,
        examined=int(message.examined),
        left_out=_left_out(message, int((~usable).sum())),
        opening_m=opening_m[usable],
    )


def _from_left_out(candidates: GraspCandidates) -> list[msg.LeftOut]:
    reasons = candidates.left_out.items()
    return [msg.LeftOut(reason=reason, count=count) for reason, count in reasons]


def _left_out(message: msg.GraspCandidates, unusable: int) -> dict[str, int]:
    """What the generator left out, and what of its answer is not usable."""
    entries = message.left_out[:MOST_REASONS]
    told = {shown(entry.reason)[1:-1]: int(entry.count) for entry in entries}
    return told | ({UNUSABLE: unusable} if unusable else {})


def from_plan(plan: GraspPlan, header: Header) -> msg.GraspSelection:
    """All that was decided about one frame."""
    return msg.GraspSelection(
        header=header,
        query=plan.heatmap.query,
        affordance=plan.heatmap.affordance,
        method=plan.heatmap.method,
        confidence=plan.heatmap.confidence,
        region=conversions.from_region(plan.region),
        rule=plan.rule,
        ranked=[_from_ranked(grasp) for grasp in plan.selection.ranked],
        rejected=[
            msg.RejectedCandidate(candidate=candidate, reason=str(reason))
            for candidate, reason in plan.selection.rejected.items()
        ],
        left_out=_from_left_out(plan.candidates),
        timings=from_timings({name: ms / 1e3 for name, ms in plan.timings_ms.items()}),
    )


def to_selection(message: msg.GraspSelection) -> Selection:
    """The ranking and the reasons.

    Raises:
        InvalidInput: a pose that is none, or a reason that this package does not know.
    """
    try:
        rejected = {int(entry.candidate): Reason(entry.reason) for entry in message.rejected}
    except ValueError as error:
        raise InvalidInput(f"a candidate was rejected for an unknown reason: {error}") from error
    return Selection(tuple(_to_ranked(grasp) for grasp in message.ranked), rejected)


def from_decision(plan: GraspPlan, stamped: StampedFrame) -> msg.GraspDecision:
    """A decision with all that it was made from."""
    return msg.GraspDecision(
        color=stamped.color,
        depth=stamped.depth,
        camera_info=stamped.camera_info,
        heatmap=from_map(plan.heatmap.values, stamped.header),
        candidates=from_candidates(plan.candidates, stamped.header),
        selection=from_plan(plan, stamped.header),
    )


def to_plan(message: msg.GraspDecision, obstacles: Obstacles | None = None) -> GraspPlan:
    """The plan that a decision came from; its table is found again in the same depth image.

    ``obstacles``: what was published beside it.
    """
    frame = to_rgbd(message.color, message.depth, message.camera_info)
    values, selection = to_map(message.heatmap), message.selection
    height, width = values.shape
    region = conversions.to_region(selection.region, width, height)
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
        region=region or Region(0, 0, width, height),
        rule=selection.rule,
        timings_ms={name: s * 1e3 for name, s in to_timings(selection.timings).items()},
        obstacles=obstacles,
    )


def from_best(grasp: RankedGrasp, T_base_cam: Floats, header: Header) -> msg.SelectedGrasp:
    """The grasp to execute, in the base frame, which the header names."""
    return msg.SelectedGrasp(
        header=header,
        pose=conversions.from_pose(T_base_cam @ grasp.T_cam_tcp),
        width_m=grasp.width_m,
        heat=grasp.heat,
        quality=grasp.quality,
        opening_m=grasp.opening_m,
    )


def to_target(message: msg.SelectedGrasp, base_frame: str) -> tuple[Floats, float, float]:
    """``T_base_tcp`` at closure, width and opening [m] of the grasp to execute."""
    if message.header.frame_id != base_frame:
        raise InvalidInput(
            f"the grasp is given in frame {message.header.frame_id!r}; expected {base_frame!r}"
        )
    if not (np.isfinite(message.width_m) and message.width_m >= 0):
        raise InvalidInput(f"the grasp's width is {message.width_m} m; it must be >= 0")
    T_base_tcp = to_pose(message.pose, "the grasp's pose")
    return T_base_tcp, float(message.width_m), float(message.opening_m)


def from_timings(timings_s: dict[str, float]) -> list[msg.StageTime]:
    """Stage -> seconds as messages."""
    return [msg.StageTime(stage=stage, seconds=float(s)) for stage, s in timings_s.items()]


def to_timings(message: list[msg.StageTime]) -> dict[str, float]:
    """Stage -> seconds."""
    return {entry.stage: float(entry.seconds) for entry in message}


def _candidate(
    T: Floats, width_m: float, contact: Floats, quality: float, opening_m: float
) -> msg.GraspCandidate:
    return msg.GraspCandidate(
        pose=conversions.from_pose(T),
        contact=conversions.from_point(contact),
        width_m=float(width_m),
        quality=float(quality),
        opening_m=float(opening_m),
    )


def _from_ranked(grasp: RankedGrasp) -> msg.RankedGrasp:
    u, v = grasp.contact_uv
    return msg.RankedGrasp(
        grasp=_candidate(
            grasp.T_cam_tcp, grasp.width_m, grasp.contact_cam, grasp.quality, grasp.opening_m
        ),
        heat=grasp.heat,
        contact_u=u,
        contact_v=v,
        candidate=grasp.candidate,
    )


def _to_ranked(message: msg.RankedGrasp) -> RankedGrasp:
    grasp = message.grasp
    return RankedGrasp(
        T_cam_tcp=to_pose(grasp.pose, "grasp pose"),
        width_m=float(grasp.width_m),
        contact_cam=np.array(_vector(grasp.contact)),
        contact_uv=(float(message.contact_u), float(message.contact_v)),
        heat=float(message.heat),
        quality=float(grasp.quality),
        candidate=int(message.candidate),
        opening_m=float(grasp.opening_m),
    )


def _vector(point: Point) -> tuple[float, float, float]:
    return point.x, point.y, point.z
