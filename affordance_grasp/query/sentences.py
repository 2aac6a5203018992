"""A request in plain English as clauses: requested and negated ones.

A clause ends at punctuation, at words such as ``but`` and ``instead``, and at an ``and`` that
begins a new command. What a negation reaches is kept apart, so that no word of it is ever taken
for a wish. Words are whole: ``open-handed`` is not ``open``.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Words = tuple[str, ...]


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _phrases(text: str) -> tuple[Words, ...]:
    return tuple(tuple(phrase.split()) for phrase in text.split("|"))


_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[,;:.!?()\n]|(?<=\s)[-–](?=\s)|—")
_NOT = re.compile(r"^(do|does|did|is|are|was|can|could|will|would|must|should|may|need)n'?t$")
_IRREGULAR = {"won't": "will", "wont": "will", "can't": "can", "cant": "can", "cannot": "can"}

POLITE_NEGATIONS = _phrases(
    "why not|why do not you|can not you|could not you|would not you|will not you|nothing but|"
    "do not worry|not forget to|not hesitate to|not fail to|not be afraid to|never forget to|"
    "never fail to|no problem"
)
"""Negations in form only: ``don't forget to hold it`` requests to hold it."""
COMMANDING = _phrases("do not|does not|never|nor|neither")
"""These reach over a following ``and``: ``don't cut and slice`` forbids both."""
NEGATIONS = COMMANDING + _phrases(
    "not|no|without|avoid|avoiding|except|excluding|instead of|rather than|than|other than|"
    "anything but|everything but|all but|keep away|keep off|keep clear|keep your hands off|"
    "keep hands off|hands off|stay away|stay off|stay clear|away from|clear of|far from|refrain|"
    "beware|careful|mind|watch out|leave|ignore|skip|spare|stop|nothing"
)
BANS = word_set("avoided forbidden prohibited banned dangerous taboo off-limits unsafe untouched")
"""Words for objects that must not be touched; they negate the whole clause."""
MODALS = word_set("is are was were be must should shall may can could will would")
STOPS = frozenset(",;:.!?()\n-–—")
TURNS = word_set("but instead then")
REASONS = word_set("because since if when while unless until")
"""What follows is the reason, no request."""
JOINTS = word_set("and or nor")

OTHER_LANGUAGES = word_set(
    "der die das den dem des ein eine einen einem und nicht mit ohne im zum zur "  # German
    "le la les un une du au aux avec sans pas ne et par "  # French
    "el los las una unos con sin por y "  # Spanish
    "il lo gli uno della del dei col senza "  # Italian
    "um uma com sem nao pelo pela "  # Portuguese
    "het een met niet zonder en"  # Dutch
)
ENGLISH = word_set(
    "the a an it its this that these those my your his her our their to of from with by at on in "
    "up for and not do is are please i me you"
)
"""Function words; the more frequent kind determines the language of a sentence."""


@dataclass(frozen=True)
class Clause:
    """Words of one clause in order; ``negated``: what must not be done or touched."""

    words: Words
    negated: bool


def is_foreign(text: str) -> bool:
    """Whether a text is in another language than English, or in another script than Latin."""
    words = [token for token in _tokens(text) if token not in STOPS]
    if any(ord(letter) > 0x24F for word in words for letter in word):
        return True
    foreign = sum(word in OTHER_LANGUAGES for word in words)
    accented = sum(not word.isascii() for word in words)
    return foreign + accented > sum(word in ENGLISH for word in words)


def clauses(
    text: str, is_command: Callable[[str], bool], is_phrase: Callable[[Words], bool]
) -> list[Clause]:
    """The clauses of a text, each wholly requested or wholly negated.

    ``is_command``: whether a word is a verb in its base form, which after ``and`` begins a
    new command; ``is_phrase`` whether a hyphenated word is two words of the vocabulary.
    """
    tokens = _without_idioms(list(_split_hyphens(_tokens(text), is_phrase)))
    pieces = [(list(_negations(piece, is_command)), comma) for piece, comma in _pieces(tokens)]
    found: list[Clause] = []
    for place, (parts, after_comma) in enumerate(pieces):
        listed = after_comma and found and found[-1].negated
        negated = bool(listed) and _lists(pieces[place:], is_command)
        found += [Clause(part.words, part.negated or negated) for part in parts]
    return [clause for clause in found if clause.words]


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    for token in _TOKEN.findall(text.lower().replace("’", "'")):
        contracted = _NOT.match(token)
        if token in _IRREGULAR:
            tokens += [_IRREGULAR[token], "not"]
        elif contracted:
            tokens += [contracted[1], "not"]
        else:
            tokens.append(token)
    return tokens


def read_words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return [token for token in _tokens(text) if token not in STOPS]


def _split_hyphens(tokens: list[str], is_phrase: Callable[[Words], bool]) -> Iterator[str]:
    for token in tokens:
        pieces = tuple(token.split("-"))
        yield from pieces if len(pieces) > 1 and is_phrase(pieces) else (token,)


def _without_idioms(tokens: list[str]) -> list[str]:
    kept: list[str] = []
    position = 0
    while position < len(tokens):
        idiom = _phrase_at(tokens, position, POLITE_NEGATIONS)
        if not idiom:
            kept.append(tokens[position])
        position += len(idiom) or 1
    return kept


def _phrase_at(tokens: list[str], position: int, phrases: tuple[Words, ...]) -> Words:
    """The longest of ``phrases`` at a position; empty where there is none."""
    found = (p for p in phrases if tuple(tokens[position : position + len(p)]) == p)
    return max(found, key=len, default=())


def _pieces(tokens: list[str]) -> Iterator[tuple[list[str], bool]]:
    """The words between two stops or turns, and whether a comma precedes them."""
    piece: list[str] = []
    after_comma = False
    for place, token in enumerate(tokens):
        turns = token in TURNS and not _phrase_at(tokens, place, NEGATIONS)
        inside = place and _phrase_at(tokens, place - 1, NEGATIONS)[1:] == (token,)
        if token in STOPS or (turns and not inside):
            yield piece, after_comma
            piece, after_comma = [], token == ","
        else:
            piece.append(token)
    yield piece, after_comma


def _negations(piece: list[str], is_command: Callable[[str], bool]) -> Iterator[Clause]:
    """One piece, cut where a negation begins and where a new command ends it."""
    request = piece[: next((i for i, word in enumerate(piece) if word in REASONS), len(piece))]
    if BANS.intersection(request):
        yield Clause(tuple(request), True)
        return
    words: list[str] = []
    negated = commanding = False
    position = 0
    while position < len(request):
        trigger = _phrase_at(request, position, NEGATIONS)
        if trigger:
            whole = trigger == ("not",) and position > 0 and request[position - 1] in MODALS
            if not whole:
                yield Clause(tuple(words), negated)
                words = []
            negated, commanding = True, commanding or trigger in COMMANDING or whole
            position += len(trigger)
            continue
        begins = request[position] == "and" and is_command(
            "".join(request[position + 1 : position + 2])
        )
        if begins and negated and not commanding:
            yield Clause(tuple(words), negated)
            words, negated = [], False
        else:
            words.append(request[position])
        position += 1
    yield Clause(tuple(words), negated)


def _lists(pieces: list[tuple[list[Clause], bool]], is_command: Callable[[str], bool]) -> bool:
    """Whether bare names follow that end in an ``or``: ``..., the tip, the rim or the edge``."""
    for parts, after_comma in pieces:
        words = [word for part in parts for word in part.words]
        if not after_comma or any(part.negated for part in parts) or any(map(is_command, words)):
            return False
        if JOINTS.intersection(words):
            return True
    return False
