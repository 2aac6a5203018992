"""Free text: what is put to the network, how far it is trusted, and what stays refused."""

import numpy as np
import pytest
import torch
from test_sentences import REFUSED, REQUESTS
from test_vocabulary import NONSENSE

from affordance_grasp.errors import UnknownName
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.query.free_text import read_free_text, requested_verb

KNOWN = ("hit", "hold", "stir")
DIRECTIONS = {"thump it": [0.8, 0.6, 0.0], "thump the object": [0.6, 0.0, 0.8]}


class Directions:
    """Texts as directions in the plane of two verbs; ``name`` is that of a measured encoder."""

    name = "minilm"
    dim = 3

    def encode(self, sentences):
        return torch.tensor([DIRECTIONS.get(sentence, [0.1, 0.2, 0.3]) for sentence in sentences])


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("thump it", "thump"),
        ("please thump the nail", "thump"),
        ("I would like to whip my cream", "whip"),
        ("Serve the tea!", "serve"),
    ],
)
def test_a_verb_and_what_it_is_done_to_is_a_request(text, verb):
    assert requested_verb(text, {}) == verb


@pytest.mark.parametrize("text", [t for t, meant in REQUESTS.items() if meant is REFUSED])
def test_what_the_vocabulary_refuses_is_no_free_text(text):
    assert requested_verb(text, {}) is None


@pytest.mark.parametrize("text", [*NONSENSE, "hold it", "scoop the rice", "do not thump it"])
def test_names_nonsense_negations_and_known_verbs_are_none(text):
    assert requested_verb(text, {}) is None


def test_own_phrases_are_known_verbs():
    assert requested_verb("juggle it", {}) == "juggle"
    assert requested_verb("juggle it", {"toss_up": ["juggle"]}) is None


def test_trust_is_the_cosine_to_the_nearest_trained_verb():
    found, feature = read_free_text("thump it", "thump", KNOWN, torch.eye(3), Directions())
    assert (found.nearest, found.similarity) == ("hit", pytest.approx(0.8))
    assert feature.tolist() == pytest.approx([0.6, 0.0, 0.8])


def test_what_is_far_from_all_that_was_trained_is_refused():
    with pytest.raises(UnknownName, match=r"nearest to stir, 0.30 of the 0.36 that are trusted"):
        read_free_text("paint the wall", "paint", KNOWN, torch.eye(3), Directions())


def test_an_encoder_that_was_not_measured_is_not_trusted():
    encoder = Directions()
    encoder.name = "clip_vitb16"
    with pytest.raises(UnknownName, match="no free text is trusted of the encoder clip_vitb16"):
        read_free_text("thump it", "thump", KNOWN, torch.eye(3), encoder)


@pytest.fixture(scope="module")
def grounder(random_checkpoint):
    return load_grounder("plsp", random_checkpoint)


@pytest.fixture(scope="module")
def color():
    return np.random.default_rng(0).integers(0, 255, (80, 100, 3)).astype(np.uint8)


def test_the_map_is_that_of_the_text_itself(grounder, color, monkeypatch):
    """Given the feature of a trained verb, the text has that verb's map, and is marked."""
    row = grounder.affordances.index("cut_with")

    class Cutting:
        name = "minilm"

        def encode(self, sentences):
            assert sentences == ["halve the thing", "halve the object"]
            return grounder._text[[row, row]].cpu()

    monkeypatch.setattr(grounder, "_encoder", Cutting())
    with pytest.raises(UnknownName):
        grounder.ground(color, "halve the thing")
    free = grounder.ground_open(color, "halve the thing")
    cut = grounder.ground(color, "cut with")
    assert free.values == pytest.approx(cut.values, abs=1e-6)
    assert (free.affordance, free.similarity) == ("cut_with", pytest.approx(1.0, abs=0.001))
    assert cut.similarity is None
    assert grounder.ground_open(color, "cut with").similarity is None
    with pytest.raises(UnknownName, match="only rules actions out"):
        grounder.ground_open(color, "do not cut it")
