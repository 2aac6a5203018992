"""The names of objects, colours, places and relations: ``config/objects.yaml``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any

from affordance_grasp.configuration.documents import read_yaml
from affordance_grasp.query.sentences import Words
from affordance_grasp.share import share_path


class Kind(Enum):
    """What a word or phrase is in a description of an object."""

    NOUN = "noun"
    ANYTHING = "anything"
    ELSEWHERE = "elsewhere"
    PART = "part"
    COLOUR = "colour"
    EXTREME = "extreme"
    RANK = "rank"
    RELATION = "relation"
    ROLE = "role"
    QUANTIFIER = "quantifier"
    DETERMINER = "determiner"
    VERB = "verb"
    JOINT = "joint"
    WORD = "word"


@dataclass(frozen=True)
class Entry:
    """One meaning of a phrase: its kind and value, such as COLOUR and ``red``."""

    kind: Kind
    value: str


@dataclass(frozen=True)
class Nouns:
    """The content of ``config/objects.yaml``; phrases are tuples of words.

    ``families``: name as it is said -> families that it means. ``entries``: phrase -> all its
    meanings. ``asides``: words after a name that do not belong to it. ``grasped``: verbs whose
    object is what is grasped. ``universal``: verbs that any object serves.
    """

    families: Mapping[str, frozenset[str]]
    entries: Mapping[Words, tuple[Entry, ...]]
    asides: frozenset[str]
    grasped: frozenset[str]
    universal: frozenset[str]


LONGEST_PHRASE = 5
LISTED = {
    "nouns": Kind.NOUN,
    "colours": Kind.COLOUR,
    "extremes": Kind.EXTREME,
    "relations": Kind.RELATION,
    "roles": Kind.ROLE,
    "quantifiers": Kind.QUANTIFIER,
}
"""Tables of the file that list phrases under a value."""

WORDS = {"anything": Kind.ANYTHING, "elsewhere": Kind.ELSEWHERE, "groups": Kind.NOUN}
"""Tables that list words which stand for themselves."""


def plurals(name: str) -> tuple[str, ...]:
    """What a name may be in the plural: mugs, boxes, knives."""
    ends = (f"{name[:-2]}ves",) if name.endswith("fe") else (f"{name}s",)
    return (*ends, f"{name}es") if name[-1] in "sxhz" else ends


@cache
def load_nouns() -> Nouns:
    """Read ``config/objects.yaml``."""
    stored = read_yaml(share_path("config/objects.yaml"), "objects")
    entries: dict[Words, tuple[Entry, ...]] = {}
    for phrase, entry in _entries(stored):
        words = tuple(phrase.split())
        entries[words] = (*entries.get(words, ()), entry)
    families = {n: frozenset((f,)) for f, names in stored["nouns"].items() for n in names}
    groups = {name: frozenset(members) for name, members in stored["groups"].items()}
    return Nouns(
        families=MappingProxyType(groups | families),
        entries=MappingProxyType(entries),
        asides=frozenset(stored["asides"]),
        grasped=frozenset(stored["grasped"]),
        universal=frozenset(stored["universal"]),
    )


def _entries(stored: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    for table, kind in LISTED.items():
        for value, phrases in stored[table].items():
            for phrase in phrases:
                yield phrase, Entry(kind, phrase if kind is Kind.NOUN else value)
    yield from ((word, Entry(Kind.RANK, str(rank))) for word, rank in stored["ranks"].items())
    for table, kind in WORDS.items():
        yield from ((word, Entry(kind, word)) for word in stored[table])
    named = [*stored["groups"], *(name for names in stored["nouns"].values() for name in names)]
    for name in named:
        if name not in stored["singular"]:
            for plural in plurals(name):
                yield plural, Entry(Kind.NOUN, name)
