"""The affordances, and what people call them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import yaml
from torch import Tensor

from affordance_grasp.encoders.text import (
    TextEncoder,
    affordance_sentence,
    load_text_encoder,
    minilm_folder,
)
from affordance_grasp.errors import UnknownName
from affordance_grasp.share import share_path

_WORD = re.compile(r"[a-z]+")

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

    ``instead``: what to use for a verb that a method does not know. ``threshold`` and ``margin``:
    when a sentence similarity is trusted.
    """

    fillers: frozenset[str]
    phrases: dict[tuple[str, ...], str]
    instead: dict[str, tuple[str, ...]]
    threshold: float
    margin: float

    def __post_init__(self) -> None:
        """Refuse verbs that are not affordances."""
        named = {*self.phrases.values(), *self.instead}
        for verb in named.union(*self.instead.values()):
            if verb not in AFFORDANCES:
                raise UnknownName("affordance in vocabulary.yaml", verb, AFFORDANCES)


@cache
def load_vocabulary() -> Vocabulary:
    """Read ``config/vocabulary.yaml``."""
    with share_path("config/vocabulary.yaml").open(encoding="utf-8") as file:
        stored = yaml.safe_load(file)
    fillers = frozenset(stored["fillers"])
    return Vocabulary(
        fillers=fillers,
        phrases={
            tuple(word for word in phrase.split() if word not in fillers): verb
            for verb, phrases in stored["phrases"].items()
            for phrase in phrases
        },
        instead={verb: tuple(others) for verb, others in stored["instead"].items()},
        **stored["similarity"],
    )


def resolve_query(text: str, known: Sequence[str]) -> str:
    """The affordance of ``known`` that a free text means; UnknownName if it means none.

    First the text itself as a verb, then the phrases of the vocabulary, then, where the sentence
    encoder is installed and no phrase occurs, the similarity of the sentences.
    """
    exact = "_".join(_WORD.findall(text.lower()))
    if exact in known:
        return exact
    vocabulary = load_vocabulary()
    said = exact if exact in AFFORDANCES else _spoken_affordance(text, vocabulary)
    if said is None:
        meant = _similar_affordance(text, known, vocabulary)
    else:
        candidates = (said, *vocabulary.instead.get(said, ()))
        meant = next((verb for verb in candidates if verb in known), None)
    if meant is None:
        raise UnknownName("query", text, tuple(known))
    return meant


def _spoken_affordance(text: str, vocabulary: Vocabulary) -> str | None:
    words = [word for word in _WORD.findall(text.lower()) if word not in vocabulary.fillers]
    longest = max(len(phrase) for phrase in vocabulary.phrases)
    for length in range(min(longest, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            first, *rest = words[start : start + length]
            for stem in _stems(first):
                verb = vocabulary.phrases.get((stem, *rest))
                if verb is not None:
                    return verb
    return None


def _stems(word: str) -> list[str]:
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


def _similar_affordance(text: str, known: Sequence[str], vocabulary: Vocabulary) -> str | None:
    if not _WORD.search(text.lower()) or not _can_compare_sentences():
        return None
    scores = {verb: score for verb, score in _similarities(text).items() if verb in known}
    best = max(scores, key=scores.__getitem__)
    replaceable = (best, *vocabulary.instead.get(best, ()))
    rivals = [score for verb, score in scores.items() if verb not in replaceable]
    lead = scores[best] - max(rivals, default=-1.0)
    trusted = scores[best] >= vocabulary.threshold and lead >= vocabulary.margin
    return best if trusted else None


def _can_compare_sentences() -> bool:
    return minilm_folder() is not None and find_spec("transformers") is not None


def _similarities(text: str) -> dict[str, float]:
    """Affordance -> the highest cosine of the text and one of the affordance's sentences."""
    encoder, verbs, table = _sentence_table()
    scores = table @ encoder.encode([text])[0]
    best: dict[str, float] = {}
    for verb, score in zip(verbs, scores.tolist(), strict=True):
        best[verb] = max(score, best.get(verb, -1.0))
    return best


@cache
def _sentence_table() -> tuple[TextEncoder, list[str], Tensor]:
    phrases = load_vocabulary().phrases
    sentences = [f"{' '.join(phrase)} the object" for phrase in phrases]
    verbs = [*phrases.values(), *AFFORDANCES]
    encoder = load_text_encoder("minilm")
    table = encoder.encode(sentences + [affordance_sentence(verb) for verb in AFFORDANCES])
    return encoder, verbs, table
