"""``dataset``: ``simulate``, ``detect``, ``import``, and those of own data and of clips."""

import argparse
import json
import time
from pathlib import Path

from affordance_grasp.batch.backends import BACKENDS, PROCESSES
from affordance_grasp.commands.data import clips, own_data
from affordance_grasp.configuration.flags import COUNT, add_flags, read_flags
from affordance_grasp.simulation.dataset.config import DatasetConfig
from affordance_grasp.simulation.dataset.detector import SimulatedDetector

IMPORTED = {"umd": "UMD", "iit-aff": "IIT-AFF"}
"""What can be imported, and the name of the split that it becomes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``simulate``, ``detect``, ``init`` and ``check DIR``, ``import KIND SOURCE DIR``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("simulate", help="render the images and their ground truth")
    again = actions.add_parser("detect", help="write detections.json anew with other fault rates")
    for action in (make, again):
        action.add_argument("folder", type=Path, metavar="DIR", help="root of the data set")
        add_flags(action, SimulatedDetector)
    add_flags(make, DatasetConfig, leave_out=("seed",))
    make.set_defaults(do=_simulate)
    again.set_defaults(do=_detect)
    make.add_argument("--workers", type=COUNT, default=2, help="processes that render (2)")
    make.add_argument("--backend", default=PROCESSES, help=BACKENDS)
    make.add_argument("--json", action="store_true", help="print the manifest as JSON")
    clips.add_actions(actions)
    own_data.add_actions(actions)
    _add_import(actions.add_parser("import", help="photographs with part masks as a test set"))


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do=_import)
    parser.add_argument("kind", choices=tuple(IMPORTED), help="whose layout SOURCE has")
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the data set as published")
    parser.add_argument("folder", type=Path, metavar="DIR", help="root of the new data set")
    parser.add_argument("--rank", type=int, default=1, help="umd: ranks up to this one count (1)")
    parser.add_argument("--per-object", type=COUNT, default=4, help="umd: images of an object (4)")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked for."""
    code: int = arguments.do(arguments)
    return code


def _detect(arguments: argparse.Namespace) -> int:
    from affordance_grasp.simulation.dataset.writer import detect

    detect(arguments.folder, read_flags(SimulatedDetector, arguments))
    return 0


def _simulate(arguments: argparse.Namespace) -> int:
    from affordance_grasp.simulation.dataset.writer import simulate

    detector = read_flags(SimulatedDetector, arguments)
    config = read_flags(DatasetConfig, arguments)
    start = time.monotonic()
    manifest = simulate(
        arguments.folder, config, detector, arguments.workers, backend=arguments.backend
    )
    if arguments.json:
        print(json.dumps(manifest, indent=1))
        return 0
    for where, count in manifest["files"].items():
        print(f"{where:32s} {count:6d}")
    print(f"written to {arguments.folder} in {time.monotonic() - start:.0f} s")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from affordance_grasp.datasets.part_masks import iit_aff, umd
    from affordance_grasp.datasets.part_masks.photograph import write_test_set

    if arguments.kind == "umd":
        photographs = umd.umd_photographs(arguments.source, arguments.rank, arguments.per_object)
        counterparts = umd.COUNTERPARTS
    else:
        photographs = iit_aff.iit_aff_photographs(arguments.source)
        counterparts = iit_aff.COUNTERPARTS
    split = IMPORTED[arguments.kind]
    done = write_test_set(arguments.folder, split, photographs, counterparts)
    for (affordance, name), count in sorted(done.written.items()):
        print(f"{affordance + '/' + name:32s} {count:6d}")
    for word, count in sorted(done.left_out.items()):
        print(f"left out, no affordance of AGD20K means it: {word} on {count}")
    print(f"written to {arguments.folder / split}")
    return 0
