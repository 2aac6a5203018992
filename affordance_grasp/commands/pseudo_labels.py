"""``affordance-grasp pseudo-labels``: part boxes -> pseudo label masks."""

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tqdm import tqdm

from affordance_grasp.datasets.agd20k import LAYOUTS, load_split
from affordance_grasp.datasets.detections import DETECTIONS_FILE, RecordedDetector
from affordance_grasp.learning.labels.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.labels.segments import MASKER_NAMES, find_masker, load_sam_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("data", type=Path, help="root of a data set in AGD20K's layout")
    parser.add_argument("--split", default="Seen", choices=tuple(LAYOUTS))
    parser.add_argument(
        "--boxes", type=Path, help=f"detector boxes (default: <split>/trainset/{DETECTIONS_FILE})"
    )
    parser.add_argument("--masker", default="grabcut", choices=MASKER_NAMES)
    parser.add_argument("--sam", type=Path, help="checkpoint of Segment Anything, for sam")
    parser.add_argument("--sam-device", default="cpu", help="torch device of Segment Anything")
    parser.add_argument("--overwrite", action="store_true", help="make existing labels again")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the labels and report their number."""
    split = load_split(arguments.data, arguments.split)
    boxes = arguments.boxes or split.folder / "trainset" / DETECTIONS_FILE
    sam = load_sam_for([arguments.masker], arguments.sam, arguments.sam_device)
    masker = find_masker(arguments.masker, sam)
    progress = partial(tqdm, desc="pseudo labels", unit="image")
    count = write_pseudo_labels(
        split, RecordedDetector(boxes), masker, arguments.overwrite, progress
    )
    if arguments.json:
        print(json.dumps(asdict(count)))
    else:
        print(
            f"{count.written} pseudo labels written below {split.folder / 'trainset/PL'}, "
            f"{count.kept} were there, {count.without_box} images have no box"
        )
    return 0
