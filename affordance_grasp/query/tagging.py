"""The words of a clause, each with its place in a description: name, colour, relation, verb ..."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from affordance_grasp.query.nouns import LONGEST_PHRASE, Entry, Kind, Nouns
from affordance_grasp.query.sentences import Words, word_set

DETERMINERS = word_set("the my your his her our their its this that these those")
JOINTS = word_set("and or nor")
OPENING = (Kind.DETERMINER, Kind.QUANTIFIER, Kind.COLOUR, Kind.EXTREME, Kind.RANK)
"""After these a name goes on."""
LOOKS = (Kind.NOUN, Kind.ANYTHING, Kind.COLOUR, Kind.RANK)
HEADS = (Kind.NOUN, Kind.ANYTHING, Kind.PART, Kind.ELSEWHERE)


@dataclass(frozen=True)
class Tag:
    """A word or phrase, what it is, and its value, such as ``red`` for ``crimson``."""

    kind: Kind
    value: str
    words: Words


@dataclass(frozen=True)
class Tagger:
    """``is_part``: whether words name a part; ``verb_length``: of the verb at their beginning."""

    nouns: Nouns
    is_part: Callable[[Words], bool]
    verb_length: Callable[[Words], int]

    def tag(self, words: Words) -> list[Tag]:
        """Tags of all words of a clause, in order."""
        words = tuple(word.removesuffix("'s").removesuffix("'") for word in words)
        tags: list[Tag] = []
        place = 0
        while place < len(words):
            found = self._next(words[place:], tags)
            tags.append(found)
            place += len(found.words)
        return tags

    def _next(self, words: Words, before: Sequence[Tag]) -> Tag:
        last = before[-1].kind if before else None
        in_name = last in OPENING or (last is Kind.WORD and _is_open(before))
        length, entry = self._entry(words, last)
        verb = 0 if in_name else self.verb_length(words)
        if last is Kind.QUANTIFIER and self.verb_length(words) == len(words):
            return Tag(Kind.VERB, words[0], words)  # give it a push
        begins = not any(tag.kind is Kind.VERB for tag in before) and last is not Kind.ROLE
        if verb and (entry is None or (begins and verb >= length)):
            return Tag(Kind.VERB, words[0], words[:verb])
        if entry is not None:
            return Tag(entry.kind, entry.value, words[:length])
        if words[0] in DETERMINERS:
            return Tag(Kind.DETERMINER, "the", words[:1])
        kind = Kind.JOINT if words[0] in JOINTS else Kind.WORD
        return Tag(kind, words[0], words[:1])

    def _entry(self, words: Words, last: Kind | None) -> tuple[int, Entry | None]:
        """The longest phrase at the beginning, with the meaning that fits its surroundings."""
        for length in range(min(len(words), LONGEST_PHRASE), 0, -1):
            meanings = list(self.nouns.entries.get(words[:length], ()))
            if self.is_part(words[:length]):
                meanings.append(Entry(Kind.PART, " ".join(words[:length])))
            if meanings:
                return length, self._fitting(meanings, words[length:], length, last)
        return 0, None

    def _fitting(
        self, meanings: list[Entry], following: Words, length: int, last: Kind | None
    ) -> Entry | None:
        """``nearest`` before a name is a place in an order, after one a relation."""
        extreme = next((e for e in meanings if e.kind is Kind.EXTREME), None)
        if extreme is None:
            return meanings[0]
        others = [e for e in meanings if e is not extreme]
        named = any(e.kind in (*LOOKS, Kind.EXTREME) for e in self._meanings(following))
        if named or (not others and (length > 1 or last in OPENING)):
            return extreme
        return others[0] if others else None

    def _meanings(self, words: Words) -> tuple[Entry, ...]:
        for length in range(min(len(words), LONGEST_PHRASE), 0, -1):
            if found := self.nouns.entries.get(words[:length], ()):
                return found
        return ()


def _is_open(before: Sequence[Tag]) -> bool:
    """Whether words without a meaning, up to a determiner or colour, still wait for a name."""
    for tag in reversed(before):
        if tag.kind is not Kind.WORD:
            return tag.kind in OPENING
    return False
