"""``dataset simulate DIR`` and ``dataset detect DIR``."""

import argparse
import json
import time
from pathlib import Path

from affordance_grasp.simulation.dataset.detector import SimulatedDetector
from affordance_grasp.simulation.dataset.jobs import SPLITS, DatasetConfig
from affordance_grasp.simulation.dataset.writer import detect, simulate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two things that can be done: simulate images, run the simulated detector anew."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("simulate", help="render the images and their ground truth")
    _add_simulate(make)
    again = actions.add_parser("detect", help="write detections.json anew with other fault rates")
    for action in (make, again):
        _add_detector(action)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    default = DatasetConfig()
    for option, value, words in (
        ("--ego-per-object", default.ego_per_object, "train images of every object"),
        ("--exo-per-pair", default.exo_per_pair, "of people, for every verb of an object"),
        ("--test-per-object", default.test_per_object, "test images of every object"),
        ("--size", default.size, "shorter side in pixels"),
        ("--workers", 2, "processes that render"),
    ):
        parser.add_argument(option, type=int, default=value, help=f"{words} ({value})")
    parser.add_argument(
        "--splits", nargs="+", default=list(SPLITS), metavar="SPLIT", help=" ".join(SPLITS)
    )
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def _add_detector(parser: argparse.ArgumentParser) -> None:
    default = SimulatedDetector()
    parser.add_argument("folder", type=Path, metavar="DIR", help="root of the data set")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    for option, value, words in (
        ("--miss-rate", default.miss_rate, "share of parts that the detector misses"),
        ("--whole-object-rate", default.whole_object_rate, "share taken for the whole object"),
        ("--jitter", default.jitter, "deviation of a box's edges, in shares of its sides"),
    ):
        parser.add_argument(option, type=float, default=value, help=f"{words} ({value:g})")


def run(arguments: argparse.Namespace) -> int:
    """Write the data set, or its detections only."""
    detector = SimulatedDetector(
        arguments.miss_rate, arguments.whole_object_rate, arguments.jitter, arguments.seed
    )
    if arguments.action == "detect":
        detect(arguments.folder, detector)
        return 0
    config = DatasetConfig(
        arguments.seed,
        arguments.ego_per_object,
        arguments.exo_per_pair,
        arguments.test_per_object,
        arguments.size,
        tuple(arguments.splits),
    )
    start = time.monotonic()
    manifest = simulate(arguments.folder, config, detector, arguments.workers)
    if arguments.json:
        print(json.dumps(manifest, indent=1))
        return 0
    for where, count in manifest["files"].items():
        print(f"{where:32s} {count:6d}")
    print(f"written to {arguments.folder} in {time.monotonic() - start:.0f} s")
    return 0
