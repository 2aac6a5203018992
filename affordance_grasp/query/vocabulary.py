"""The affordances, and what people call them: ``config/vocabulary.yaml``."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from affordance_grasp.configuration.documents import read_yaml
from affordance_grasp.errors import UnknownName
from affordance_grasp.query.sentences import Words
from affordance_grasp.share import share_path

AFFORDANCES: tuple[str, ...] = (
    "beat",
    "boxing",
    "brush_with",
    "carry",
    "catch",
    "cut",
    "cut_with",
    "drag",
    "drink_with",
    "eat",
    "hit",
    "hold",
    "jump",
    "kick",
    "lie_on",
    "lift",
    "look_out",
    "open",
    "pack",
    "peel",
    "pick_up",
    "pour",
    "push",
    "ride",
    "sip",
    "sit_on",
    "stick",
    "stir",
    "swing",
    "take_photo",
    "talk_on",
    "text_on",
    "throw",
    "type_on",
    "wash",
    "write",
)
"""AGD20K's, in the order of its classes; released checkpoints count them so."""
NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
"""How an affordance is written, one of AGD20K's or any other: ``hang_up``."""
LONGEST_NAME = 40


def is_affordance_name(name: str) -> bool:
    """Whether an affordance can have this name."""
    return len(name) <= LONGEST_NAME and NAME.fullmatch(name) is not None


def in_order(affordances: Iterable[str]) -> tuple[str, ...]:
    """Each once: AGD20K's in its order, then all others alphabetically."""
    given = set(affordances)
    return tuple(a for a in AFFORDANCES if a in given) + tuple(sorted(given - set(AFFORDANCES)))


@dataclass(frozen=True)
class Vocabulary:
    """The content of ``config/vocabulary.yaml``; phrases are tuples of words.

    ``parts``: part of an object -> the affordance whose region it is, None where none is.
    ``unserved``: verbs that no affordance stands for. ``instead``: what to use for a verb that a
    method does not know. ``threshold`` and ``margin``: when a sentence similarity is trusted.
    """

    fillers: frozenset[str]
    phrases: dict[Words, str]
    parts: dict[Words, str | None]
    unserved: frozenset[Words]
    instead: dict[str, tuple[str, ...]]
    threshold: float
    margin: float

    def __post_init__(self) -> None:
        """Refuse verbs that have no phrase."""
        parts = {verb for verb in self.parts.values() if verb is not None}
        for verb in {*parts, *self.instead}.union(*self.instead.values()):
            if verb not in self.affordances:
                raise UnknownName("affordance in vocabulary.yaml", verb, self.affordances)

    @property
    def affordances(self) -> tuple[str, ...]:
        """All that have a phrase; AGD20K's first."""
        return in_order((*AFFORDANCES, *self.phrases.values()))

    def with_own(self, own: Mapping[str, Collection[str]]) -> "Vocabulary":
        """With the phrases of further affordances, which come before those that are known."""
        if not own:
            return self
        phrases = {self.phrase(text): verb for verb, texts in own.items() for text in texts}
        named = {self.phrase(verb.replace("_", " ")): verb for verb in own}
        added = {phrase: verb for phrase, verb in {**named, **phrases}.items() if phrase}
        return replace(
            self, phrases={**self.phrases, **added}, unserved=self.unserved - added.keys()
        )

    def phrase(self, text: str) -> Words:
        """The words of a text that count."""
        return tuple(word for word in text.lower().split() if word not in self.fillers)


def known_affordances() -> tuple[str, ...]:
    """AGD20K's affordances, and further ones of ``config/vocabulary.yaml``."""
    return load_vocabulary().affordances


@cache
def load_vocabulary() -> Vocabulary:
    """Read ``config/vocabulary.yaml``."""
    stored = read_yaml(share_path("config/vocabulary.yaml"), "vocabulary")
    fillers = frozenset(stored["fillers"])
    return Vocabulary(
        fillers=fillers,
        phrases={
            tuple(word for word in phrase.split() if word not in fillers): verb
            for verb, phrases in stored["phrases"].items()
            for phrase in phrases
        },
        parts={
            tuple(name.split()): None if verb == "none" else verb
            for verb, names in stored["parts"].items()
            for name in names
        },
        unserved=frozenset(tuple(phrase.split()) for phrase in stored["unserved"]),
        instead={verb: tuple(others) for verb, others in stored["instead"].items()},
        **stored["similarity"],
    )
