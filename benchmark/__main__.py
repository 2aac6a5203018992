"""``python -m benchmark``: latency, throughput and memory beside a plain version."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from tqdm import tqdm

from affordance_grasp.configuration.flags import COUNT, number
from affordance_grasp.configuration.settings import Positive
from affordance_grasp.encoders.device import check_device, limit_threads
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.methods.table import METHODS
from benchmark import case_names
from benchmark.cases import Size, make_case
from benchmark.device import device_cases
from benchmark.rounds import Case, measure
from benchmark.table import HEADER, as_notes, as_rows, as_values, machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--case",
        nargs="+",
        metavar="CASE",
        help="METHOD-inference, -queries, -training, -frame, for some -loading; chain-size, "
        "-candidates, -instances",
    )
    whole = COUNT
    parser.add_argument("--rounds", type=whole, default=7, help="alternating rounds at most (7)")
    parser.add_argument(
        "--seconds",
        type=number(Positive),
        default=60.0,
        help="that a case takes at most, from two rounds on (60)",
    )
    parser.add_argument("--device", default="cpu", help="a GPU: every method there and on the CPU")
    parser.add_argument("--batch", type=whole, help="training batch (default: as released)")
    parser.add_argument("--side", type=whole, default=224, help="input side in pixels (224)")
    parser.add_argument("--threads", type=whole, default=2, help="CPU threads (2)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 2 for bad input, 3 for what the machine lacks."""
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=__doc__)
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except AffordanceGraspError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return error.exit_code


def run(arguments: argparse.Namespace) -> int:
    """Time every case; the exit code is 1 where results that must agree do not."""
    limit_threads(arguments.threads)
    about, results = machine(), []
    if not arguments.json:
        said = ", ".join(f"{name} {value}" for name, value in about.items())
        print(f"{said}\n\n{HEADER}", flush=True)
    progress = partial(tqdm, unit="round", disable=None, leave=False)
    for case in _cases(arguments):
        results.append(measure(case, arguments.rounds, progress, arguments.seconds))
        if not arguments.json:
            print(as_rows(results[-1]), flush=True)
    if arguments.json:
        print(json.dumps({**about, "cases": [as_values(result) for result in results]}))
    else:
        print(f"\n{as_notes(results)}")
    apart = [
        f"{result.case.name}, {variant.name}"
        for result in results
        for variant in result.variants
        if not variant.agrees
    ]
    for name in apart:
        print(f"benchmark: results differ: {name}", file=sys.stderr)
    return 1 if apart else 0


def _cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """The cases that are named, or all; on another device those that compare it with the CPU."""
    size = Size(arguments.side, arguments.batch)
    if arguments.device == "cpu":
        for name in arguments.case or case_names():
            yield make_case(name, size)
        return
    if arguments.case:
        raise InvalidInput("--case is for the CPU; with --device every method is timed")
    device = check_device(arguments.device)
    for method in METHODS:
        yield from device_cases(method, size, device)


if __name__ == "__main__":
    sys.exit(main())
