"""One frame of a bag -> its result and its figure."""

from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.control.motion.pick import reach_from
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import AffordanceGraspError, ExternalFault, InvalidInput, NoObject
from affordance_grasp.pipeline import GraspPlan, load_planner
from affordance_grasp.replay.bags.decoding import decode_truth, fitting
from affordance_grasp.replay.options import ReplayOptions
from affordance_grasp.replay.report.frame_figure import frame_figure
from affordance_grasp.replay.report.results import (
    BROKEN,
    NOTHING,
    PICTURES,
    PLANNED,
    FrameResult,
    Kind,
    Lost,
    scene_name,
)
from affordance_grasp.replay.source import CameraState, NumberedFrame
from affordance_grasp.replay.truth import TruthFolder, on_part, score_heatmap
from affordance_grasp.report.figures import write_jpeg
from affordance_grasp.report.plan_report import grasps_summary, pose_summary

Job = tuple[NumberedFrame, bool, Lost]
"""A frame, whether it is drawn, and what was left out before it."""


class FramePlanner:
    """Holds the network, the generator and the robot; frames are independent of each other.

    ``at_once``: ground and generate in two threads.
    """

    def __init__(self, options: ReplayOptions, at_once: bool = True) -> None:
        """Load everything."""
        self.options, self._at_once = options, at_once
        self._planner = load_planner(options, options.query)
        self._truths = TruthFolder(options.truth) if options.truth else None

    def plan(self, numbered: NumberedFrame, drawn: bool) -> FrameResult:
        """Decode, plan, score, draw where ``drawn``; an error of the frame is a result."""
        started = perf_counter()
        try:
            frame = numbered.frame()
            truth = self._truth(numbered, frame)
        except AffordanceGraspError as error:
            return _without_plan(numbered, BROKEN, error)
        decode_ms = _since(started)
        try:
            plan = self._plan(frame, numbered.view)
        except (InvalidInput, NoObject) as error:
            return _without_plan(numbered, NOTHING, error)
        except ExternalFault as error:
            return replace(_without_plan(numbered, NOTHING, error), fault=True)
        latency = {"decode": decode_ms, **plan.timings_ms, "total": _since(started)}
        picture = self._draw(numbered.index, plan) if drawn else None
        self._write_scene(numbered, plan)
        latency_ms = {name: round(ms, 1) for name, ms in latency.items()}
        result = _result(numbered, plan, truth, self.options.top, latency_ms)
        return replace(result, picture=picture)

    def _truth(self, numbered: NumberedFrame, frame: RgbdFrame) -> NDArray[np.uint8] | None:
        if self._truths is None:
            return decode_truth(numbered.raw, frame, numbered.rig)
        found = self._truths.find(numbered.raw.header.stamp_ns, numbered.index)
        return None if found is None else fitting(found, frame)

    def _plan(self, frame: RgbdFrame, view: CameraState | None) -> GraspPlan:
        robot = self._planner.robot
        reach = None if view is None else reach_from(robot, view.q, view.T_base_cam)
        return self._planner.plan(frame, self.options.query, reach, at_once=self._at_once)

    def _draw(self, index: int, plan: GraspPlan) -> str | None:
        if self.options.out is None:
            return None
        name = f"{PICTURES}/{index:06d}.jpg"
        write_jpeg(self.options.out / name, frame_figure(plan))
        return name

    def _write_scene(self, numbered: NumberedFrame, plan: GraspPlan) -> None:
        n, folder = self.options.scenes_every, self.options.out
        if not n or folder is None or numbered.index // self.options.every % n:
            return
        from affordance_grasp.view.html_file import write_html
        from affordance_grasp.view.planned import ArmPose, with_motion

        view = numbered.view
        pose = None if view is None else ArmPose(view.q, view.T_base_cam)
        planned = with_motion(self._planner.robot, self.options.query, plan, pose)
        write_html(folder / scene_name(numbered.index), planned)


def plan_frame(planner: FramePlanner, job: Job) -> FrameResult:
    """Plan one frame of a replay."""
    frame, drawn, lost = job
    return replace(planner.plan(frame, drawn), lost=lost)


def _since(started: float) -> float:
    return (perf_counter() - started) * 1e3


def _without_plan(numbered: NumberedFrame, kind: Kind, error: AffordanceGraspError) -> FrameResult:
    raw = numbered.raw
    return FrameResult(
        numbered.index,
        raw.header.stamp_ns,
        raw.color.bag_ns,
        kind,
        str(error),
        depth_gap_ms=raw.gap_ns * 1e-6,
    )


def _result(
    numbered: NumberedFrame,
    plan: GraspPlan,
    truth: NDArray[np.uint8] | None,
    top: int,
    latency_ms: dict[str, float],
) -> FrameResult:
    header, view, best = numbered.raw.header, numbered.view, plan.best
    return FrameResult(
        index=numbered.index,
        stamp_ns=header.stamp_ns,
        bag_ns=numbered.raw.color.bag_ns,
        kind=PLANNED,
        affordance=plan.heatmap.affordance,
        confidence=round(plan.heatmap.confidence, 4),
        peak_uv=plan.heatmap.peak_uv,
        candidates=len(plan.candidates),
        ranked=len(plan.selection.ranked),
        grasps=grasps_summary(plan.selection.ranked, top),
        base=pose_summary(view.T_base_cam @ best.T_cam_tcp) if view and best else None,
        view=view.source if view else None,
        no_view=numbered.no_view,
        rejected=plan.not_ranked,
        scores=None if truth is None else score_heatmap(plan.heatmap, truth),
        on_part=None if best is None or truth is None else on_part(best, truth),
        latency_ms=latency_ms,
        depth_gap_ms=numbered.raw.gap_ns * 1e-6,
    )
