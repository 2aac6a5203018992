"""The empty tree of a data set of one's own, to be filled with pictures."""

from collections.abc import Sequence
from pathlib import Path

from affordance_grasp.configuration.documents import read_yaml
from affordance_grasp.datasets.affordances_file import (
    AFFORDANCES_FILE,
    AffordanceNotes,
    write_affordances,
)
from affordance_grasp.datasets.agd20k import PARTS, SPLIT_NAME
from affordance_grasp.errors import InvalidInput, shown, writing
from affordance_grasp.query.vocabulary import is_affordance_name
from affordance_grasp.share import share_path


def published_parts() -> dict[str, AffordanceNotes]:
    """AGD20K's affordances, and what PLSP asks a part detector for: 124 pairs."""
    parts = read_yaml(share_path("config/part_prompts.yaml"), "prompts of parts")
    return {affordance: AffordanceNotes(parts=of) for affordance, of in parts.items()}


def init_data_set(root: Path, split: str, pairs: Sequence[str]) -> list[Path]:
    """Make the folders of a split for pairs VERB/OBJECT, by default the published ones.

    ``affordances.yaml`` gets the parts as they are published, the object's name for others.
    Returns the folders to be filled.

    Raises:
        InvalidInput: a name is not written as hang_up is, or ``root`` has a data set.
    """
    if (root / AFFORDANCES_FILE).exists():
        raise InvalidInput(f"{root} has {AFFORDANCES_FILE}; name a new folder, or edit that file")
    if not SPLIT_NAME.fullmatch(split):
        raise InvalidInput(f"split {shown(split)} must be letters, digits, - and _")
    published = published_parts()
    notes = _notes(pairs, published) if pairs else published
    write_affordances(root, notes)
    folders = [
        root / split / part / affordance / name
        for part in PARTS[:2]
        for affordance, each in notes.items()
        for name in each.parts
    ]
    for folder in folders:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    return folders


def _notes(
    pairs: Sequence[str], published: dict[str, AffordanceNotes]
) -> dict[str, AffordanceNotes]:
    parts: dict[str, dict[str, str]] = {}
    for pair in pairs:
        affordance, _, name = pair.partition("/")
        for word in (affordance, name):
            if not is_affordance_name(word):
                raise InvalidInput(f"pair {shown(pair)} must be VERB/OBJECT, as hang_up/coat_hook")
        known = published[affordance].parts if affordance in published else {}
        parts.setdefault(affordance, {})[name] = known.get(name, name.replace("_", " "))
    return {affordance: AffordanceNotes(parts=of) for affordance, of in parts.items()}
