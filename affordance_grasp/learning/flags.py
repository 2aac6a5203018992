"""The flags that training, evaluation and ablation have in common."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from affordance_grasp.configuration.flags import COUNT
from affordance_grasp.configuration.settings import Settings, about
from affordance_grasp.datasets.agd20k import LAYOUTS
from affordance_grasp.learning.evaluation.metrics import PROTOCOLS


@dataclass(frozen=True)
class Computing(Settings, title="computing"):
    """What changes the speed of a training, and its sums in the last digits."""

    float16: Annotated[bool, about("autocast in float16 with scaled gradients")] = False
    tf32: Annotated[bool, about("float32 products in TF32, on GPUs that have it")] = False
    channels_last: Annotated[bool, about("convolutions on channels-last memory")] = False
    compile: Annotated[bool, about("compile the network with torch.compile")] = False


def add_learning_flags(parser: argparse.ArgumentParser, threads: int = 2) -> None:
    """Declare the data, and how features are computed and maps are scored."""
    add_encoding_flags(parser, threads)
    parser.add_argument("--protocol", default="reference", choices=tuple(PROTOCOLS))


def add_encoding_flags(parser: argparse.ArgumentParser, threads: int = 2) -> None:
    """Declare the data, and how features are computed."""
    parser.add_argument("--data", type=Path, required=True, help="root in AGD20K's layout")
    add_split_flag(parser)
    parser.add_argument("--cache", type=Path, help="feature cache (default: DATA/features)")
    parser.add_argument("--bf16-tokens", action="store_true", help="bfloat16 backbone, faster")
    parser.add_argument("--device", default="cpu", help="torch device, such as cuda")
    parser.add_argument("--threads", type=COUNT, default=threads, help=f"CPU threads ({threads})")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def add_split_flag(parser: argparse.ArgumentParser) -> None:
    """Declare which split of a data set is meant."""
    parser.add_argument(
        "--split",
        default="Seen",
        help=f"{', '.join(LAYOUTS)}, or one that the data set's affordances.yaml allows (Seen)",
    )
