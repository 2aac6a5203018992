"""One trial: observe, plan, pick, judge.

An object instance that is in no training image is placed on the table, observed once, and picked.
It succeeds when the object is lifted *and* held by a functional part of the query.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from affordance_grasp.control.motion.execution import PickExecution, perform_pick
from affordance_grasp.control.motion.pick import plan_pick, reach_from
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import RankedGrasp, Reason
from affordance_grasp.errors import (
    AffordanceGraspError,
    EnvironmentFault,
    MotionFault,
    Unreachable,
)
from affordance_grasp.experiment.causes import OBJECT, Cause, unplanned, unsuccessful
from affordance_grasp.experiment.exact import ExactGrounder
from affordance_grasp.experiment.trials import Trial, TrialResult
from affordance_grasp.experiment.ways import EXACT
from affordance_grasp.geometry import Floats, invert
from affordance_grasp.pipeline import GraspPlan, Planner
from affordance_grasp.report.figures import write_png
from affordance_grasp.report.plan_report import plan_figures
from affordance_grasp.simulation.cell.actuators import SimulatedActuators
from affordance_grasp.simulation.cell.clutter import household_neighbours, random_neighbours
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object
from affordance_grasp.simulation.objects.imported import label

Pictures = Literal["none", "failures", "all"]


@dataclass(frozen=True)
class Album:
    """Where pictures of picks are put, and of which."""

    folder: Path | None = None
    of: Pictures = "failures"

    def add(self, result: TrialResult, plan: GraspPlan, world: World) -> None:
        """The plan, and the cell as it is now, where there is to be a picture of the pick."""
        wanted = self.of == "all" or (self.of == "failures" and not result.success)
        if self.folder is None or not wanted:
            return
        trial = result.trial
        words = trial.column, label(trial.family), trial.affordance, str(trial.pose)
        name = "_".join(words).replace(":", "_").replace(" ", "_")
        write_png(self.folder / f"{name}.png", plan_figures(plan)["board"])
        write_png(self.folder / f"{name}_end.png", world.photo())


def run_trial(
    planners: Mapping[str, Planner], trial: Trial, album: Album | None = None
) -> TrialResult:
    """Observe, plan, pick and judge; a failed plan is a result, not an error.

    Args:
        planners: by the method of their heatmaps; empty: one that needs none.
        trial: the pick.
        album: where to put pictures of it.
    """
    planner, album = planners[trial.method], album or Album()
    with _world(planner.robot, trial) as world:
        try:
            plan = _plan(world, planner, trial)
        except EnvironmentFault:
            raise
        except AffordanceGraspError as error:
            return TrialResult(trial, False, False, Cause.REFUSED, fault=str(error))
        result = _result(world, trial, plan)
        album.add(result, plan, world)
    return result


def _world(robot: RobotConfig, trial: Trial) -> World:
    obj, seed = make_object(trial.family, trial.object_seed), trial.placement_seed
    T_base_object = random_placement(seed)
    beside = random_neighbours(robot, obj, T_base_object, seed, trial.neighbours)
    if trial.others:
        beside = household_neighbours(robot, obj, T_base_object, trial.object_seed, trial.others)
    return World(robot, obj, T_base_object, trial.pose, neighbours=beside)


def _plan(world: World, planner: Planner, trial: Trial) -> GraspPlan:
    frame = world.observe()
    if trial.way == EXACT:
        parts = [part for part in trial.parts if part in world.household_object.parts]
        masks = world.part_masks({"part": parts})
        planner = replace(planner, grounder=ExactGrounder(masks["part"]))
    reach = reach_from(planner.robot, world.joint_positions())
    return planner.plan(frame, trial.query, reach, rule=trial.rule)


def _result(world: World, trial: Trial, plan: GraspPlan) -> TrialResult:
    unmoved = TrialResult(
        trial, False, False, rejected=plan.not_ranked, timings_ms=plan.timings_ms
    )
    if plan.best is None:
        cause = unplanned(_rejections(plan))
        return replace(unmoved, cause=cause, fault=plan.refusal)
    thing, _, part = (aimed_at := world.thing_at(plan.best.contact_uv)).partition("/")
    right = thing == OBJECT and part in trial.parts
    aimed = replace(unmoved, heat=plan.best.heat, aimed_at=aimed_at, aimed_right=right)
    try:
        execution, turned_rad = _pick(world, plan.best, plan)
    except (MotionFault, Unreachable) as error:
        met = world.outcome().met_neighbours
        return replace(aimed, cause=_interrupted(error), fault=str(error), met_neighbours=met)
    outcome = world.outcome()
    return replace(
        aimed,
        lifted=outcome.lifted and outcome.held,
        by_part=outcome.held_by(trial.parts),
        cause=unsuccessful(outcome, execution, trial.parts, aimed.aimed_at),
        parts_held=outcome.parts_held,
        width_m=outcome.width_m,
        turned_deg=float(np.degrees(turned_rad)),
        met_neighbours=outcome.met_neighbours,
    )


def _interrupted(error: MotionFault | Unreachable) -> Cause:
    """Why a pick of a chosen grasp ended early."""
    if isinstance(error, Unreachable):
        return unplanned({Reason(error.reason): 1})
    return Cause.COLLIDED


def _rejections(plan: GraspPlan) -> dict[Reason, int]:
    reasons = list(plan.selection.rejected.values())
    return {reason: reasons.count(reason) for reason in Reason}


def _pick(world: World, best: RankedGrasp, plan: GraspPlan) -> tuple[PickExecution, float]:
    """Pick, and tell how far [rad] the object turned in the hand after the fingers closed."""
    robot, q_now = world.robot, world.joint_positions()
    T_base_tcp = robot.T_base_cam(q_now) @ best.T_cam_tcp
    pick = plan_pick(
        robot, q_now, T_base_tcp, best.width_m, plan.obstacles, opening_m=best.opening_m
    )
    closed: list[Floats] = []

    def note(stage: str) -> None:
        actuators.enter(stage)
        if stage == "lift":
            closed.append(_object_in_hand(world))

    actuators = SimulatedActuators(world)
    execution = perform_pick(actuators, pick, robot.gripper, note)
    return execution, _angle(closed[0], _object_in_hand(world))


def _object_in_hand(world: World) -> Floats:
    """Pose of the object in the camera, which is fixed to the hand."""
    return invert(world.T_base_cam) @ world.T_base_object


def _angle(T_a: Floats, T_b: Floats) -> float:
    """Angle [rad] between two orientations."""
    cosine = (np.trace(T_a[:3, :3].T @ T_b[:3, :3]) - 1) / 2
    return float(np.arccos(np.clip(cosine, -1, 1)))
