"""``dataset init DIR``, ``suggest DIR`` and ``check DIR``: a data set of one's own."""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from affordance_grasp.configuration.flags import number
from affordance_grasp.configuration.settings import Positive

KEY = "AFFORDANCE_GRASP_ENDPOINT_KEY"


def add_actions(actions: Any) -> None:
    """Declare ``init``, ``suggest`` and ``check``."""
    begin = actions.add_parser("init", help="folders for own pictures, and their affordances.yaml")
    look = actions.add_parser("check", help="what is wrong or missing in a data set, file by file")
    fill = actions.add_parser("suggest", help="phrases and parts as a language model has them")
    for action in (begin, fill, look):
        action.add_argument("folder", type=Path, metavar="DIR", help="root of the data set")
    begin.add_argument(
        "pairs", nargs="*", metavar="VERB/OBJECT", help="such as hang_up/coat_hook (AGD20K's 124)"
    )
    begin.set_defaults(do=_init)
    look.set_defaults(do=_check)
    fill.set_defaults(do=_suggest)
    fill.add_argument(
        "--endpoint", metavar="URL", required=True, help="OpenAI-compatible, ending in /v1"
    )
    fill.add_argument("--model", metavar="NAME", required=True, help="as the endpoint calls it")
    fill.add_argument(
        "--timeout-s", type=number(Positive), default=60.0, help="for its answer (60)"
    )
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


def _suggest(arguments: argparse.Namespace) -> int:
    from affordance_grasp.datasets.affordances_file import (
        AFFORDANCES_FILE,
        read_affordances,
        write_affordances,
    )
    from affordance_grasp.datasets.suggestions import question, read_suggestions
    from affordance_grasp.errors import InvalidInput
    from affordance_grasp.external.chat import ask_chat

    known = read_affordances(arguments.folder)
    pairs = {verb: tuple(notes.parts) for verb, notes in known.items()}
    if not pairs:
        raise InvalidInput(f"{arguments.folder} has no {AFFORDANCES_FILE}; run: dataset init")
    key, asked = os.environ.get(KEY, ""), question(pairs)
    answer = ask_chat(
        arguments.endpoint, arguments.model, asked, key=key, timeout_s=arguments.timeout_s
    )
    suggested = {**known, **read_suggestions(answer, pairs)}
    written = arguments.folder / "suggested"
    write_affordances(written, suggested)
    print((written / AFFORDANCES_FILE).read_text(encoding="utf-8"))
    print(f"read it, then copy {written / AFFORDANCES_FILE} over that of {arguments.folder}")
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
