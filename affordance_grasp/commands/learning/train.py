"""``affordance-grasp train``: train a grounding method on a data set in AGD20K's layout."""

import argparse
import json
import sys
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from affordance_grasp.configuration.flags import WHOLE, add_flags, number, read_flags
from affordance_grasp.configuration.settings import NotNegative
from affordance_grasp.datasets.agd20k import Split, load_training_split, without_corrupt
from affordance_grasp.datasets.detections import DETECTIONS_FILE, RecordedDetector
from affordance_grasp.encoders.device import check_device, limit_threads
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.flags import Computing, add_learning_flags
from affordance_grasp.methods.table import DEFAULT_METHOD, METHODS
from affordance_grasp.share import share_path

if TYPE_CHECKING:
    from affordance_grasp.encoders.text import TextEncoder
    from affordance_grasp.learning.training.computing import Machine
    from affordance_grasp.learning.training.loop import Outcome
    from affordance_grasp.learning.training.run_folder import RunFolder
    from affordance_grasp.learning.training.train_config import TrainConfig
    from affordance_grasp.learning.training.training_run import Resources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_learning_flags(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="of the run")
    parser.add_argument(
        "--method", choices=tuple(METHODS), help=f"(default: --config's, or {DEFAULT_METHOD})"
    )
    parser.add_argument("--config", type=Path, help="YAML (default: config/train_METHOD_...)")
    parser.add_argument(
        "--boxes", type=Path, help="boxes of parts and objects (default: in the data)"
    )
    parser.add_argument("--epochs", type=int, help="instead of the configuration's")
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument(
        "--minutes",
        type=number(NotNegative),
        help="end after the epoch in which this time is over",
    )
    parser.add_argument("--init", type=Path, metavar="FILE", help="checkpoint to fine-tune")
    parser.add_argument(
        "--cluster",
        type=Path,
        metavar="FILE",
        help="weights of the clusters of parts, released or of train-clusters",
    )
    parser.add_argument(
        "--workers",
        type=WHOLE,
        metavar="N",
        help="processes that read images (2; 0 where cached)",
    )
    add_flags(parser, Computing)
    parser.add_argument(
        "--tensorboard", action="store_true", help="write the curves for TensorBoard too"
    )
    parser.add_argument("--resume", action="store_true", help="resume a stopped run")
    parser.add_argument("--skip-corrupt", action="store_true", help="leave out unreadable images")


def run(arguments: argparse.Namespace) -> int:
    """Train and report."""
    from tqdm import tqdm

    from affordance_grasp.learning.training.computing import Machine, joined_group
    from affordance_grasp.learning.training.events import ScalarEvents
    from affordance_grasp.learning.training.run_folder import RunFolder
    from affordance_grasp.learning.training.training_run import train_method

    limit_threads(arguments.threads)
    config = _config(arguments)
    split = _split(arguments)
    folder = RunFolder(arguments.out)
    with ExitStack() as stack:
        events = None
        if arguments.tensorboard:
            events = stack.enter_context(closing(ScalarEvents(folder.events)))
        group, device = stack.enter_context(joined_group(check_device(arguments.device)))
        machine = Machine(
            device, _workers(arguments, config), read_flags(Computing, arguments), group
        )
        outcome = train_method(
            _resources(arguments, config, split, machine),
            config,
            folder,
            resume=arguments.resume,
            minutes=arguments.minutes,
            progress=tqdm,
            watch=None if events is None else events.add,
        )
    if group.first:
        print(json.dumps(asdict(outcome)) if arguments.json else _account(outcome, folder))
    return 0


def _workers(arguments: argparse.Namespace, config: "TrainConfig") -> int:
    """Cached features are read fast; images that are augmented anew keep a training waiting."""
    default = 0 if config.cached else 2
    return default if arguments.workers is None else int(arguments.workers)


def _resources(
    arguments: argparse.Namespace, config: "TrainConfig", split: Split, machine: "Machine"
) -> "Resources":
    from affordance_grasp.learning.training.start import Start
    from affordance_grasp.learning.training.training_run import Resources
    from affordance_grasp.methods.method import find_method
    from affordance_grasp.methods.recipe import find_recipe

    network, recipe = config.network_config, find_recipe(config.method)
    detector = None
    if recipe.needs_boxes:
        boxes = arguments.boxes or split.folder / "trainset" / DETECTIONS_FILE
        detector = RecordedDetector(boxes)
    return Resources(
        split=split,
        backbone=find_method(config.method).backbone(network, True),
        cache=arguments.cache or arguments.data / "features",
        detector=detector,
        text=_text(arguments, config, split, detector),
        bfloat16=arguments.bf16_tokens,
        protocol=arguments.protocol,
        machine=machine,
        start=Start(arguments.init, {"cluster": arguments.cluster} if arguments.cluster else {}),
        command=_command(arguments, config.method),
    )


def _text(
    arguments: argparse.Namespace,
    config: "TrainConfig",
    split: Split,
    detector: RecordedDetector | None,
) -> "TextEncoder | None":
    """The encoder of sentences; ``released``: PLSP's features of them, beside the data."""
    from affordance_grasp.encoders.text import load_text_encoder
    from affordance_grasp.methods.plsp.released_files import ReleasedSentences

    if not config.recipe.reads_sentences(config.network_config):
        return None
    if config.text_encoder != "released":
        return load_text_encoder(config.text_encoder)
    if detector is None:
        raise InvalidInput("text_encoder: released is for method plsp, which reads boxes")
    return ReleasedSentences(arguments.data, split, detector)


def _config(arguments: argparse.Namespace) -> "TrainConfig":
    from affordance_grasp.learning.training.train_config import TrainConfig, load_config

    method = arguments.method or TrainConfig.method
    path = arguments.config or share_path(f"config/train_{method}_simulated.yaml")
    chosen = {"epochs": arguments.epochs, "seed": arguments.seed}
    config = load_config(path, arguments.method)
    return replace(config, **{k: v for k, v in chosen.items() if v is not None})


def _split(arguments: argparse.Namespace) -> Split:
    split = load_training_split(arguments.data, arguments.split)
    if arguments.skip_corrupt:
        split, sentences = without_corrupt(split)
        for sentence in sentences:
            print(f"left out: {sentence}", file=sys.stderr)
    return split


def _command(arguments: argparse.Namespace, method: str) -> str:
    words = [
        "affordance-grasp train",
        f"--method {method}",
        f"--split {arguments.split}",
    ]
    for name in ("config", "epochs", "seed", "init", "cluster"):
        if getattr(arguments, name) is not None:
            words.append(f"--{name} {getattr(arguments, name)}")
    if arguments.bf16_tokens:
        words.append("--bf16-tokens")
    return " ".join(words)


def _account(outcome: "Outcome", folder: "RunFolder") -> str:
    last = outcome.last
    ending = "all epochs done" if outcome.complete else "stopped at the time limit"
    if outcome.best_epoch is None:
        return (
            f"{outcome.epochs} epochs, {ending}\n"
            f"last epoch: no score, for there is no test set  {folder.last}\n"
            f"heatmaps on train images, to look at: {folder.sheet}"
        )
    return (
        f"{outcome.epochs} epochs, {ending}\n"
        f"last epoch: KLD {last['test_kld']:.3f} SIM {last['test_sim']:.3f} "
        f"NSS {last['test_nss']:.3f}  {folder.last}\n"
        f"best on the test split: epoch {outcome.best_epoch}, KLD {outcome.best_kld:.3f}  "
        f"{folder.best}"
    )
