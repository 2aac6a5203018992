"""``affordance-grasp pseudo-labels``: part boxes -> pseudo label masks for PLSP."""

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tqdm import tqdm

from affordance_grasp.datasets.agd20k import Split, load_training_split
from affordance_grasp.datasets.detections import DETECTIONS_FILE, RecordedDetector
from affordance_grasp.learning.flags import add_split_flag
from affordance_grasp.learning.labels.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.labels.segments import MASKER_NAMES, find_masker, load_sam_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_label_flags(parser)
    parser.add_argument("--sam-device", default="cpu", help="torch device of Segment Anything")
    parser.add_argument("--overwrite", action="store_true", help="make existing labels again")
    parser.add_argument(
        "--sheets", type=Path, metavar="FOLDER", help="pages of all labels, to mark what is wrong"
    )
    parser.add_argument(
        "--reject",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="remove, for good, what was marked on those pages; nothing else is done",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the labels and report their number."""
    from affordance_grasp.learning.labels.contact_sheet import (
        reject_labels,
        rejected_names,
        write_sheets,
    )

    if arguments.reject:
        split = load_training_split(arguments.data, arguments.split)
        print(f"{reject_labels(split, arguments.reject)} further labels are rejected")
        return 0
    split, detector = labelled_data(arguments)
    sam = load_sam_for([arguments.masker], arguments.sam, arguments.sam_device)
    masker = find_masker(arguments.masker, sam)
    progress = partial(tqdm, desc="pseudo labels", unit="image")
    rejected = rejected_names(split)
    count = write_pseudo_labels(
        split, detector, masker, arguments.overwrite, rejected=rejected, progress=progress
    )
    if arguments.sheets:
        write_sheets(split, arguments.sheets, partial(tqdm, desc="pages", unit="page"))
    if arguments.json:
        print(json.dumps(asdict(count)))
    else:
        print(
            f"{count.written} pseudo labels written below {split.folder / 'trainset/PL'}, "
            f"{count.kept} were there, {count.without_box} images have no box, "
            f"{count.rejected} labels were rejected"
        )
    return 0


def add_label_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the data, its boxes and the mask step."""
    parser.add_argument("data", type=Path, help="root of a data set in AGD20K's layout")
    add_split_flag(parser)
    parser.add_argument(
        "--boxes", type=Path, help=f"detector boxes (default: <split>/trainset/{DETECTIONS_FILE})"
    )
    parser.add_argument("--masker", default="grabcut", choices=MASKER_NAMES, help="mask step")
    parser.add_argument("--sam", type=Path, help="checkpoint of Segment Anything, for sam")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def labelled_data(arguments: argparse.Namespace) -> tuple[Split, RecordedDetector]:
    """The split, and the boxes of its images."""
    split = load_training_split(arguments.data, arguments.split)
    boxes = arguments.boxes or split.folder / "trainset" / DETECTIONS_FILE
    return split, RecordedDetector(boxes)
