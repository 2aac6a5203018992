"""``affordances.yaml`` beside the splits of a data set: its affordances, where they are others.

::

    affordances:
      hang_up:
        phrases: [hang it up, put on the hook]    # what people say; hang up is known already
        parts: {coat_hook: hook of the coat hook}  # object -> what a part detector is asked for

Where there is no such file the affordances are AGD20K's. Checkpoints store the phrases, so that
queries are understood wherever a head is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import yaml
from msgspec import Meta

from affordance_grasp.configuration.documents import read_yaml, typed
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import write_file
from affordance_grasp.query.vocabulary import is_affordance_name

AFFORDANCES_FILE = "affordances.yaml"
Phrase = Annotated[str, Meta(min_length=1, max_length=100)]


@dataclass(frozen=True)
class AffordanceNotes:
    """What people say for an affordance, and by object the part that it is about."""

    phrases: tuple[Phrase, ...] = ()
    parts: Mapping[str, Phrase] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    affordances: Annotated[dict[str, AffordanceNotes | None], Meta(min_length=1)]


def read_affordances(root: Path) -> dict[str, AffordanceNotes]:
    """What ``affordances.yaml`` below a data set's root says; nothing where there is none.

    Raises:
        InvalidInput: it cannot be read, or an affordance is not written as ``hang_up`` is.
    """
    path = root / AFFORDANCES_FILE
    if not path.exists():
        return {}
    stored = typed(_File, read_yaml(path, "affordances"), f"affordances {path}")
    for name in stored.affordances:
        if not is_affordance_name(name):
            raise InvalidInput(
                f"affordance {shown(name)} in {path} must be small letters, digits and single "
                "underscores, as hang_up is"
            )
    return {name: notes or AffordanceNotes() for name, notes in stored.affordances.items()}


def write_affordances(root: Path, notes: Mapping[str, AffordanceNotes]) -> None:
    """Write ``affordances.yaml``."""
    plain = {
        name: {"phrases": list(each.phrases), "parts": dict(each.parts)}
        for name, each in notes.items()
    }
    text = yaml.safe_dump({"affordances": plain}, sort_keys=False, width=100)
    write_file(root / AFFORDANCES_FILE, text)
