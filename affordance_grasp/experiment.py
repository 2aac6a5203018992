"""Simulated picks with and without affordance over objects x poses, as in PLSP's Table 13.

One trial: an object instance that is in no training image is placed on the table, observed once,
and picked. It succeeds when the object is lifted *and* held by a functional part of the query.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affordance_grasp.control.motion.pick import plan_pick, reach_from
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import AffordanceGraspError, EnvironmentFault
from affordance_grasp.pipeline import GraspPlan, Planner
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import AFFORDANCES
from affordance_grasp.report.figures import write_png
from affordance_grasp.report.plan_report import plan_figures
from affordance_grasp.rules import RULES
from affordance_grasp.simulation.cell.actuators import execute_pick
from affordance_grasp.simulation.cell.clutter import random_neighbours
from affordance_grasp.simulation.cell.outcome import PickOutcome
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.dataset.functional_parts import functional_parts
from affordance_grasp.simulation.objects import TRIAL_SEED_START, make_object
from affordance_grasp.simulation.objects.imported import label

WITHOUT_AFFORDANCE = "quality"


@dataclass(frozen=True)
class Trial:
    """One pick: an object instance, its placement, what stands beside it, the selection rule."""

    family: str
    pose: int
    query: str = "hold"
    rule: str = "bands"
    neighbours: int = 0

    @property
    def object_seed(self) -> int:
        """Seed of the object instance, outside the range of every data set."""
        return TRIAL_SEED_START + self.pose

    @property
    def placement_seed(self) -> int:
        """Seed of the placement: differs between families, equal for every rule."""
        return 1000 * self.pose + sum(map(ord, label(self.family)))


@dataclass(frozen=True)
class TrialResult:
    """Outcome of a trial; ``fault``: why planning failed.

    ``met_neighbours``: which of robot and object touched another thing.
    """

    trial: Trial
    lifted: bool
    by_part: bool
    parts_held: tuple[str, ...] = ()
    heat: float = 0.0
    width_m: float = 0.0
    fault: str = ""
    rejected: dict[str, int] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    met_neighbours: tuple[str, ...] = ()

    @property
    def success(self) -> bool:
        """Lifted and held by a functional part of the query."""
        return self.lifted and self.by_part


def run_trial(planner: Planner, trial: Trial, figures: Path | None = None) -> TrialResult:
    """Observe, plan, pick and judge; a failed plan is a result, not an error."""
    obj, robot = make_object(trial.family, trial.object_seed), planner.robot
    placement = random_placement(trial.placement_seed)
    beside = random_neighbours(robot, obj, placement, trial.placement_seed, trial.neighbours)
    with World(robot, obj, placement, trial.pose, neighbours=beside) as world:
        try:
            reach = reach_from(robot, world.joint_positions())
            plan = planner.plan(world.observe(), trial.query, reach, rule=trial.rule)
            outcome = _pick(world, plan, robot)
        except EnvironmentFault:
            raise
        except AffordanceGraspError as error:
            met = world.outcome().met_neighbours
            return TrialResult(trial, False, False, fault=str(error), met_neighbours=met)
        if figures is not None:
            name = f"{trial.rule}_{label(trial.family).replace(':', '_')}_{trial.pose}"
            write_png(figures / f"{name}.png", plan_figures(plan)["board"])
            write_png(figures / f"{name}_lifted.png", world.photo())
    return _result(trial, plan, outcome)


def _pick(world: World, plan: GraspPlan, robot: RobotConfig) -> PickOutcome | None:
    if plan.best is None:
        return None
    q_now = world.joint_positions()
    T_base_tcp = robot.T_base_cam(q_now) @ plan.best.T_cam_tcp
    pick = plan_pick(
        robot, q_now, T_base_tcp, plan.best.width_m, plan.obstacles, opening_m=plan.best.opening_m
    )
    return execute_pick(world, pick)


def _result(trial: Trial, plan: GraspPlan, outcome: PickOutcome | None) -> TrialResult:
    rejected = plan.not_ranked
    if outcome is None or plan.best is None:
        return TrialResult(trial, False, False, fault=plan.refusal, rejected=rejected)
    affordance = resolve_query(trial.query, AFFORDANCES)
    return TrialResult(
        trial=trial,
        lifted=outcome.lifted and outcome.held,
        by_part=outcome.held_by(functional_parts(affordance, trial.family)),
        parts_held=outcome.parts_held,
        heat=plan.best.heat,
        width_m=outcome.width_m,
        rejected=rejected,
        timings_ms=plan.timings_ms,
        met_neighbours=outcome.met_neighbours,
    )


def make_trials(
    families: Sequence[str], poses: int, query: str, rules: Sequence[str], neighbours: int = 0
) -> list[Trial]:
    """Every rule on the same objects at the same placements."""
    for family in families:
        functional_parts(resolve_query(query, AFFORDANCES), family)
    return [
        Trial(family, pose, query, rule, neighbours)
        for rule in rules
        for family in families
        for pose in range(poses)
    ]


def summarise(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Counts per rule and per object, and every trial, as plain data."""
    rules = [rule for rule in RULES if any(r.trial.rule == rule for r in results)]
    families = list(dict.fromkeys(r.trial.family for r in results))
    return {
        "rules": _by_rule(results, rules),
        "objects": {
            family: _by_rule([r for r in results if r.trial.family == family], rules)
            for family in families
        },
        "trials": [asdict(r) | {"success": r.success} for r in results],
    }


def _by_rule(results: Sequence[TrialResult], rules: Sequence[str]) -> dict[str, dict[str, float]]:
    return {rule: _counts([r for r in results if r.trial.rule == rule]) for rule in rules}


def _counts(results: Sequence[TrialResult]) -> dict[str, float]:
    times = [r.timings_ms["total"] for r in results if r.timings_ms]
    return {
        "trials": len(results),
        "lifted": sum(r.lifted for r in results),
        "success": sum(r.success for r in results),
        "plan_ms_median": round(float(np.median(times)), 1) if times else 0.0,
    }


def table(summary: dict[str, Any]) -> str:
    """Successes and lifted objects per object family and rule, as a Markdown table."""
    rules = list(summary["rules"])
    lines = ["| object | " + " | ".join(_title(rule) for rule in rules) + " |"]
    lines.append("|---" * (len(rules) + 1) + "|")
    for family, by_rule in summary["objects"].items():
        lines.append(
            f"| {label(family)} | " + " | ".join(_cell(by_rule[rule]) for rule in rules) + " |"
        )
    total = " | ".join(f"**{_cell(summary['rules'][rule])}**" for rule in rules)
    return "\n".join([*lines, f"| **all** | {total} |"])


def _title(rule: str) -> str:
    return "without affordance" if rule == WITHOUT_AFFORDANCE else f"heatmap, {rule}"


def _cell(counts: dict[str, float]) -> str:
    return f"{counts['success']}/{counts['trials']} ({counts['lifted']} lifted)"
