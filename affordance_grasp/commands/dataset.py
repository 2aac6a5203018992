"""``dataset simulate DIR`` and ``dataset detect DIR``."""

import argparse
import json
import time
from pathlib import Path

from affordance_grasp.simulation.dataset import SPLITS, DatasetConfig
from affordance_grasp.simulation.dataset_writer import detect, simulate
from affordance_grasp.simulation.detector import SimulatedDetector

HELP = "write the simulated affordance data set in AGD20K's layout"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two things that can be done: simulate pictures, run the simulated detector anew."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("simulate", help="render the pictures and their ground truth")
    _add_simulate(make)
    again = actions.add_parser("detect", help="write detections.json anew with other fault rates")
    for action in (make, again):
        _add_detector(action)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    default = DatasetConfig()
    parser.add_argument("--ego-per-object", type=int, default=default.ego_per_object)
    parser.add_argument("--exo-per-pair", type=int, default=default.exo_per_pair)
    parser.add_argument("--test-per-object", type=int, default=default.test_per_object)
    parser.add_argument("--size", type=int, default=default.size, help="shorter side in pixels")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), metavar="SPLIT")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def _add_detector(parser: argparse.ArgumentParser) -> None:
    default = SimulatedDetector()
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--miss-rate", type=float, default=default.miss_rate)
    parser.add_argument("--whole-object-rate", type=float, default=default.whole_object_rate)
    parser.add_argument("--jitter", type=float, default=default.jitter)


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
