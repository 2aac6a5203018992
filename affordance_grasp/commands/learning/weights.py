"""``affordance-grasp weights``: list and resolve pretrained backbones."""

import argparse
import json
from pathlib import Path

from affordance_grasp.encoders.registry import (
    REGISTRY,
    HubSource,
    PretrainedWeights,
    cached_path,
    installed_file,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``list`` and ``fetch NAME``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the registered weights, and which are cached")
    listing.add_argument("--json", action="store_true", help="print JSON")
    fetch = actions.add_parser("fetch", help="resolve one set of weights and check its sha256")
    fetch.add_argument("name", metavar="NAME", help=", ".join(REGISTRY))
    fetch.add_argument("--file", type=Path, help="a local file instead of the registered source")
    fetch.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the registry, or resolve one entry and print its path."""
    if arguments.action == "list":
        rows = [_row(entry) for entry in REGISTRY.values()]
        print(json.dumps(rows, indent=2) if arguments.json else _table(rows))
        return 0
    from affordance_grasp.encoders.tensor_files import read_tensors
    from affordance_grasp.encoders.weights import resolve_weights, tensors_sha256

    path = resolve_weights(arguments.name, arguments.file)
    digest = tensors_sha256(read_tensors(path))
    row = {"name": arguments.name, "path": str(path), "sha256": digest}
    print(json.dumps(row, indent=2) if arguments.json else f"{path}\nsha256 {digest}")
    return 0


def _row(entry: PretrainedWeights) -> dict[str, str | None]:
    if cached_path(entry.name).exists():
        status = "in cache"
    elif isinstance(entry.source, HubSource):
        status = "on the hub"
    else:
        status = "installed" if installed_file(entry.name) else "not installed"
    source = entry.source
    origin = source.repository if isinstance(source, HubSource) else source.package
    return {
        "name": entry.name,
        "status": status,
        "source": origin,
        "license": entry.license,
        "sha256": entry.sha256,
        "description": entry.description,
    }


def _table(rows: list[dict[str, str | None]]) -> str:
    columns = ("name", "status", "license", "description")
    widths = [max(len(str(row[column])) for row in rows) for column in columns]
    return "\n".join(
        "  ".join(str(row[c]).ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip()
        for row in rows
    )
