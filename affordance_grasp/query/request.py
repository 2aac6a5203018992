"""What an English sentence asks for and what it rules out, by the vocabulary's phrases and parts.

A request is read clause by clause (:mod:`sentences`); what it negates is never taken.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from affordance_grasp.query.sentences import Clause, Words, clauses, is_foreign, word_set
from affordance_grasp.query.vocabulary import Vocabulary, load_vocabulary

HOLDING = ("hold", "pick_up", "lift", "carry", "catch", "drag", "push")
"""With these a named part decides the affordance: ``lift it by the handle``."""
DETERMINERS = word_set("the a an my your his her our their this that these those some any another")
ENDS_OF_NAMES = word_set("to and or with by at on for from of in using")
LIGHT_VERBS = word_set("make have do give")
"""``give it a push`` means to push."""
OPPOSITES = ("un", "non", "dis", "mis", "with")
"""Prefixes that reverse a verb: ``uncut``, ``withhold``."""
PARTICLES = word_set("on in up off over out down")
"""The object may stand before these: ``turn the lamp on``."""
LONGEST_REQUEST = 1000
NAME_REACH = 3
"""Words after a determiner that may belong to a name: ``the big red hammer``."""
NAME = "~"
"""Prefix of words that name an object; no word begins with it."""


@dataclass(frozen=True)
class Request:
    """The meaning of a sentence: its ``affordance``, None where no word means one.

    ``negated``: affordances that are ruled out. ``refused``: why no affordance may be guessed.
    """

    affordance: str | None
    negated: frozenset[str] = frozenset()
    refused: str = ""


def read_request(text: str, vocabulary: Vocabulary) -> Request:
    """The affordance that an English sentence requests, and those that it rules out."""
    if len(text) > LONGEST_REQUEST:
        return Request(None, refused=f"at most {LONGEST_REQUEST} characters are read")
    if is_foreign(text):
        return Request(None, refused="only English is understood")

    parsed = _clauses(text, vocabulary)
    negated = frozenset(
        affordance
        for clause in parsed
        if clause.negated
        for affordance in _ruled_out(clause, vocabulary)
    )
    requests = [_ClauseRequest.of(clause, vocabulary) for clause in parsed if not clause.negated]
    for clause_request in requests:
        if clause_request.refused:
            return Request(None, negated, clause_request.refused)
    requested = next(
        (w.affordance for w in requests if w.affordance not in (None, *negated)), None
    )
    if requested is None and any(clause.negated for clause in parsed):
        return Request(None, negated, "it only rules actions out")
    words = (word for clause in parsed for word in clause.words)
    derived = next((word for word in words if _is_derived(word, vocabulary)), None)
    if requested is None and derived:
        return Request(None, negated, f"{derived!r} is another word than the verb in it")
    return Request(requested, negated)


def read_clauses(text: str) -> list[Clause]:
    """The clauses of a sentence; none of one that is too long or no English."""
    if len(text) > LONGEST_REQUEST or is_foreign(text):
        return []
    return _clauses(text, load_vocabulary())


def _clauses(text: str, vocabulary: Vocabulary) -> list[Clause]:
    def is_command(word: str) -> bool:
        return any((word, *rest) in vocabulary.phrases for rest in ((), ("up",))) or (
            (word,) in vocabulary.unserved
        )

    return clauses(text, is_command, lambda words: words in vocabulary.phrases)


def _is_derived(word: str, vocabulary: Vocabulary) -> bool:
    """Whether a word holds a verb of the vocabulary and does not mean it."""
    cores = [word.removeprefix(opposite) for opposite in OPPOSITES if word.startswith(opposite)]
    pieces = [*word.split("-"), *(core for core in cores if len(core) > 2)]
    return pieces != [word] and any(
        (stem,) in vocabulary.phrases for p in pieces for stem in stems(p)
    )


def _ruled_out(clause: Clause, vocabulary: Vocabulary) -> set[str]:
    """The affordances of a negated clause: of the parts that it names, else of its verbs.

    With the region of a part go all affordances that have it; ``not lift, hold`` leaves ``hold``.
    """
    words = [word for word in clause.words if word not in vocabulary.fillers]
    parts = [vocabulary.parts[part] for _, part in _occurrences(words, vocabulary.parts)]
    verbs = [vocabulary.phrases[phrase] for _, phrase in _occurrences(words, vocabulary.phrases)]
    named = {verb for verb in (parts or verbs) if verb is not None}
    alike = {other for verb in named for other in vocabulary.instead.get(verb, ())}
    return named | {verb for verb in alike if parts or verb not in HOLDING}


@dataclass(frozen=True)
class _ClauseRequest:
    """The request of one clause; see :class:`Request`."""

    affordance: str | None
    refused: str = ""

    @staticmethod
    def of(clause: Clause, vocabulary: Vocabulary) -> "_ClauseRequest":
        """A part that is named decides where a verb of holding, or none, goes with it."""
        words = _verbs_and_names(clause.words, vocabulary)
        verbs = _occurrences(words, {**vocabulary.phrases, **dict.fromkeys(vocabulary.unserved)})
        bare = [word.removeprefix(NAME) for word in words]
        parts = _occurrences(bare, vocabulary.parts)
        if verbs and verbs[0][1] in vocabulary.unserved:
            return _ClauseRequest(None, f"{' '.join(verbs[0][1])!r} is none of the affordances")
        verb = vocabulary.phrases[verbs[0][1]] if verbs else None
        if not parts or verb not in (None, *HOLDING):
            return _ClauseRequest(verb)
        _, part = parts[0]
        if vocabulary.parts[part] is not None:
            return _ClauseRequest(vocabulary.parts[part])
        if verb is None or {"by", "at"}.intersection(clause.words):
            return _ClauseRequest(None, f"no affordance is that of the part {' '.join(part)!r}")
        return _ClauseRequest(verb)


def _verbs_and_names(words: Words, vocabulary: Vocabulary) -> list[str]:
    """The words without fillers; those that name an object, such as ``the hammer``, are marked."""
    marked: list[str] = []
    named_until = -1
    for place, word in enumerate(words):
        if word in DETERMINERS:
            light = _is_light(words[:place], word, words[place + 1 : place + 2], vocabulary)
            named_until = place + (0 if light else NAME_REACH)
            marked = marked[:-1] if light else marked
        elif word in ENDS_OF_NAMES:
            named_until = -1
        if word in vocabulary.fillers:
            continue
        names = place <= named_until and not word.endswith("ed")
        marked.append(f"{NAME}{word}" if names else word)
    return marked


def _is_light(before: Words, determiner: str, after: Words, vocabulary: Vocabulary) -> bool:
    """Whether the verb before a determiner only carries the noun after it: ``give it a push``.

    To ``give me a hammer`` is to hand it over.
    """
    verb = next((word for word in reversed(before) if word not in ("it", "them")), "")
    carried = any((stem,) in vocabulary.phrases for word in after for stem in stems(word))
    return verb in LIGHT_VERBS and determiner in ("a", "an", "another") and carried


def _occurrences(words: Sequence[str], phrases: Collection[Words]) -> list[tuple[int, Words]]:
    """Phrases in their order; of those that begin at one word the longest.

    Only the first word of a phrase must not be a mere name: ``take`` in ``take the photo``.
    """
    longest = max(map(len, phrases), default=0)
    bare = [word.removeprefix(NAME) for word in words]
    found: list[tuple[int, Words]] = []
    place = 0
    while place < len(words):
        here = _phrase_from(words[place], bare[place + 1 : place + longest], phrases)
        here = max(here, _parted(words[place], words[place + 1 :], phrases), key=len)
        if here:
            found.append((place, here))
        place += len(here) or 1
    return found


def _phrase_from(first: str, following: Sequence[str], phrases: Collection[Words]) -> Words:
    for length in range(len(following), -1, -1):
        for stem in stems(first):
            phrase = (stem, *following[:length])
            if phrase in phrases:
                return phrase
    return ()


def _parted(first: str, following: Sequence[str], phrases: Collection[Words]) -> Words:
    """A verb and its particle with the object's name between: ``turn the lamp on``."""
    for i, word in enumerate(following[: NAME_REACH + 1]):
        particle = word.removeprefix(NAME)
        found = [(stem, particle) for stem in stems(first) if (stem, particle) in phrases]
        if i and particle in PARTICLES and found:
            return found[0]
        if not word.startswith(NAME):
            break
    return ()


def stems(word: str) -> list[str]:
    """The word and what it may be an inflection of: cutting, cut; slicing, slice; carries, carry.

    Wrong stems do no harm: they are no phrase of the vocabulary.
    """
    stems = [word]
    for ending in ("ing", "ed", "es", "s", "er"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            base = word[: -len(ending)]
            stems += [base, base + "e"]
            stems += [base[:-1]] if base[-1] == base[-2] else []
            stems += [base[:-1] + "y"] if base[-1] == "i" else []
    return stems
