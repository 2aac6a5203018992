"""``affordance-grasp refine-labels``: refine pseudo labels with exocentric images."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from affordance_grasp.commands.learning.pseudo_labels import add_label_flags, labelled_data
from affordance_grasp.configuration.flags import COUNT
from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.learning.labels.segments import (
    SEGMENTER_NAMES,
    find_masker,
    find_segmenter,
    load_sam_for,
)

if TYPE_CHECKING:  # the arguments are declared without torch
    from affordance_grasp.datasets.images import FrozenEncoder
    from affordance_grasp.learning.labels.refine_config import Pair, RefineConfig
    from affordance_grasp.methods.plsp.refiner import Refiner

NETWORKS = ("embedded", "paper")
"""With a frozen DINOv2 and MiniLM, or with CLIP's encoders, the image one fine-tuned."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_label_flags(parser)
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
    parser.add_argument("--threads", type=COUNT, default=2, help="CPU threads")


def run(arguments: argparse.Namespace) -> int:
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
    split, detector = labelled_data(arguments)
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
