"""The affordances, and what people call them: ``config/vocabulary.yaml``."""

from dataclasses import dataclass
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
        """Refuse verbs that are not affordances."""
        parts = {verb for verb in self.parts.values() if verb is not None}
        named = {*self.phrases.values(), *parts, *self.instead}
        for verb in named.union(*self.instead.values()):
            if verb not in AFFORDANCES:
                raise UnknownName("affordance in vocabulary.yaml", verb, AFFORDANCES)


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
