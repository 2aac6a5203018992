"""``dataset simulate DIR`` and ``dataset detect DIR``."""

import argparse
import json
import time
from pathlib import Path

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.simulation.dataset.config import DatasetConfig
from affordance_grasp.simulation.dataset.detector import SimulatedDetector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``simulate DIR`` and ``detect DIR``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("simulate", help="render the images and their ground truth")
    again = actions.add_parser("detect", help="write detections.json anew with other fault rates")
    for action in (make, again):
        action.add_argument("folder", type=Path, metavar="DIR", help="root of the data set")
        add_flags(action, SimulatedDetector)
    add_flags(make, DatasetConfig, leave_out=("seed",))
    make.add_argument("--workers", type=int, default=2, help="processes that render (2)")
    make.add_argument("--json", action="store_true", help="print the manifest as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the data set, or its detections only."""
    from affordance_grasp.simulation.dataset.writer import detect, simulate

    detector = read_flags(SimulatedDetector, arguments)
    if arguments.action == "detect":
        detect(arguments.folder, detector)
        return 0
    config = read_flags(DatasetConfig, arguments)
    start = time.monotonic()
    manifest = simulate(arguments.folder, config, detector, arguments.workers)
    if arguments.json:
        print(json.dumps(manifest, indent=1))
        return 0
    for where, count in manifest["files"].items():
        print(f"{where:32s} {count:6d}")
    print(f"written to {arguments.folder} in {time.monotonic() - start:.0f} s")
    return 0
