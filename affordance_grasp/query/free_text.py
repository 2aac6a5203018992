"""Texts for which the vocabulary has no word, put to a network that takes any text.

Such a text must be a request, a verb and what it is done to (``thump it``), rule nothing out, and
be near enough to what the network was trained for. The network is asked in the form of its
training sentences, ``thump the object``; in the text's own words far fewer maps are right. How
near is enough was measured for the encoder of the sentences: docs/own_verbs.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from affordance_grasp.errors import UnknownName
from affordance_grasp.query.request import DETERMINERS, read_request
from affordance_grasp.query.sentences import OTHER_LANGUAGES, read_words, word_set
from affordance_grasp.query.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from affordance_grasp.encoders.text import TextEncoder

LEAST_SIMILARITY = {"minilm": 0.36}
"""By text encoder; no text is trusted of one for which it was not measured."""
WISHES = word_set("i we you want would like wish need to can could should please let us now just")
OBJECTS = DETERMINERS | word_set("it them its")


@dataclass(frozen=True)
class FreeText:
    """How far a text is trusted: its cosine to the ``nearest`` affordance that was trained."""

    nearest: str
    similarity: float


def requested_verb(text: str, own: Mapping[str, Sequence[str]]) -> str | None:
    """The verb of a text that asks for what the vocabulary cannot name, and rules nothing out."""
    request = read_request(text, load_vocabulary().with_own(own))
    words = read_words(text)
    if request.refused or request.negated or request.affordance is not None:
        return None
    if OTHER_LANGUAGES.intersection(words):
        return None
    while words and words[0] in WISHES:
        words = words[1:]
    asked = len(words) > 1 and words[0] not in OBJECTS and words[1] in OBJECTS
    return words[0] if asked else None


def read_free_text(
    text: str, verb: str, affordances: Sequence[str], table: "Tensor", encoder: "TextEncoder"
) -> tuple[FreeText, "Tensor"]:
    """The trust in a text, and the feature (text dim,) that the network is asked with.

    Args:
        text: what was said.
        verb: see :func:`requested_verb`.
        affordances: those that were trained.
        table: their features (A, text dim), of norm 1.
        encoder: of the same features.

    Raises:
        UnknownName: the text is too far from everything that was trained.
    """
    from affordance_grasp.encoders.text import affordance_sentence

    said, feature = encoder.encode([text, affordance_sentence(verb)])
    scores = table @ said.to(table)
    best = int(scores.argmax())
    found = FreeText(affordances[best], round(float(scores[best]), 3))
    least = LEAST_SIMILARITY.get(encoder.name)
    if least is None or found.similarity < least:
        reason = (
            f"as free text it is nearest to {found.nearest}, {found.similarity:.2f} of the "
            f"{least:.2f} that are trusted"
            if least is not None
            else f"no free text is trusted of the encoder {encoder.name}"
        )
        raise UnknownName(f"query ({reason})", text, tuple(affordances))
    return found, feature
