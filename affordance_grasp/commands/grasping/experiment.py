"""``experiment``: picks over objects x poses, with and without affordance, as tables."""

import argparse
import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from affordance_grasp import __version__
from affordance_grasp.batch.backends import BACKENDS, PROCESSES
from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import Count, Word, about, one_of, record
from affordance_grasp.errors import InvalidInput
from affordance_grasp.experiment.ways import asks_a_method
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.rules import RULES

if TYPE_CHECKING:
    from affordance_grasp.experiment.trials import Trial
    from affordance_grasp.pipeline import Planner

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

    query: Annotated[
        tuple[Word, ...], about("affordances to grasp for; of several, those an object serves")
    ] = ("hold",)
    objects: Annotated[tuple[Word, ...], about("families, or imported, such as ycb:025_mug")] = (
        PAPER_OBJECTS
    )
    poses: Annotated[Count, about("random placements per object")] = 5
    first_pose: Annotated[
        int, Meta(ge=0, le=100_000), about("number of the first; instance and place come of it")
    ] = 0
    neighbours: Annotated[int, Meta(ge=0, le=4), about("tall things beside each object")] = 0
    clutter: Annotated[bool, about("3 to 6 things on the table, and the query names one")] = False
    rules: Annotated[
        tuple[Word, ...],
        about("how grasps are chosen; quality ignores the heatmap, exact knows the part"),
        one_of("selection rule", "affordance_grasp.experiment.ways:WAYS"),
    ] = tuple(RULES)
    compare: Annotated[
        tuple[Word, ...],
        about("further methods, on the same picks, with the checkpoints of the package"),
        one_of("method", "affordance_grasp.methods.table:METHODS"),
    ] = ()
    precision: Annotated[
        Word,
        about("of the encoder, as the published picks had it"),
        one_of("precision", "affordance_grasp.encoders.device:PRECISIONS"),
    ] = "float32"
    pictures: Annotated[
        Literal["none", "failures", "all"], about("of which picks, into the folder of --out")
    ] = "failures"
    workers: Annotated[Count, about("processes")] = 2
    backend: Annotated[Word, about(BACKENDS)] = PROCESSES
    out: Annotated[
        Path | None,
        about("folder for tables, results.json, picks.csv, chart and pictures"),
    ] = None

    def check(self) -> None:
        """Refuse two kinds of neighbours at once."""
        if self.clutter and self.neighbours:
            raise InvalidInput(
                "experiment: --clutter puts household objects beside the object and --neighbours "
                "tall things; give one of them"
            )

    def of_methods(self) -> "dict[str, ExperimentOptions]":
        """Settings of a plan by the method of its heatmap; empty: without one."""
        others = {name: replace(self, method=name, checkpoint=None) for name in self.compare}
        asked = {self.method: self, **others} if any(map(asks_a_method, self.rules)) else {}
        bare = {} if all(map(asks_a_method, self.rules)) else {"": self}
        return {name: replace(each, rule="bands") for name, each in asked.items()} | {
            name: replace(each, rule="quality") for name, each in bare.items()
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_flags(parser, ExperimentOptions, leave_out=("rule", "top", "min_confidence"))
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run every trial and print the tables."""
    from affordance_grasp.experiment.tables import report
    from affordance_grasp.experiment.trials import make_trials
    from affordance_grasp.report.plan_report import folder_or_none

    options = read_flags(ExperimentOptions, arguments)
    trials = make_trials(
        options.objects,
        range(options.first_pose, options.first_pose + options.poses),
        options.query,
        options.rules,
        [name for name in options.of_methods() if name],
        neighbours=options.neighbours,
        clutter=options.clutter,
    )
    with folder_or_none(options.out) as folder:
        summary = _pick_all(trials, options, folder)
    faults = Counter(trial["fault"] for trial in summary["trials"])
    reasons = [
        f"{count} of {len(trials)} picks had no grasp: {fault}"
        for fault, count in faults.items()
        if fault
    ]
    said = "\n".join([report(summary), *reasons])
    print(json.dumps(summary, indent=2) if arguments.json else said)
    return 0 if faults[""] else 1


def load_planners(options: ExperimentOptions) -> "dict[str, Planner]":
    """Those that the trials ask, by method."""
    from affordance_grasp.pipeline import load_planner

    return {
        name: load_planner(each, options.query[0], SPEED_SCALING)
        for name, each in options.of_methods().items()
    }


def _pick_all(trials: "list[Trial]", options: ExperimentOptions, folder: Path) -> dict[str, Any]:
    """Run the trials that the folder's journal does not hold; the summary of all."""
    from tqdm import tqdm

    from affordance_grasp.batch.journal import Journal, begin_run
    from affordance_grasp.batch.spread import spread
    from affordance_grasp.experiment.chart import success_chart
    from affordance_grasp.experiment.picking import Album, run_trial
    from affordance_grasp.experiment.summary import summarise
    from affordance_grasp.experiment.tables import as_csv, report
    from affordance_grasp.experiment.trials import TrialResult
    from affordance_grasp.files import write_file, write_json

    album = Album(options.out and options.out.resolve(), options.pictures)
    pick, load = partial(run_trial, album=album), partial(load_planners, options)
    path = folder / "picks.jsonl"
    with spread(pick, load, options.workers, options.backend) as run_all:
        begin_run(path, _identity(options), "an experiment")
        with Journal(path, TrialResult) as picks:
            done = picks.count
            now = picks.keep(run_all(trials[done:]))
            list(tqdm(now, total=len(trials), initial=done, unit="pick", disable=None))
            summary = {"run": _identity(options), **summarise(list(picks.results()))}
            write_json(folder / "results.json", summary)
            write_file(folder / "picks.csv", as_csv(summary))
            write_file(folder / "tables.md", report(summary) + "\n")
            write_file(folder / "success.svg", success_chart(summary))
            picks.remove()
    return summary


def _identity(options: ExperimentOptions) -> dict[str, Any]:
    """All that the picks depend on."""
    chosen = record(replace(options, out=None, workers=1, pictures="none", backend=PROCESSES))
    heads = {name: each.checkpoint_sha256() for name, each in options.of_methods().items()}
    return chosen | {"checkpoint_sha256": heads, "version": __version__}
