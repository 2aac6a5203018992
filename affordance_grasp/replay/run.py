"""A whole replay: read, plan, append, and resume where an earlier run was stopped."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from tqdm import tqdm

from affordance_grasp.batch.journal import RUN, Journal, begin_run, check_run
from affordance_grasp.batch.spread import spread
from affordance_grasp.batch.worker import threads_each
from affordance_grasp.configuration.settings import record
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.topics import Topics
from affordance_grasp.replay.options import ReplayOptions
from affordance_grasp.replay.planner import FramePlanner, Job, plan_frame
from affordance_grasp.replay.report.results import (
    BROKEN,
    PICTURES,
    PLANNED,
    SCENES,
    FrameResult,
    Lost,
)
from affordance_grasp.replay.report.summary import Tally, tally
from affordance_grasp.replay.source import FrameSource
from affordance_grasp.streams.pairing import SLOP_NS

RESULTS = "frames.jsonl"
SUMMARY, TABLE, PAGE = "summary.json", "frames.csv", "report.html"
"""The files written from the results at the end."""
HOPELESS = 10
NO_RESULT = (
    "out",
    "pictures_every",
    "scenes_every",
    "strict",
    "workers",
    "backend",
    "min_confidence",
)
"""Options without influence on results."""

Frames = Journal[FrameResult]


@dataclass(frozen=True)
class ReplayOutcome:
    """The figures of a replay, the results' file, and this run's speed.

    Of ``wall_s`` the first ``loading_s`` went by before the first frame was planned.
    """

    tally: Tally
    results: Path
    resumed_after: int
    planned_now: int
    loading_s: float
    wall_s: float


def replay(
    bag: Bag,
    topics: Topics,
    options: ReplayOptions,
    folder: Path,
    *,
    restart: bool = False,
) -> ReplayOutcome:
    """Plan the frames of a bag and append the results to ``folder``.

    ``restart``: remove the earlier replay, once everything that this one needs is loaded.

    Raises:
        InvalidInput: the folder holds another replay, no frame can be used, or with ``strict``
            something is broken.
    """
    path, identity = folder / RESULTS, _identity(bag, topics, options)
    mend = ", or --restart to replace it"
    if not restart:
        check_run(path, identity, "a replay", mend)
    robot = load_robot(options.robot_file) if options.reach else None
    source = FrameSource(bag, topics, robot)
    begun = perf_counter()
    at_once = options.workers == 1 or threads_each(options.workers) > 1
    load = partial(FramePlanner, options, at_once)
    with spread(plan_frame, load, options.workers, options.backend) as plan:
        loading_s = perf_counter() - begun
        if restart:
            _forget(folder)
        begin_run(path, identity, "a replay", mend)
        with Journal(path, FrameResult) as results:
            done = results.count
            lost = _continue(source, plan, options, results)
            wall_s = perf_counter() - begun
            whole = _whole(bag, topics, results, lost)
    return ReplayOutcome(whole, results.path, done, results.count - done, loading_s, wall_s)


def _continue(
    source: FrameSource,
    plan: Callable[[Iterable[Job]], Iterator[FrameResult]],
    options: ReplayOptions,
    results: Frames,
) -> Lost:
    """Append the results of the remaining frames; returns what was left out after the last."""
    done, kinds, faults = results.count, Counter[str](), 0
    planned = plan(_jobs(source, options, results))
    expected = _expected(source.bag, source.topics, options)
    bar = {"total": expected, "initial": done, "unit": "frame", "disable": None}
    for result in tqdm(results.keep(planned), **bar):
        kinds[result.kind] += 1
        faults += result.fault
        unusable = kinds[BROKEN] == results.count == HOPELESS
        unserved = not done and kinds[PLANNED] == 0 and faults == HOPELESS
        _give_up(result, options.strict, unusable or unserved, results)
    lost = _lost(source)
    if options.strict and lost.get("first"):
        raise InvalidInput(f"after frame {results.count}: {lost['first']}")
    return lost


def _whole(bag: Bag, topics: Topics, results: Frames, lost: Lost) -> Tally:
    """All results added up; refuses where no frame was usable."""
    if results.count == 0:
        raise InvalidInput(_nothing(bag, topics, lost))
    whole = tally(results.results())
    whole.lose(lost)
    if whole.kinds[BROKEN] == results.count or (whole.fault and not whole.kinds[PLANNED]):
        results.clear()
        why = whole.fault or next(iter(whole.messages))
        raise InvalidInput(f"no frame of bag {bag.path} can be used: {why}")
    return whole


def _jobs(source: FrameSource, options: ReplayOptions, results: Frames) -> Iterator[Job]:
    bag = source.bag
    start = bag.start_ns + int(options.start_s * 1e9)
    stop = None if options.end_s is None else bag.start_ns + int(options.end_s * 1e9)
    every, pictures = options.every, options.pictures_every
    for frame in source.frames(start, stop, results.last):
        if frame.index % every:
            continue
        drawn = pictures > 0 and frame.index // every % pictures == 0
        lost = _lost(source)
        source.losses.clear()
        yield frame, drawn, lost


def _lost(source: FrameSource) -> Lost:
    """What was left out, as plain data."""
    lost = source.losses
    return Lost(unpaired=lost.unpaired, broken=lost.broken, first=lost.first)


def _give_up(result: FrameResult, strict: bool, hopeless: bool, results: Frames) -> None:
    """End early; a replay without usable frames is not kept for resuming."""
    broken = str(result.lost.get("first", "")) or (result.kind == BROKEN and result.message)
    if strict and broken:
        raise InvalidInput(f"frame {result.index}: {broken}")
    if hopeless:
        first = results.count
        results.clear()
        raise InvalidInput(f"the first {first} frames cannot be used: {result.message}")


def _nothing(bag: Bag, topics: Topics, lost: Lost) -> str:
    if lost.get("broken"):
        return f"no frame of bag {bag.path} can be used: {lost['first']}"
    if lost.get("unpaired"):
        return (
            f"none of the {lost['unpaired']} colour images of bag {bag.path} has a depth image on "
            f"{topics.depth} within {SLOP_NS * 1e-6:g} ms"
        )
    return f"bag {bag.path} has no colour image on {topics.color} in that time"


def _expected(bag: Bag, topics: Topics, options: ReplayOptions) -> int:
    """About how many frames there are to plan."""
    count = next(topic.count for topic in bag.topics if topic.name == topics.color)
    length_s = max((bag.end_ns - bag.start_ns) * 1e-9, 1e-9)
    end_s = length_s if options.end_s is None else min(options.end_s, length_s)
    share = max(0.0, (end_s - options.start_s) / length_s)
    return -(-round(count * share) // options.every)


def _identity(bag: Bag, topics: Topics, options: ReplayOptions) -> dict[str, Any]:
    """All that results depend on: a run is resumed only where this is the same."""
    return {
        "bag": str(bag.path.resolve()),
        "bag_begins_ns": bag.start_ns,
        "bag_ends_ns": bag.end_ns,
        **{name: value for name, value in record(options).items() if name not in NO_RESULT},
        "checkpoint_sha256": options.checkpoint_sha256(),
        "topics": vars(topics),
    }


def _forget(folder: Path) -> None:
    """Remove an earlier replay and its reports; other files stay."""
    if not any((folder / name).exists() for name in (RESULTS, RUN)):
        return
    made = [folder / name for name in (SUMMARY, TABLE, PAGE, RESULTS, RUN)]
    drawn = (*(folder / PICTURES).glob("[0-9]*.jpg"), *(folder / SCENES).glob("[0-9]*.html"))
    for path in (*drawn, *made):
        path.unlink(missing_ok=True)
