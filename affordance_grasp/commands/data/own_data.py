"""``dataset init DIR`` and ``dataset check DIR``: a data set of one's own."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any


def add_actions(actions: Any) -> None:
    """Declare ``init`` and ``check``."""
    begin = actions.add_parser("init", help="folders for own pictures, and their affordances.yaml")
    look = actions.add_parser("check", help="what is wrong or missing in a data set, file by file")
    for action in (begin, look):
        action.add_argument("folder", type=Path, metavar="DIR", help="root of the data set")
    begin.add_argument(
        "pairs", nargs="*", metavar="VERB/OBJECT", help="such as hang_up/coat_hook (AGD20K's 124)"
    )
    begin.set_defaults(do=_init)
    look.set_defaults(do=_check)
    begin.add_argument("--split", default="Own", help="name of the split (Own)")
    look.add_argument("--split", default="Own", help="(Own)")
    look.add_argument("--json", action="store_true", help="print the findings as JSON")


def _init(arguments: argparse.Namespace) -> int:
    from affordance_grasp.datasets.affordances_file import AFFORDANCES_FILE
    from affordance_grasp.datasets.own_data import init_data_set

    for folder in init_data_set(arguments.folder, arguments.split, arguments.pairs):
        print(folder)
    print(
        "exocentric: pictures of somebody doing it; egocentric: of the object alone, close-ups of "
        "the part among them. What people say, and the parts, stand in "
        f"{arguments.folder / AFFORDANCES_FILE}"
    )
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from affordance_grasp.datasets.data_check import check_data_set

    found = check_data_set(arguments.folder, arguments.split)
    if arguments.json:
        print(json.dumps(asdict(found), indent=1))
    else:
        for kind, sentences in (("fault", found.faults), ("note", found.notes)):
            for sentence in sentences:
                print(f"{kind}: {sentence}")
        print(f"{len(found.faults)} faults, {len(found.notes)} notes")
    return 1 if found.faults else 0
