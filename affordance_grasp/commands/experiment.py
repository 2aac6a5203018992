"""``experiment``: picks over objects x poses, with and without affordance, as one table."""

import argparse
import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from affordance_grasp import __version__
from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import Count, Word, about, one_of, record
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.rules import RULES

if TYPE_CHECKING:
    from affordance_grasp.experiment import Trial

PAPER_OBJECTS = (
    "mug",
    "knife",
    "teapot",
    "pan",
    "pressure_cooker",
    "spoon",
    "wrench",
    "screwdriver",
)
"""The eight objects of PLSP's robot test."""
SPEED_SCALING = 0.5


@dataclass(frozen=True)
class ExperimentOptions(PlanningOptions, title="experiment"):
    """Which picks, and how they are planned."""

    query: Annotated[Word, about("affordance to grasp for")] = "hold"
    objects: Annotated[tuple[Word, ...], about("families, or imported, such as ycb:025_mug")] = (
        PAPER_OBJECTS
    )
    poses: Annotated[Count, about("random placements per object")] = 5
    neighbours: Annotated[int, Meta(ge=0, le=4), about("tall things beside each object")] = 0
    rules: Annotated[
        tuple[Word, ...],
        about("how grasps are chosen; quality ignores the heatmap"),
        one_of("selection rule", "affordance_grasp.rules:RULES"),
    ] = tuple(RULES)
    precision: Annotated[
        Word,
        about("of the encoder, as the published picks had it"),
        one_of("precision", "affordance_grasp.encoders.device:PRECISIONS"),
    ] = "float32"
    workers: Annotated[Count, about("processes")] = 2
    out: Annotated[Path | None, about("folder for results.json and figures")] = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_flags(parser, ExperimentOptions, leave_out=("rule", "top", "min_confidence"))
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run every trial and print the table."""
    from affordance_grasp.experiment import make_trials, table
    from affordance_grasp.report.plan_report import folder_or_none

    options = read_flags(ExperimentOptions, arguments)
    trials = make_trials(
        options.objects, options.poses, options.query, options.rules, options.neighbours
    )
    with folder_or_none(options.out) as folder:
        summary = _pick_all(trials, options, folder)
    faults = Counter(trial["fault"] for trial in summary["trials"])
    reasons = [
        f"{count} of {len(trials)} picks had no grasp: {fault}"
        for fault, count in faults.items()
        if fault
    ]
    said = "\n".join([table(summary), *reasons])
    print(json.dumps(summary, indent=2) if arguments.json else said)
    return 0 if faults[""] else 1


def _pick_all(trials: "list[Trial]", options: ExperimentOptions, folder: Path) -> dict[str, Any]:
    """Run the trials that the folder's journal does not hold; the summary of all."""
    from tqdm import tqdm

    from affordance_grasp.batch.journal import Journal, begin_run
    from affordance_grasp.batch.spread import spread
    from affordance_grasp.experiment import TrialResult, run_trial, summarise
    from affordance_grasp.pipeline import load_planner
    from affordance_grasp.report.plan_report import write_json

    rule = max(options.rules, key=lambda name: RULES[name].needs_heat)
    load = partial(load_planner, replace(options, rule=rule), options.query, SPEED_SCALING)
    pick, path = partial(run_trial, figures=options.out), folder / "picks.jsonl"
    with spread(pick, load, options.workers) as run_all:
        begin_run(path, _identity(options), "an experiment")
        with Journal(path, TrialResult) as picks:
            done = picks.count
            now = picks.keep(run_all(trials[done:]))
            list(tqdm(now, total=len(trials), initial=done, unit="pick", disable=None))
            summary = summarise(list(picks.results()))
            write_json(folder / "results.json", summary)
            picks.remove()
    return summary


def _identity(options: ExperimentOptions) -> dict[str, Any]:
    """All that the picks depend on."""
    chosen = record(replace(options, out=None, workers=1))
    return chosen | {"checkpoint_sha256": options.checkpoint_sha256(), "version": __version__}
