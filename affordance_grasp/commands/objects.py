"""``objects import DIR --out FOLDER``: scans as simulated objects."""

import argparse
import json
import sys
from pathlib import Path

from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path

PARTS = "config/scan_parts.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``import DIR``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    words = "scans (YCB, LIBERO, OBJ, GLB, STL) -> objects for experiment, demo and dataset"
    make = actions.add_parser("import", help=words, description=words)
    make.add_argument("folder", type=Path, metavar="DIR", help="scans, or one of them")
    make.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of the objects")
    words = "YAML of parts, masses and turns (the package's, of 12 YCB objects)"
    make.add_argument("--parts", type=Path, metavar="FILE", help=words)
    make.add_argument("--json", action="store_true", help="print what was imported as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Import every scan that can be; those of which nothing is said are one part, to hold."""
    from affordance_grasp.simulation.scans.importer import import_scan
    from affordance_grasp.simulation.scans.layouts import find_scans
    from affordance_grasp.simulation.scans.regions import read_notes

    notes = read_notes(arguments.parts or share_path(PARTS))
    imported, refused = [], list[str]()
    for name, file in find_scans(arguments.folder).items():
        try:
            scan = import_scan(name, file, notes.get(name), arguments.out)
        except InvalidInput as error:
            refused.append(str(error))
            continue
        imported.append(scan)
        if not arguments.json:
            said = "" if name in notes else f"; the parts file says nothing of {name}"
            print(f"{scan}{said}", flush=True)
    if arguments.json:
        print(json.dumps([scan.summary() for scan in imported], indent=1))
    elif imported:
        first = f"{arguments.out}:{imported[0].name}"
        print(f"pick one: affordance-grasp experiment --objects {first}")
    for sentence in refused:
        print(f"affordance-grasp objects: {sentence}", file=sys.stderr)
    return InvalidInput.exit_code if refused else 0
