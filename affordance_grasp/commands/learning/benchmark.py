"""``affordance-grasp benchmark``: latency, throughput and memory beside a plain version.

What is measured lies in the folder ``benchmark`` of the source checkout.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from affordance_grasp.encoders.device import check_device, limit_threads
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.table import METHODS

FOLDER = Path(__file__).resolve().parents[3] / "benchmark"
PACKAGE = "benchmark"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--case",
        nargs="+",
        metavar="CASE",
        help="METHOD-inference, -queries, -training, -frame, for some -loading; chain-size, "
        "-candidates, -instances",
    )
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds at most (7)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="that a case takes at most, from two rounds on (60)",
    )
    parser.add_argument("--device", default="cpu", help="a GPU: every method there and on the CPU")
    parser.add_argument("--batch", type=int, help="training batch (default: as released)")
    parser.add_argument("--side", type=int, default=224, help="input side in pixels (224)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Time every case; the exit code is 1 where results that must agree do not."""
    if arguments.rounds < 1:
        raise InvalidInput("--rounds must be at least 1")
    limit_threads(arguments.threads)
    _find_package()
    cases, table = import_module(f"{PACKAGE}.cases"), import_module(f"{PACKAGE}.table")
    size, results = cases.Size(arguments.side, arguments.batch), []
    machine = table.machine()
    if not arguments.json:
        said = ", ".join(f"{name} {value}" for name, value in machine.items())
        print(f"{said}\n\n{table.HEADER}", flush=True)
    for case in _cases(arguments, size):
        results.append(_measure(case, arguments.rounds, arguments.seconds))
        if not arguments.json:
            print(table.as_rows(results[-1]), flush=True)
    if arguments.json:
        values = [table.as_values(result) for result in results]
        print(json.dumps({**machine, "cases": values}))
    else:
        print(f"\n{table.as_notes(results)}")
    apart = [
        f"{result.case.name}, {variant.name}"
        for result in results
        for variant in result.variants
        if not variant.agrees
    ]
    for name in apart:
        print(f"affordance-grasp benchmark: results differ: {name}", file=sys.stderr)
    return 1 if apart else 0


def _cases(arguments: argparse.Namespace, size: Any) -> Iterator[Any]:
    """The cases that are named, or all; on another device those that compare it with the CPU."""
    cases = import_module(f"{PACKAGE}.cases")
    if arguments.device == "cpu":
        for name in arguments.case or cases.case_names():
            yield cases.make_case(name, size)
        return
    if arguments.case:
        raise InvalidInput("--case is for the CPU; with --device every method is timed")
    device = check_device(arguments.device)
    for method in METHODS:
        yield from import_module(f"{PACKAGE}.device").device_cases(method, size, device)


def _measure(case: Any, rounds: int, seconds: float) -> Any:
    from tqdm import tqdm

    progress = partial(tqdm, unit="round", disable=None, leave=False)
    return import_module(f"{PACKAGE}.rounds").measure(case, rounds, progress, seconds)


def _find_package() -> None:
    """Make the checkout's folder importable; refuses installations without it."""
    if not (FOLDER / "__init__.py").is_file():
        raise InvalidInput(
            "the benchmark is no part of an installed package; run it from a source checkout"
        )
    sys.path.insert(0, str(FOLDER.parent))
