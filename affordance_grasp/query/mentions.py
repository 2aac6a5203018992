"""The objects that a clause mentions: ``the red mug left of the bowl`` has two mentions.

A mention is a run of words about one object: determiner, colours, places in an order, a name.
Before it a preposition may tell its role. A name that is not listed is one all the same: ``the
banana`` does not mean any object at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from affordance_grasp.query.nouns import Kind, Nouns
from affordance_grasp.query.sentences import Words
from affordance_grasp.query.tagging import HEADS, OPENING, Tag


@dataclass(frozen=True)
class Mention:
    """One object as it is mentioned.

    ``noun``: its name, or empty; ``known``: it is listed; ``plural``: there are several.
    ``anything``: a word for any object stands for it, such as ``one``. ``part``: it is a part or
    a place, no object; then ``noun`` is the object that has the part. ``role``: ``object``, or of
    a preposition; ``whole``: what has the part that was mentioned before. ``relation``: to this
    one, of what was mentioned before. ``quantifier``: ``the``, ``any``, ``all``, ``other`` or
    empty. ``unread``: words that were not understood.
    """

    noun: str = ""
    known: bool = False
    plural: bool = False
    anything: bool = False
    part: bool = False
    colours: tuple[str, ...] = ()
    extreme: str = ""
    rank: int = 1
    role: str = "object"
    relation: str = ""
    quantifier: str = ""
    unread: tuple[str, ...] = ()

    @property
    def names(self) -> bool:
        """Whether it says which object is meant."""
        return bool(self.noun or self.colours or self.extreme or self.anything or self.quantifier)

    @property
    def complete(self) -> bool:
        """Whether it can stand alone: ``the mug``, ``left one``, and not ``mug``."""
        looks = self.quantifier or self.colours or self.extreme
        return bool(looks and (self.known or self.anything or self.extreme)) and not self.part


@dataclass(frozen=True)
class ClauseReading:
    """The mentions of a clause in order; ``beside``: words that belong to none of them."""

    mentions: tuple[Mention, ...]
    beside: Words


def read_mentions(tags: Sequence[Tag], nouns: Nouns) -> ClauseReading:
    """All objects that the tagged words of a clause mention."""
    found: list[Mention] = []
    beside: list[str] = []
    place, role, relation = 0, "object", ""
    while place < len(tags):
        tag = tags[place]
        if tag.kind is Kind.RELATION:
            relation, place = tag.value, place + 1
        elif tag.kind is Kind.ROLE:
            role = "whole" if _has_part(found, tag) else tag.value
            place += 1
        elif (read := _phrase(tags, place, nouns)) is not None:
            mention, place = read
            found.append(replace(mention, role=role, relation=relation))
            role, relation = "object", ""
        else:
            beside += tag.words
            place += 1
    return ClauseReading(tuple(found), tuple(beside))


def _has_part(found: list[Mention], of: Tag) -> bool:
    """Whether what follows has the part before: ``the handle of the mug``."""
    if of.value != "owner" or not found or not found[-1].part:
        return False
    found.pop()
    return True


def _phrase(tags: Sequence[Tag], place: int, nouns: Nouns) -> tuple[Mention, int] | None:
    """A mention and the place after it, or None where none begins."""
    if not (tags[place].kind in (*OPENING, *HEADS) or _is_bare_name(tags, place, nouns)):
        return None
    end = place
    while end < len(tags) and _goes_on(tags[place:end], tags[end], nouns):
        end += 1
    return _mention(tags[place:end]), end


def _is_bare_name(tags: Sequence[Tag], place: int, nouns: Nouns) -> bool:
    """Whether a word that is not known names something: ``pick up banana``."""
    after = place > 0 and tags[place - 1].kind in (Kind.VERB, Kind.ROLE, Kind.RELATION)
    return after and tags[place].kind is Kind.WORD and tags[place].value not in nouns.asides


def _goes_on(run: Sequence[Tag], tag: Tag, nouns: Nouns) -> bool:
    """Whether a word belongs to the mention that the run before it begins."""
    head = next((other.kind for other in reversed(run) if other.kind in HEADS), None)
    if tag.kind is Kind.WORD:
        ends = head is not None and head is not Kind.NOUN
        return not ends and tag.value not in nouns.asides
    if tag.kind in HEADS:
        return head not in (Kind.PART, Kind.ELSEWHERE)
    return tag.kind in OPENING and head is None


def _mention(run: Sequence[Tag]) -> Mention:
    """What the words of one mention say; of several names the last one counts."""
    heads = [place for place, tag in enumerate(run) if tag.kind in HEADS]
    last = heads[-1] if heads else len(run)
    before = tuple(tag.value for tag in run[:last] if tag.kind is Kind.WORD)
    after = tuple(tag.value for tag in run[last + 1 :])
    quantifiers = [tag.value for tag in run if tag.kind in (Kind.QUANTIFIER, Kind.DETERMINER)]
    kinds = [tag.kind for tag in run]
    mention = Mention(
        colours=tuple(tag.value for tag in run if tag.kind is Kind.COLOUR),
        extreme=next((tag.value for tag in run if tag.kind is Kind.EXTREME), ""),
        rank=next((int(tag.value) for tag in run if tag.kind is Kind.RANK), 1),
        quantifier=next((q for q in quantifiers if q != "the"), "the" if quantifiers else ""),
    )
    if not heads:
        return replace(mention, noun=" ".join(before))
    head = run[last]
    owners = [tag.value for tag in run if tag.kind is Kind.NOUN]
    if head.kind in (Kind.PART, Kind.ELSEWHERE):
        return replace(mention, noun=owners[-1] if owners else "", known=True, part=True)
    if head.kind is Kind.ANYTHING:
        return replace(mention, anything=True, unread=before)
    if after:
        return replace(mention, noun=" ".join((*head.words, *after)))
    if Kind.ANYTHING in kinds:
        mention = replace(mention, quantifier="any")
    plural = " ".join(head.words) != head.value
    return replace(mention, noun=head.value, known=True, plural=plural, unread=before)
