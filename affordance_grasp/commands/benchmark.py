"""``affordance-grasp benchmark``: latency, throughput and memory beside a plain version."""

import argparse
import json
import sys
from functools import partial
from typing import TYPE_CHECKING

from affordance_grasp.benchmark import case_names
from affordance_grasp.encoders.device import limit_threads
from affordance_grasp.errors import InvalidInput

if TYPE_CHECKING:
    from affordance_grasp.benchmark.cases import Size
    from affordance_grasp.benchmark.rounds import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--case", nargs="+", choices=case_names(), metavar="CASE", help=", ".join(case_names())
    )
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds (7)")
    parser.add_argument("--batch", type=int, help="training batch (default: as released)")
    parser.add_argument("--side", type=int, default=224, help="input side in pixels (224)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Time every case; the exit code is 1 where results that must agree do not."""
    from affordance_grasp.benchmark.cases import Size
    from affordance_grasp.benchmark.table import as_table, as_values, machine

    if arguments.rounds < 1:
        raise InvalidInput("--rounds must be at least 1")
    limit_threads(arguments.threads)
    size = Size(arguments.side, arguments.batch)
    results = [_measure(name, size, arguments.rounds) for name in arguments.case or case_names()]
    if arguments.json:
        print(json.dumps({**machine(), "cases": [as_values(result) for result in results]}))
    else:
        print(", ".join(f"{name} {value}" for name, value in machine().items()) + "\n")
        print(as_table(results))
    apart = [
        f"{result.case.name}, {variant.name}"
        for result in results
        for variant in result.variants
        if not variant.agrees
    ]
    for name in apart:
        print(f"affordance-grasp benchmark: results differ: {name}", file=sys.stderr)
    return 1 if apart else 0


def _measure(name: str, size: "Size", rounds: int) -> "Result":
    from tqdm import tqdm

    from affordance_grasp.benchmark.cases import make_case
    from affordance_grasp.benchmark.rounds import measure

    progress = partial(tqdm, unit="round", disable=None, leave=False)
    return measure(make_case(name, size), rounds, progress)
