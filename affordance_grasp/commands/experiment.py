"""``experiment``: picks over objects x poses, with and without affordance, as one table."""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import Count, Word, about, one_of
from affordance_grasp.errors import WorkerDied
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.rules import RULES

if TYPE_CHECKING:
    from affordance_grasp.experiment import Trial, TrialResult
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

    query: Annotated[Word, about("affordance to grasp for")] = "hold"
    objects: Annotated[tuple[Word, ...], about("families; the paper's eight")] = PAPER_OBJECTS
    poses: Annotated[Count, about("random placements per object")] = 5
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
    from affordance_grasp.experiment import make_trials, summarise, table
    from affordance_grasp.report.plan_report import make_folder, write_json

    options = read_flags(ExperimentOptions, arguments)
    trials = make_trials(options.objects, options.poses, options.query, options.rules)
    if options.out:
        make_folder(options.out)
    _planner(options)  # invalid names and checkpoints are refused here, before any process starts
    jobs = [(trial, options) for trial in trials]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        results = _finished([pool.submit(_run, job) for job in jobs])
    summary = summarise(results)
    if options.out:
        write_json(options.out / "results.json", summary)
    if len(results) < len(jobs):
        raise WorkerDied(_died(len(results), len(jobs), options.out))
    print(json.dumps(summary, indent=2) if arguments.json else table(summary))
    return 0


def _finished(picks: Sequence["Future[TrialResult]"]) -> "list[TrialResult]":
    """Results in the order of the picks; fewer where a process died."""
    from tqdm import tqdm

    results = {}
    try:
        for pick in tqdm(as_completed(picks), total=len(picks), unit="pick", disable=None):
            try:
                results[pick] = pick.result()
            except BrokenProcessPool:
                continue  # finished picks took hours: keep them
    finally:
        for pick in picks:
            pick.cancel()
    return [results[pick] for pick in picks if pick in results]


def _died(finished: int, wanted: int, out: Path | None) -> str:
    saved = f"; those are in {out / 'results.json'}" if out else ""
    return (
        f"a process died, perhaps for lack of memory, after {finished} of {wanted} picks{saved}; "
        "run it again with --workers 1"
    )


def _run(job: "tuple[Trial, ExperimentOptions]") -> "TrialResult":
    from affordance_grasp.experiment import run_trial

    trial, options = job
    return run_trial(trial, _planner(options), options.out)


@lru_cache(maxsize=1)
def _planner(options: ExperimentOptions) -> "Planner":
    """The planner of this process, made once."""
    from affordance_grasp.pipeline import load_planner

    rule = max(options.rules, key=lambda name: RULES[name].needs_heat)
    return load_planner(replace(options, rule=rule), options.query, SPEED_SCALING)
