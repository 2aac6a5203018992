"""``affordance-grasp replay``: a query over every n-th frame of a rosbag2 recording."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import GENERATORS, make_generator
from affordance_grasp.configuration.read import from_words
from affordance_grasp.encoders.precision import PRECISIONS, choose_precision
from affordance_grasp.errors import UnknownName
from affordance_grasp.methods.table import METHODS, method_package
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.topics import TopicNames, find_topics
from affordance_grasp.replay.planner import PlannerSetup
from affordance_grasp.replay.report.page import write_page
from affordance_grasp.replay.report.results import FrameResult, read_results
from affordance_grasp.replay.report.summary import write_table
from affordance_grasp.replay.run import PAGE, SUMMARY, TABLE, ReplayConfig, ReplayOutcome, replay
from affordance_grasp.report.plan_report import make_folder, write_json
from affordance_grasp.selection import RULES
from affordance_grasp.vocabulary import AFFORDANCES, resolve_query


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bag", type=Path, help="folder of the bag, or its .mcap or .db3 file")
    parser.add_argument("--query", required=True, help="what to do: hold, grab, cut ...")
    parser.add_argument("--out", type=Path, help="folder for results, pictures and report.html")
    parser.add_argument("--restart", action="store_true", help="replace an earlier replay there")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th frame (1)")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="from second S on")
    parser.add_argument("--end", type=float, metavar="S", help="until second S of the recording")
    parser.add_argument(
        "--pictures-every", type=int, default=1, metavar="N", help="picture of every n-th; 0: none"
    )
    parser.add_argument("--strict", action="store_true", help="stop at the first broken message")
    parser.add_argument("--workers", type=int, default=2, help="planning processes (2)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    _add_planning(parser)
    _add_topics(parser)


def _add_planning(parser: argparse.ArgumentParser) -> None:
    planning = parser.add_argument_group("planning")
    planning.add_argument("--method", default="plsp", help=f"{', '.join(METHODS)} (plsp)")
    planning.add_argument("--checkpoint", type=Path, help="default: the one in the package")
    planning.add_argument("--device", default="cpu", help="torch device (cpu)")
    planning.add_argument(
        "--precision", default="auto", help=f"of the encoder: {', '.join(PRECISIONS)} (auto)"
    )
    planning.add_argument("--rule", default="bands", help=f"one of {', '.join(RULES)} (bands)")
    planning.add_argument(
        "--generator", default="antipodal", help=f"{', '.join(GENERATORS)} (antipodal)"
    )
    planning.add_argument(
        "--generator-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of an external generator, such as convention=gpd; may be repeated",
    )
    planning.add_argument("--seed", type=int, default=0, help="seed of the plane fit (0)")
    planning.add_argument("--top", type=int, default=10, help="grasps kept per frame (10)")
    planning.add_argument("--robot", type=Path, help="robot settings (config/aubo_i5.yaml)")
    planning.add_argument(
        "--no-reach", action="store_true", help="do not ask what the arm can reach"
    )


def _add_topics(parser: argparse.ArgumentParser) -> None:
    topics = parser.add_argument_group("topics, where they do not carry realsense2_camera's names")
    topics.add_argument("--color-topic", metavar="T")
    topics.add_argument("--depth-topic", metavar="T", help="aligned to colour")
    topics.add_argument("--info-topic", metavar="T", help="intrinsics of the colour camera")
    topics.add_argument("--joint-topic", metavar="T")
    topics.add_argument("--truth-topic", metavar="T", help="ground truth maps, mono8 or 32FC1")
    topics.add_argument(
        "--truth", type=Path, metavar="DIR", help="ground truth: STAMP_NS.png or INDEX.png"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay, write what was asked for, and report."""
    config = _config(arguments)
    if arguments.out is None:
        with TemporaryDirectory() as folder:
            summary = _replay(arguments, config, Path(folder))
    else:
        make_folder(arguments.out)
        summary = _replay(arguments, config, arguments.out)
    print(json.dumps(summary, indent=2) if arguments.json else _account(summary))
    return 0


def _config(arguments: argparse.Namespace) -> ReplayConfig:
    if arguments.rule not in RULES:
        raise UnknownName("selection rule", arguments.rule, tuple(RULES))
    method_package(arguments.method)
    options = tuple(arguments.generator_option)
    make_generator(
        arguments.generator, external=from_words(ExternalSettings, options, "generator option")
    )
    setup = PlannerSetup(
        query=arguments.query,
        method=arguments.method,
        checkpoint=arguments.checkpoint,
        device=arguments.device,
        precision=choose_precision(arguments.precision, arguments.device),
        generator=arguments.generator,
        generator_options=options,
        rule=arguments.rule,
        seed=arguments.seed,
        robot=arguments.robot,
        top=arguments.top,
        folder=arguments.out,
        pictures_every=arguments.pictures_every,
        truth=arguments.truth,
    )
    return ReplayConfig(
        setup,
        every=arguments.every,
        start_s=arguments.start,
        end_s=arguments.end,
        reach=not arguments.no_reach,
        strict=arguments.strict,
        workers=arguments.workers,
    )


def _replay(arguments: argparse.Namespace, config: ReplayConfig, folder: Path) -> dict[str, Any]:
    names = TopicNames(
        color=arguments.color_topic,
        depth=arguments.depth_topic,
        camera_info=arguments.info_topic,
        joint_states=arguments.joint_topic,
        truth=arguments.truth_topic,
    )
    with Bag(arguments.bag) as bag:
        topics = find_topics(bag.topics, names, resolve_query(arguments.query, AFFORDANCES))
        outcome = replay(bag, topics, config, folder, _progress, restart=arguments.restart)
    summary = _summary(arguments, config, vars(topics), outcome)
    if arguments.out is not None:
        write_json(folder / SUMMARY, summary)
        write_table(folder / TABLE, read_results(outcome.results))
        write_page(folder / PAGE, summary, outcome.results)
    return summary


def _progress(results: Iterable[FrameResult], total: int, done: int) -> Iterable[FrameResult]:
    return tqdm(results, total=total, initial=done, unit="frame", disable=None)


def _summary(
    arguments: argparse.Namespace,
    config: ReplayConfig,
    topics: dict[str, Any],
    outcome: ReplayOutcome,
) -> dict[str, Any]:
    now, wall_s = outcome.planned_now, outcome.wall_s
    return {
        "bag": str(arguments.bag),
        "query": arguments.query,
        "method": arguments.method if RULES[arguments.rule].needs_heat else "none",
        "precision": config.setup.precision,
        "rule": arguments.rule,
        "every": arguments.every,
        "topics": {role: name for role, name in topics.items() if name},
        **outcome.tally.summary(),
        "this_run": {
            "resumed_after": outcome.resumed_after,
            "frames": now,
            "loading_s": round(outcome.loading_s, 2),
            "wall_s": round(wall_s, 2),
            "frames_per_s": round(now / (wall_s - outcome.loading_s), 2) if now else None,
            "workers": arguments.workers,
        },
        "files": str(arguments.out) if arguments.out else None,
    }


def _account(summary: dict[str, Any]) -> str:
    frames, now, truth = summary["frames"], summary["this_run"], summary["ground_truth"]
    lines = [
        f"{summary['query']} over {summary['bag']}: {frames['total']} frames, "
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
    for name, count in summary["left_out"].items():
        lines += [f"left out: {count} {name.replace('_', ' ')}"] if count else []
    lines += [f"{count} x {message}" for message, count in summary["messages"].items()]
    if summary["files"]:
        lines.append(f"written to {summary['files']}")
    return "\n".join(lines)
