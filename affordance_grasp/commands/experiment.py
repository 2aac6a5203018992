"""``experiment``: picks over objects x poses, with and without affordance, as one table."""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import GENERATORS, GraspGenerator, make_generator
from affordance_grasp.configuration.read import from_words
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.errors import InvalidInput, WorkerDied
from affordance_grasp.experiment import (
    PAPER_OBJECTS,
    Trial,
    TrialResult,
    make_trials,
    run_trial,
    summarise,
    table,
)
from affordance_grasp.grounding.grounder import Grounder, load_grounder
from affordance_grasp.methods.table import METHODS
from affordance_grasp.report.plan_report import make_folder, write_json
from affordance_grasp.selection import RULES

SPEED_SCALING = 0.5
Parts = tuple[str, Path | None, str, tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--query", default="hold", help="affordance to grasp for (hold)")
    parser.add_argument(
        "--objects",
        nargs="+",
        default=list(PAPER_OBJECTS),
        metavar="FAMILY",
        help="default: the paper's eight",
    )
    parser.add_argument("--poses", type=int, default=5, help="random places per object (5)")
    parser.add_argument(
        "--rules",
        nargs="+",
        default=list(RULES),
        choices=list(RULES),
        help="how the grasp is chosen; 'quality' ignores the heatmap",
    )
    parser.add_argument("--method", default="plsp", choices=list(METHODS), help="(plsp)")
    parser.add_argument("--checkpoint", type=Path, help="default: the method's demo checkpoint")
    parser.add_argument(
        "--generator", default="antipodal", choices=list(GENERATORS), help="(antipodal)"
    )
    parser.add_argument(
        "--generator-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of an external generator, such as convention=gpd; may be repeated",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--out", type=Path, help="folder for results.json and pictures")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run every trial and print the table."""
    if arguments.poses < 1 or arguments.workers < 1:
        raise InvalidInput("--poses and --workers must be at least 1")
    trials = make_trials(arguments.objects, arguments.poses, arguments.query, arguments.rules)
    options = tuple(arguments.generator_option)
    parts = (arguments.method, arguments.checkpoint, arguments.generator, options)
    if arguments.out:
        make_folder(arguments.out)
    _parts(*parts)  # bad names and checkpoints end here, before any process starts
    jobs = [(trial, parts, arguments.out) for trial in trials]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        results = _finished([pool.submit(_run, job) for job in jobs])
    summary = summarise(results)
    if arguments.out:
        write_json(arguments.out / "results.json", summary)
    if len(results) < len(jobs):
        raise WorkerDied(_died(len(results), len(jobs), arguments.out))
    print(json.dumps(summary, indent=2) if arguments.json else table(summary))
    return 0


def _finished(picks: Sequence["Future[TrialResult]"]) -> list[TrialResult]:
    """Results in the order of the picks; fewer where a process died."""
    results = {}
    try:
        for pick in tqdm(as_completed(picks), total=len(picks), unit="pick", disable=None):
            try:
                results[pick] = pick.result()
            except BrokenProcessPool:
                continue  # the others that are finished are worth their hours
    finally:
        for pick in picks:
            pick.cancel()
    return [results[pick] for pick in picks if pick in results]


def _died(finished: int, wanted: int, out: Path | None) -> str:
    kept = f"; those are in {out / 'results.json'}" if out else ""
    return (
        f"a process died, perhaps for lack of memory, after {finished} of {wanted} picks{kept}; "
        "run it again with --workers 1"
    )


def _run(job: tuple[Trial, Parts, Path | None]) -> TrialResult:
    trial, parts, out = job
    robot, grounder, generator = _parts(*parts)
    return run_trial(trial, robot, grounder, generator, out)


@lru_cache(maxsize=1)
def _parts(
    method: str, checkpoint: Path | None, generator: str, options: tuple[str, ...]
) -> tuple[RobotConfig, Grounder, GraspGenerator]:
    """The robot, the grounder and the generator of this process, made once."""
    robot = load_robot(speed_scaling=SPEED_SCALING)
    external = from_words(ExternalSettings, options, "generator option")
    proposes = make_generator(generator, robot.gripper, external)
    return robot, load_grounder(method, checkpoint), proposes
