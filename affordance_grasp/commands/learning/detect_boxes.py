"""``affordance-grasp detect-boxes``: parts and objects in words -> boxes of a detector."""

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta
from tqdm import tqdm

from affordance_grasp.configuration.flags import number
from affordance_grasp.datasets.agd20k import load_training_split
from affordance_grasp.datasets.detections import DETECTIONS_FILE
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.flags import add_split_flag

if TYPE_CHECKING:  # the arguments are declared without torch
    from affordance_grasp.learning.labels.box_detectors import BoxDetector

TIMEOUT_S = Annotated[float, Meta(gt=0, le=3600)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("data", type=Path, help="root of a data set in AGD20K's layout")
    add_split_flag(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--program", metavar="COMMAND", help="a part detector of others")
    which.add_argument("--network", metavar="NAME", help="Grounding DINO or OWLv2: folder or hub")
    which.add_argument(
        "--released", type=Path, nargs=2, metavar="FILE", help="PLSP's det_wholeobj_{ego,exo}.pth"
    )
    parser.add_argument(
        "--prompts",
        type=Path,
        help="YAML (default: of affordances.yaml, then config/part_prompts.yaml)",
    )
    parser.add_argument("--out", type=Path, help=f"(default: SPLIT/trainset/{DETECTIONS_FILE})")
    parser.add_argument("--overwrite", action="store_true", help="replace existing boxes")
    parser.add_argument(
        "--persistent",
        action="store_true",
        help="the program stays up and reads folders from its input",
    )
    parser.add_argument(
        "--timeout-s", type=number(TIMEOUT_S), default=60.0, help="for one image (60)"
    )
    parser.add_argument("--device", default="cpu", help="torch device of the network")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Ask the detector about every train image; write its boxes and report."""
    from affordance_grasp.learning.labels.detection_run import read_prompts, write_detections

    split = load_training_split(arguments.data, arguments.split)
    path = arguments.out or split.folder / "trainset" / DETECTIONS_FILE
    if arguments.released:
        from affordance_grasp.methods.plsp.released_files import merge_object_boxes

        count = merge_object_boxes(arguments.released, path)
        print(json.dumps({"images": count}) if arguments.json else f"{count} images in {path}")
        return 0
    if path.exists() and not arguments.overwrite:
        raise InvalidInput(f"{path} exists; pass --overwrite to replace it, or --out")
    found = write_detections(
        split,
        _box_detector(arguments),
        read_prompts(arguments.prompts, split),
        path,
        partial(tqdm, desc="boxes", unit="image"),
    )
    if arguments.json:
        print(json.dumps(asdict(found)))
    else:
        print(
            f"{found.images} images looked at, {found.without_part} of {len(split.train_ego)} "
            f"egocentric ones without a box of their part; written to {path}"
        )
    return 0


def _box_detector(arguments: argparse.Namespace) -> "BoxDetector":
    from affordance_grasp.learning.labels.box_detectors import ProgramDetector, ZeroShotDetector

    if arguments.program is not None:
        return ProgramDetector(
            arguments.program, arguments.timeout_s, persistent=arguments.persistent
        )
    from affordance_grasp.encoders.device import check_device

    return ZeroShotDetector(arguments.network, check_device(arguments.device))
