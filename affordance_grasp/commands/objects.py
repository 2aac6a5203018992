"""``objects import DIR --out FOLDER``: scans as simulated objects."""

import argparse
import json
from pathlib import Path

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
    """Import every scan; those of which nothing is said are one part, to hold."""
    from affordance_grasp.simulation.scans.importer import import_scan
    from affordance_grasp.simulation.scans.layouts import find_scans
    from affordance_grasp.simulation.scans.regions import read_notes

    notes = read_notes(arguments.parts or share_path(PARTS))
    imported = []
    for name, file in find_scans(arguments.folder).items():
        scan = import_scan(name, file, notes.get(name), arguments.out)
        imported.append(scan)
        if not arguments.json:
            said = "" if name in notes else f"; the parts file says nothing of {name}"
            print(f"{scan}{said}", flush=True)
    if arguments.json:
        print(json.dumps([scan.summary() for scan in imported], indent=1))
    else:
        print(
            f"pick one: affordance-grasp experiment --objects {arguments.out}:{imported[0].name}"
        )
    return 0
