"""``affordance-grasp checkpoint``: released checkpoints -> checkpoints of this package."""

import argparse
import json
from pathlib import Path

from affordance_grasp.methods.table import methods_with


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``import FILE``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    command = actions.add_parser("import", help="convert a released checkpoint, strictly")
    command.add_argument("file", type=Path, metavar="OFFICIAL", help="the released file (.pth)")
    command.add_argument("--method", required=True, choices=methods_with("released"))
    command.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="safetensors to write"
    )
    command.add_argument("--text", type=Path, help="released verb features, where they are a file")
    command.add_argument(
        "--affordances", help="names of the classes, with commas (default: by their number)"
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Convert, write, and report."""
    from affordance_grasp.methods.checkpoint import write_checkpoint
    from affordance_grasp.methods.released import read_official

    names = arguments.affordances.split(",") if arguments.affordances else None
    stored = read_official(arguments.file, arguments.method, names, arguments.text)
    write_checkpoint(arguments.out, stored)
    report = {
        "checkpoint": str(arguments.out),
        "method": stored.info.method,
        "backbone": stored.info.backbone,
        "affordances": len(stored.info.affordances),
        "tensors": len(stored.tensors),
    }
    print(json.dumps(report) if arguments.json else _sentence(report))
    return 0


def _sentence(report: dict[str, object]) -> str:
    return (
        f"{report['checkpoint']}: {report['method']} on {report['backbone']}, "
        f"{report['tensors']} tensors, {report['affordances']} affordances"
    )
