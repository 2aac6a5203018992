"""Which object a sentence means: ``the red mug left of the bowl, not the chipped one``.

A reference is a value: what the object is called, its colours, its place in an order, its relation
to other objects, and what it is not. Which instance on a table that is, :mod:`choice` decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from affordance_grasp.query.mentions import ClauseReading, Mention, read_mentions
from affordance_grasp.query.nouns import load_nouns
from affordance_grasp.query.request import read_clauses, stems
from affordance_grasp.query.sentences import Clause, Words, word_set
from affordance_grasp.query.tagging import Tagger
from affordance_grasp.query.vocabulary import load_vocabulary

POLITE = word_set("please i we want need would like to just now could can you me have")
"""Words that may stand beside a mere description: ``I would like the red mug``."""


@dataclass(frozen=True)
class Description:
    """An object as it is described; empty: any object.

    ``noun``: its name; ``families``: what that may be, none where the name is not listed.
    ``colours``: it has all of them. ``extreme``: its place in an order among those alike, such as
    ``leftmost``, and ``rank`` the how manieth it is. ``unread``: words that were not understood.
    """

    noun: str = ""
    families: frozenset[str] = frozenset()
    colours: tuple[str, ...] = ()
    extreme: str = ""
    rank: int = 1
    unread: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The description in words."""
        order = f"{self.rank}. {self.extreme}" if self.rank > 1 else self.extreme
        words = (*self.unread, order, *self.colours, self.noun or "object")
        return " ".join(word for word in words if word)


ANYTHING = Description()


@dataclass(frozen=True)
class Relation:
    """How the object stands to another: ``left_of`` the ``anchor``."""

    kind: str
    anchor: Description


@dataclass(frozen=True)
class Reference:
    """The object that a sentence means; of a sentence that names none: any.

    ``definite``: exactly one fits, as with ``the mug``; else any that fits will do, ``a mug``.
    ``excluded``: what it is not. ``refused``: why no single object can be meant.
    """

    described: Description = ANYTHING
    relations: tuple[Relation, ...] = ()
    excluded: tuple[Description, ...] = ()
    definite: bool = False
    refused: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said of the object."""
        return self == Reference()


@dataclass(frozen=True)
class _Read:
    """The mentions of all clauses by what they are to the action."""

    main: tuple[Mention, ...] = ()
    instruments: tuple[Mention, ...] = ()
    relations: tuple[tuple[str, Mention], ...] = ()
    excluded: tuple[Mention, ...] = ()


def read_reference(text: str, affordance: str | None) -> Reference:
    """The object that an English sentence means.

    Args:
        text: the sentence.
        affordance: the verb that it requests; of one such as ``cut`` the object need not be what
            is grasped.
    """
    grasped = affordance is None or affordance in load_nouns().grasped
    parsed = _sorted([(c.negated, _read(c)) for c in read_clauses(text)], grasped)
    excluded = tuple(_described(m) for m in parsed.excluded)
    relations = tuple(Relation(kind, _described(m)) for kind, m in parsed.relations)
    main = parsed.instruments or parsed.main
    names = list(dict.fromkeys(m.noun for m in main if m.noun))
    reference = Reference(_merged(main), relations, excluded, _is_definite(main))
    families = {load_nouns().families.get(name, frozenset((name,))) for name in names}
    if len(families) > 1:
        return replace(reference, refused=f"it names several objects ({', '.join(names)})")
    if any(m.quantifier == "all" or (m.plural and m.quantifier != "any") for m in main):
        return replace(reference, refused="it asks for several objects and one is grasped")
    if any(m.quantifier == "other" for m in main):
        return replace(reference, refused="which other one is not said")
    return reference


def names_an_object(text: str) -> bool:
    """Whether a sentence is nothing but a description: ``the left one``, ``the red mug``."""
    wished = [_read(clause) for clause in read_clauses(text) if not clause.negated]
    beside = {word for reading in wished for word in reading.beside} - POLITE
    mentions = [mention for reading in wished for mention in reading.mentions]
    return not beside and any(m.complete and m.role == "object" for m in mentions)


def _read(clause: Clause) -> ClauseReading:
    return read_mentions(_tagger().tag(clause.words), load_nouns())


@cache
def _tagger() -> Tagger:
    vocabulary, nouns = load_vocabulary(), load_nouns()
    verbs = frozenset((*vocabulary.phrases, *vocabulary.unserved))
    longest = max(map(len, verbs))

    def verb_length(words: Words) -> int:
        for length in range(min(len(words), longest), 0, -1):
            first = words[0] if words[0].endswith("er") else ""
            for stem in (first,) if first else stems(words[0]):
                if (stem, *words[1:length]) in verbs:
                    return length
        return 0

    return Tagger(nouns, lambda words: words in vocabulary.parts, verb_length)


def _sorted(clauses: Sequence[tuple[bool, ClauseReading]], grasped: bool) -> _Read:
    found = _Read()
    for negated, reading in clauses:
        for mention in reading.mentions:
            if mention.part and not mention.noun:
                continue
            if negated:
                left_out = () if mention.part or mention.role in ("owner", "whole") else (mention,)
                found = replace(found, excluded=(*found.excluded, *left_out))
            else:
                found = _with(found, mention, grasped)
    said = tuple(m for m in found.excluded if m.noun or m.colours or m.extreme)
    return replace(found, excluded=said)


def _with(found: _Read, mention: Mention, grasped: bool) -> _Read:
    """One more mention of what is wished."""
    if not mention.names or mention.role in ("owner", "other"):
        return found
    if mention.relation:
        return replace(found, relations=(*found.relations, (mention.relation, mention)))
    if mention.role == "destination":
        return replace(found, excluded=(*found.excluded, mention))
    if mention.role == "instrument" and not (grasped and found.main):
        return replace(found, instruments=(*found.instruments, mention))
    if mention.role in ("instrument", "source") and found.main:
        kind = "near" if mention.role == "instrument" else "unread"
        return replace(found, relations=(*found.relations, (kind, mention)))
    acted_upon = not grasped and mention.noun and not mention.known and mention.role == "object"
    return found if acted_upon else replace(found, main=(*found.main, mention))


def _described(mention: Mention) -> Description:
    return Description(
        noun=mention.noun,
        families=load_nouns().families.get(mention.noun, frozenset()),
        colours=mention.colours,
        extreme=mention.extreme,
        rank=mention.rank,
        unread=mention.unread,
    )


def _merged(mentions: Sequence[Mention]) -> Description:
    """One description of what several mentions say of the same object."""
    merged = ANYTHING
    for each in map(_described, mentions):
        merged = Description(
            noun=merged.noun or each.noun,
            families=merged.families or each.families,
            colours=tuple(dict.fromkeys((*merged.colours, *each.colours))),
            extreme=merged.extreme or each.extreme,
            rank=max(merged.rank, each.rank),
            unread=(*merged.unread, *each.unread),
        )
    return merged


def _is_definite(mentions: Sequence[Mention]) -> bool:
    """Whether one certain object is meant: ``the mug`` and not ``a mug`` or ``something``."""
    said = [m for m in mentions if m.noun or m.colours or m.extreme or m.quantifier == "the"]
    return bool(said) and not any(m.quantifier == "any" for m in mentions)
