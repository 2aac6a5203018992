"""The affordance that a free text means."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from affordance_grasp.encoders.registry import installed_file
from affordance_grasp.errors import UnknownName
from affordance_grasp.query.reference import names_an_object
from affordance_grasp.query.request import Request, read_request
from affordance_grasp.query.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from affordance_grasp.encoders.text import TextEncoder

FOR_OBJECTS = ("hold", "pick_up")
"""What is done with an object of which a text says nothing else: ``the left one``."""
_WORD = re.compile(r"[a-z]+")


def resolve_query(
    text: str, known: Sequence[str], own: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> str:
    """The affordance of ``known`` that a free text means; UnknownName if it means none.

    First the text itself as a verb, then the phrases of the vocabulary in what is not negated,
    then, for a text that only describes an object, to hold it, then, where the sentence encoder
    is installed, no phrase occurs and nothing is negated, the similarity of the sentences.
    ``own``: affordance -> phrases beside those of the vocabulary.
    """
    exact = "_".join(_WORD.findall(text.lower()))
    if exact in known:
        return exact
    vocabulary = load_vocabulary().with_own(own)
    request = Request(exact) if exact in vocabulary.affordances else read_request(text, vocabulary)
    if request.affordance is not None:
        candidates = (request.affordance, *vocabulary.instead.get(request.affordance, ()))
        allowed = (verb for verb in candidates if verb in known and verb not in request.negated)
        meant = next(allowed, None)
    elif request.refused:
        meant = None
    elif names_an_object(text):
        meant = next((verb for verb in FOR_OBJECTS if verb in known), None)
    else:
        meant = _similar_affordance(text, known, vocabulary)
    if meant is None:
        why = f" ({request.refused})" if request.refused else ""
        raise UnknownName(f"query{why}", text, tuple(known))
    return meant


def _similar_affordance(text: str, known: Sequence[str], vocabulary: Vocabulary) -> str | None:
    if not _WORD.search(text.lower()) or not _can_compare_sentences():
        return None
    scores = {verb: score for verb, score in _similarities(text).items() if verb in known}
    if not scores:
        return None
    best = max(scores, key=scores.__getitem__)
    replaceable = (best, *vocabulary.instead.get(best, ()))
    rivals = [score for verb, score in scores.items() if verb not in replaceable]
    lead = scores[best] - max(rivals, default=-1.0)
    trusted = scores[best] >= vocabulary.threshold and lead >= vocabulary.margin
    return best if trusted else None


def _can_compare_sentences() -> bool:
    packages = ("torch", "tokenizers", "transformers")
    return installed_file("minilm") is not None and all(map(find_spec, packages))


def _similarities(text: str) -> dict[str, float]:
    """Affordance -> the highest cosine of the text and one of the affordance's sentences."""
    encoder, verbs, table = _sentence_table()
    scores = table @ encoder.encode([text])[0]
    best: dict[str, float] = {}
    for verb, score in zip(verbs, scores.tolist(), strict=True):
        best[verb] = max(score, best.get(verb, -1.0))
    return best


@cache
def _sentence_table() -> tuple["TextEncoder", list[str], "Tensor"]:
    from affordance_grasp.encoders.text import affordance_sentence, load_text_encoder

    phrases = load_vocabulary().phrases
    sentences = [f"{' '.join(phrase)} the object" for phrase in phrases]
    named = load_vocabulary().affordances
    verbs = [*phrases.values(), *named]
    encoder = load_text_encoder("minilm")
    table = encoder.encode(sentences + [affordance_sentence(verb) for verb in named])
    return encoder, verbs, table
