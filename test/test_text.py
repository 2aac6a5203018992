"""Sentences and their features."""

import pytest
import torch

from affordance_grasp.encoders.registry import installed_file
from affordance_grasp.encoders.text import (
    affordance_sentence,
    load_text_encoder,
    noun_sentence,
    text_table,
)
from affordance_grasp.errors import UnknownName


def test_sentences():
    assert affordance_sentence("hold") == "hold the object"
    assert affordance_sentence("cut_with") == "cut with the object"
    assert affordance_sentence("take_photo") == "take a photo with the object"
    assert noun_sentence("wine_glass") == "a wine glass"
    assert noun_sentence("axe") == "an axe"


def test_unknown_encoder():
    with pytest.raises(UnknownName, match="known: minilm"):
        load_text_encoder("word2vec")


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("transformers", reason="the sentence encoder needs transformers")
    if installed_file("minilm") is None:
        pytest.skip("the package with the sentence encoder is not installed")
    return load_text_encoder("minilm")


def test_features_are_unit_vectors_whatever_else_is_in_the_batch(minilm):
    alone = minilm.encode(["hold the object"])
    batch = minilm.encode(["hold the object", "a far longer sentence about quite another thing"])
    assert alone.shape == (1, minilm.dim)
    torch.testing.assert_close(batch.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(batch[:1], alone, atol=1e-5, rtol=0)


def test_meaning_is_direction(minilm):
    table = text_table(minilm, ["slice the bread", "cut with the knife", "ride the bicycle"])
    slicing, cutting, riding = table.values()
    assert slicing @ cutting > slicing @ riding + 0.2
