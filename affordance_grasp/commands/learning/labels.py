"""``detect-boxes``, ``pseudo-labels``, ``refine-labels``: words -> boxes -> masks -> better."""

import argparse
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from affordance_grasp.datasets.agd20k import Split, load_training_split
from affordance_grasp.datasets.detections import DETECTIONS_FILE, RecordedDetector
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.flags import add_split_flag
from affordance_grasp.learning.labels.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.labels.segments import (
    MASKER_NAMES,
    SEGMENTER_NAMES,
    find_masker,
    find_segmenter,
    load_sam_for,
)

if TYPE_CHECKING:  # the arguments are declared without torch
    from affordance_grasp.datasets.images import FrozenEncoder
    from affordance_grasp.learning.labels.box_detectors import BoxDetector
    from affordance_grasp.learning.labels.refine_config import Pair, RefineConfig
    from affordance_grasp.methods.plsp.refiner import Refiner

LONGEST_S = 3600.0
NETWORKS = ("embedded", "paper")
"""With a frozen DINOv2 and MiniLM, or with CLIP's encoders, the image one fine-tuned."""


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="root of a data set in AGD20K's layout")
    add_split_flag(parser)
    parser.add_argument(
        "--boxes", type=Path, help=f"detector boxes (default: <split>/trainset/{DETECTIONS_FILE})"
    )
    parser.add_argument("--masker", default="grabcut", choices=MASKER_NAMES, help="mask step")
    parser.add_argument("--sam", type=Path, help="checkpoint of Segment Anything, for sam")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def add_arguments_pseudo_labels(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    _add_common(parser)
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


def add_arguments_detect_boxes(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--timeout-s", type=float, default=60.0, help="for one image (60)")
    parser.add_argument("--device", default="cpu", help="torch device of the network")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def add_arguments_refine_labels(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    _add_common(parser)
    parser.add_argument(
        "--classes",
        nargs="+",
        required=True,
        metavar="VERB/NOUN",
        help="such as hold/mug, or: published (those of the paper's results)",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="of the run")
    parser.add_argument("--network", default="embedded", choices=NETWORKS)
    parser.add_argument("--crop-mask", default="squashed", choices=("squashed", "padded"))
    for name in ("epochs", "label-epoch", "seed"):
        parser.add_argument(f"--{name}", type=int, help="instead of the published recipe's")
    parser.add_argument(
        "--overwrite-masks", action="store_true", help="segment whole objects again"
    )
    parser.add_argument(
        "--segmenter", default="region_tree", choices=SEGMENTER_NAMES, help="to snap labels to"
    )
    parser.add_argument("--resume", action="store_true", help="resume a stopped run")
    parser.add_argument("--device", default="cpu", help="torch device, such as cuda")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")


def run_detect_boxes(arguments: argparse.Namespace) -> int:
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
        if not 0 < arguments.timeout_s <= LONGEST_S:
            raise InvalidInput(f"--timeout-s must be within 0..{LONGEST_S:g}")
        return ProgramDetector(
            arguments.program, arguments.timeout_s, persistent=arguments.persistent
        )
    from affordance_grasp.encoders.device import check_device

    return ZeroShotDetector(arguments.network, check_device(arguments.device))


def run_pseudo_labels(arguments: argparse.Namespace) -> int:
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
    split, detector = _data(arguments)
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


def run_refine_labels(arguments: argparse.Namespace) -> int:
    """Segment the objects, train, write the labels, report their number."""
    from affordance_grasp.encoders.device import check_device, limit_threads
    from affordance_grasp.encoders.text import load_text_encoder
    from affordance_grasp.learning.labels.object_crops import ObjectMasks
    from affordance_grasp.learning.labels.refine_config import classes_of
    from affordance_grasp.learning.labels.refinement import LabelRefiner, load_epoch, train_refiner
    from affordance_grasp.learning.labels.refiner_samples import RefinerSamples, images_of
    from affordance_grasp.learning.training.run_folder import RunFolder
    from affordance_grasp.methods.plsp.samples import PairTexts

    limit_threads(arguments.threads)
    config, device = _config(arguments), check_device(arguments.device)
    split, detector = _data(arguments)
    classes = classes_of(split, arguments.classes)
    sam = load_sam_for([arguments.masker, arguments.segmenter], arguments.sam, device)
    segmenter = find_segmenter(arguments.segmenter, sam)
    texts = PairTexts(load_text_encoder(config.text_encoder), split, detector.prompt)
    folder = RunFolder(arguments.out)
    folder.start(_description(arguments, config, split, classes), arguments.resume)
    masks = ObjectMasks(split, detector)
    ego, exo = images_of(split, classes)
    views = [*((p, "ego") for p in ego), *((p, "exo") for p in exo)]
    masks.write(
        tqdm(views, desc="whole objects", unit="image"),
        find_masker(arguments.masker, sam),
        arguments.overwrite_masks,
    )
    network, encoder = _network(config, device)
    fresh = config.network.train_backbone
    samples = RefinerSamples(classes, masks, encoder, texts, config, fresh=fresh, progress=tqdm)
    train_refiner(network, samples, config, folder, progress=tqdm)
    load_epoch(network, folder, config.label_epoch)
    refiner = LabelRefiner(network, masks, texts, segmenter, config.threshold)
    count = refiner.write(tqdm(samples.images, desc="refined labels", unit="image"))
    without_box = len(ego) - len(samples.images)
    if arguments.json:
        print(json.dumps({**asdict(count), "without_box": without_box}))
    else:
        print(
            f"{count.written} refined labels written below "
            f"{split.folder / 'trainset/PL_refined'}; of {count.initial} images nothing was "
            f"left and {without_box} have no box of the object: they keep their initial label"
        )
    return 0


def _data(arguments: argparse.Namespace) -> tuple[Split, RecordedDetector]:
    split = load_training_split(arguments.data, arguments.split)
    boxes = arguments.boxes or split.folder / "trainset" / DETECTIONS_FILE
    return split, RecordedDetector(boxes)


def _config(arguments: argparse.Namespace) -> "RefineConfig":
    from affordance_grasp.learning.labels.refine_config import RefineConfig

    recipe = RefineConfig.paper() if arguments.network == "paper" else RefineConfig()
    chosen = {name: getattr(arguments, name) for name in ("epochs", "label_epoch", "seed")}
    network = replace(recipe.network, crop_mask=arguments.crop_mask)
    return replace(recipe, network=network, **{k: v for k, v in chosen.items() if v is not None})


def _network(config: "RefineConfig", device: str) -> "tuple[Refiner, FrozenEncoder]":
    """The network, and the frozen encoder; a fine-tuned network has an encoder of its own."""
    import torch

    from affordance_grasp.datasets.images import FrozenEncoder
    from affordance_grasp.encoders.backbones import load_backbone
    from affordance_grasp.methods.plsp.refiner import Refiner

    name, side = config.network.backbone, config.network.image_side
    frozen = load_backbone(name, side).to(device)
    own = load_backbone(name, side) if config.network.train_backbone else frozen
    torch.manual_seed(config.seed)
    network = Refiner(config.network, own).to(device)
    normalise, encode = frozen.spec.normalise, frozen.tokens
    return network, FrozenEncoder("tokens", frozen.sha256, side, normalise, encode, device)


def _description(
    arguments: argparse.Namespace,
    config: "RefineConfig",
    split: Split,
    classes: "tuple[Pair, ...]",
) -> dict[str, object]:
    return {
        "config": config.to_dict(),
        "split": split.name,
        "data": str(split.folder.resolve()),
        "classes": ["/".join(pair) for pair in classes],
        "masker": arguments.masker,
    }
