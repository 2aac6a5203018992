"""``affordance-grasp replay``: a query over every n-th frame of a rosbag2 recording."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.errors import UnknownName, sentence
from affordance_grasp.extras import require
from affordance_grasp.replay.options import ReplayOptions, TopicNames
from affordance_grasp.rules import RULES

SAID_GAP_MS = 1.0

if TYPE_CHECKING:
    from affordance_grasp.replay.run import ReplayOutcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "bag", type=Path, help="folder of the bag, or one .mcap, .db3 or .bag file"
    )
    parser.add_argument("--restart", action="store_true", help="replace an earlier replay there")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    add_flags(parser, ReplayOptions, leave_out=("min_confidence",))
    topics = parser.add_argument_group("topics, where they do not carry realsense2_camera's names")
    add_flags(topics, TopicNames)


def run(arguments: argparse.Namespace) -> int:
    """Replay, write the requested files, and report."""
    from affordance_grasp.report.plan_report import folder_or_none

    options = _options(arguments)
    with folder_or_none(options.out) as folder:
        summary = _replay(arguments, options, folder)
    print(json.dumps(summary, indent=2) if arguments.json else _account(summary))
    return 0


def _options(arguments: argparse.Namespace) -> ReplayOptions:
    """The options, with one precision for all processes, once a generator can be made of them."""
    from affordance_grasp.candidates.generators import make_generator
    from affordance_grasp.encoders.device import choose_precision

    options = read_flags(ReplayOptions, arguments)
    if options.scenes_every:
        require("viser", "--scenes-every")
    make_generator(options.generator, external=options.generator_options)
    return replace(options, precision=choose_precision(options.precision, options.device))


def _affordance(options: ReplayOptions) -> str:
    """What the query means, or to a checkpoint with own verbs what they mean."""
    from affordance_grasp.query.resolve import resolve_query
    from affordance_grasp.query.vocabulary import known_affordances

    try:
        return resolve_query(options.query, known_affordances())
    except UnknownName:
        if options.checkpoint is None:
            raise
    from affordance_grasp.methods.checkpoint import load_checkpoint

    info = load_checkpoint(options.checkpoint).info
    return resolve_query(options.query, info.affordances, info.phrases)


def _replay(arguments: argparse.Namespace, options: ReplayOptions, folder: Path) -> dict[str, Any]:
    from affordance_grasp.files import write_json
    from affordance_grasp.methods.table import EXTERNAL
    from affordance_grasp.replay.bags.bag import Bag
    from affordance_grasp.replay.bags.topics import find_topics
    from affordance_grasp.replay.report.page import write_page
    from affordance_grasp.replay.report.results import read_results
    from affordance_grasp.replay.report.summary import write_table
    from affordance_grasp.replay.run import PAGE, SUMMARY, TABLE, replay

    with Bag(arguments.bag) as bag:
        any_words = options.method == EXTERNAL and RULES[options.rule].needs_heat
        affordance = options.query if any_words else _affordance(options)
        topics = find_topics(bag.topics, read_flags(TopicNames, arguments), affordance)
        outcome = replay(bag, topics, options, folder, restart=arguments.restart)
    summary = _summary(arguments.bag, options, vars(topics), outcome)
    if options.out is not None:
        write_json(folder / SUMMARY, summary)
        write_table(folder / TABLE, read_results(outcome.results))
        write_page(folder / PAGE, summary, outcome.results)
    return summary


def _summary(
    bag: Path,
    options: ReplayOptions,
    topics: dict[str, Any],
    outcome: "ReplayOutcome",
) -> dict[str, Any]:
    now, wall_s = outcome.planned_now, outcome.wall_s
    return {
        "bag": str(bag),
        "query": options.query,
        "method": options.method if RULES[options.rule].needs_heat else "none",
        "precision": options.precision,
        "rule": options.rule,
        "every": options.every,
        "topics": {role: name for role, name in topics.items() if name},
        **outcome.tally.summary(),
        "this_run": {
            "resumed_after": outcome.resumed_after,
            "frames": now,
            "loading_s": round(outcome.loading_s, 2),
            "wall_s": round(wall_s, 2),
            "frames_per_s": round(now / (wall_s - outcome.loading_s), 2) if now else None,
            "workers": options.workers,
        },
        "files": str(options.out) if options.out else None,
    }


def _account(summary: dict[str, Any]) -> str:
    frames, now, truth = summary["frames"], summary["this_run"], summary["ground_truth"]
    lines = [
        f"{sentence(summary['query'])} over {sentence(summary['bag'])}: {frames['total']} frames, "
        f"{frames['planned']} planned, {frames['nothing']} without table or object, "
        f"{frames['broken']} broken",
        f"this run: {now['frames']} frames in {now['wall_s']:.1f} s"
        + (
            f", {now['frames_per_s']:.1f} frames/s after {now['loading_s']:.1f} s of loading"
            if now["frames_per_s"]
            else ""
        )
        + (f", after {now['resumed_after']} done before" if now["resumed_after"] else ""),
    ]
    for name, times in summary["latency_ms"].items():
        lines.append(f"  {name:<9}{times['median']:7.0f} ms median {times['p90']:7.0f} ms p90")
    if summary["grasp_found_rate"] is not None:
        lines.append(f"a grasp was found in {summary['grasp_found_rate']:.0%} of those planned")
    if truth["maps"]:
        figures = "  ".join(f"{name.upper()} {truth[name]:.3f}" for name in ("kld", "sim", "nss"))
        lines.append(f"ground truth on {truth['maps']} frames: {figures}")
    if truth["grasps"]:
        lines.append(f"the first grasp is on the part in {truth['on_part_rate']:.0%}")
    lines += filter(None, [summary["reach_not_checked"]])
    lines += [f"not ranked: {count} {reason}" for reason, count in summary["rejected"].items()]
    for name, count in summary["left_out"].items():
        lines += [f"left out: {count} {name.replace('_', ' ')}"] if count else []
    if (gap_ms := summary["worst_depth_gap_ms"]) >= SAID_GAP_MS:
        lines.append(f"depth is up to {gap_ms:.1f} ms from its colour image")
    lines += [f"{count} x {message}" for message, count in summary["messages"].items()]
    if summary["files"]:
        lines.append(f"written to {summary['files']}")
    return "\n".join(lines)
