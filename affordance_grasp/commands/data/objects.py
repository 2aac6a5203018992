"""``objects import DIR --out FOLDER``: scans as simulated objects; ``objects learn FILE``."""

import argparse
import json
import sys
from pathlib import Path

from affordance_grasp.configuration.flags import COUNT
from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path

PARTS = "config/scan_parts.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``import DIR`` and ``learn FILE``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    words = "scans (YCB, LIBERO, OBJ, GLB, STL) -> objects for experiment, demo and dataset"
    make = actions.add_parser("import", help=words, description=words)
    make.add_argument("folder", type=Path, metavar="DIR", help="scans, or one of them")
    make.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of the objects")
    words = "YAML of parts, masses and turns (the package's, of 12 YCB objects)"
    make.add_argument("--parts", type=Path, metavar="FILE", help=words)
    make.add_argument("--json", action="store_true", help="print what was imported as JSON")
    words = "simulated scenes -> what object families look like and serve: models/families"
    learn = actions.add_parser("learn", help=words, description=words)
    learn.add_argument("file", type=Path, metavar="FILE", help="safetensors to write")
    learn.add_argument("--scenes", type=COUNT, default=160, help="scenes of up to 7 objects (160)")
    learn.add_argument("--workers", type=COUNT, default=2, help="processes that render (2)")


def run(arguments: argparse.Namespace) -> int:
    """Import scans, or learn what families look like."""
    return (_learn if arguments.action == "learn" else _import)(arguments)


def _learn(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from affordance_grasp import __version__
    from affordance_grasp.batch.spread import spread
    from affordance_grasp.choice.families import write_families
    from affordance_grasp.learning.families import (
        FamilyScene,
        embed_scene,
        fit_families,
        load_setup,
    )

    jobs = [FamilyScene(seed) for seed in range(arguments.scenes)]
    with spread(embed_scene, load_setup, arguments.workers) as run_all:
        scenes = list(tqdm(run_all(jobs), total=len(jobs), unit="scene", disable=None))
    about = {"scenes": len(jobs), "version": __version__}
    model = fit_families(scenes, load_setup()[1].sha256, about)
    write_families(arguments.file, model)
    print(
        f"{len(model.families)} families of {len(model.of)} objects; left out of the fit, "
        f"{model.training['held_out_right']:.1%} are told right; written to {arguments.file}"
    )
    return 0


def _import(arguments: argparse.Namespace) -> int:
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
