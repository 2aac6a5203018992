"""The flags that training, evaluation and ablation have in common."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from affordance_grasp.datasets.agd20k import TRAINING_SPLITS
from affordance_grasp.learning.evaluation.metrics import PROTOCOLS


def add_learning_flags(
    parser: argparse.ArgumentParser, threads: int = 2, splits: Iterable[str] = TRAINING_SPLITS
) -> None:
    """Declare the data, and how features are computed and maps are scored."""
    parser.add_argument("--data", type=Path, required=True, help="root in AGD20K's layout")
    parser.add_argument("--split", default="Seen", choices=tuple(splits), help="(Seen)")
    parser.add_argument("--cache", type=Path, help="feature cache (default: DATA/features)")
    parser.add_argument("--bf16-tokens", action="store_true", help="bfloat16 backbone, faster")
    parser.add_argument("--protocol", default="reference", choices=tuple(PROTOCOLS))
    parser.add_argument("--device", default="cpu", help="torch device, such as cuda")
    parser.add_argument("--threads", type=int, default=threads, help=f"CPU threads ({threads})")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
