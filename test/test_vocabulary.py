"""Free text to an affordance, and nonsense to a refusal."""

from importlib.util import find_spec

import pytest

from affordance_grasp.encoders.registry import installed_file
from affordance_grasp.errors import UnknownName
from affordance_grasp.query import resolve
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import (
    AFFORDANCES,
    Vocabulary,
    in_order,
    is_affordance_name,
    known_affordances,
    load_vocabulary,
)

SOME = ("brush_with", "cut_with", "drink_with", "hit", "hold", "open", "pour", "stir", "wash")


def test_the_affordances_are_those_of_agd20k():
    assert len(AFFORDANCES) == 36
    assert list(AFFORDANCES) == sorted(AFFORDANCES)
    assert (AFFORDANCES[6], AFFORDANCES[11], AFFORDANCES[25]) == ("cut_with", "hold", "sit_on")


@pytest.mark.parametrize("affordance", known_affordances())
def test_every_affordance_means_itself(affordance):
    assert resolve_query(affordance, known_affordances()) == affordance
    said = affordance.replace("_", " ").upper()
    assert resolve_query(said, known_affordances()) == affordance
    assert load_vocabulary().phrases[tuple(said.lower().split())] == affordance or said == "BOXING"


@pytest.mark.parametrize(
    ("text", "affordance"),
    [
        ("grasp", "hold"),
        ("grab", "hold"),
        ("Grab it!", "hold"),
        ("grabbing", "hold"),
        ("take", "hold"),
        ("pick it up by the handle", "hold"),
        ("please hold the hammer", "hold"),
        ("carries", "hold"),
        ("lift", "hold"),
        ("pick up", "hold"),
        ("cut", "cut_with"),
        ("cutting the bread", "cut_with"),
        ("slicing", "cut_with"),
        ("I want to cut something", "cut_with"),
        ("sip", "drink_with"),
        ("drink some tea", "drink_with"),
        ("beat the eggs", "stir"),
        ("pour me some water", "pour"),
        ("hammer a nail", "hit"),
        ("unlock", "open"),
        ("brush your teeth", "brush_with"),
    ],
)
def test_what_people_say(text, affordance):
    assert resolve_query(text, SOME) == affordance


def test_a_known_verb_is_not_replaced():
    assert resolve_query("pick up", AFFORDANCES) == "pick_up"
    assert resolve_query("cut", AFFORDANCES) == "cut"


NONSENSE = (
    "asdf",
    "what is the weather",
    "quantum physics",
    "hello",
    "banana",
    "the",
    "stock market",
    "how are you",
    "xkcd",
    "mug",  # near several verbs
    "toothache",  # near one verb, but not near enough
    "grammar",
    "purple elephant",
    "who won the election",
    "1234",
    "!!!",
    "",
)


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("known", [SOME, AFFORDANCES])
def test_nonsense_is_refused(text, known):
    with pytest.raises(UnknownName, match="unknown query .* known: .*hold"):
        resolve_query(text, known)


def test_a_verb_that_the_method_does_not_know_is_refused_and_not_bent():
    with pytest.raises(UnknownName, match="unknown query 'kick'; known: hold, pour"):
        resolve_query("kick", ("hold", "pour"))


@pytest.mark.parametrize(
    ("text", "affordance"),
    [
        ("polish my teeth", "brush_with"),
        ("agitate the mixture", "stir"),
        ("bang the nail in", "hit"),
    ],
)
def test_words_outside_the_vocabulary_are_compared_by_meaning(text, affordance):
    if installed_file("minilm") is None or find_spec("transformers") is None:
        pytest.skip("the sentence encoder is not installed")
    assert resolve_query(text, SOME) == affordance


def test_without_the_sentence_encoder_they_are_refused(monkeypatch):
    monkeypatch.setattr(resolve, "installed_file", lambda name: None)
    assert resolve_query("grab it", SOME) == "hold"
    with pytest.raises(UnknownName):
        resolve_query("agitate the mixture", SOME)


def test_no_phrase_is_listed_twice_and_every_replacement_is_an_affordance():
    import yaml

    from affordance_grasp.share import share_path

    stored = yaml.safe_load(share_path("config/vocabulary.yaml").read_text())
    phrases = [phrase for listed in stored["phrases"].values() for phrase in listed]
    assert len(phrases) == len(set(phrases)) == len(load_vocabulary().phrases)
    assert set(stored["phrases"]) == set(known_affordances())


def test_further_affordances_come_after_those_of_agd20k():
    assert known_affordances()[:36] == AFFORDANCES
    assert "strike_with" in known_affordances()[36:]
    assert in_order(["wipe", "write", "cut", "dig", "cut"]) == ("cut", "write", "dig", "wipe")


@pytest.mark.parametrize("name", ["hold", "cut_with", "hang_up2"])
def test_names_of_affordances(name):
    assert is_affordance_name(name)


@pytest.mark.parametrize(
    "name", ["", "Hold", "cut with", "_cut", "cut_", "a__b", "2cut", "x" * 41]
)
def test_what_is_no_name_of_an_affordance(name):
    assert not is_affordance_name(name)


@pytest.mark.parametrize(
    ("text", "known", "affordance"),
    [
        ("scoop", SOME, None),
        ("squeeze it", SOME, None),
        ("wipe the table", SOME, None),
        ("strike with the hammer", SOME, None),
        ("plug it in", SOME, None),
        ("twist the cap", SOME, "open"),
        ("twist the cap", known_affordances(), "twist"),
    ],
)
def test_a_head_that_never_learned_a_further_verb_refuses_it_or_takes_its_like(
    text, known, affordance
):
    if affordance is None:
        with pytest.raises(UnknownName):
            resolve_query(text, known)
    else:
        assert resolve_query(text, known) == affordance


def test_own_affordances_come_before_what_the_vocabulary_knows():
    vocabulary = load_vocabulary().with_own({"hang_up": ["put on the peg"], "tighten": []})
    assert isinstance(vocabulary, Vocabulary)
    assert vocabulary.phrases["hang", "up"] == "hang_up"
    assert vocabulary.phrases["put", "on", "peg"] == "hang_up"
    assert vocabulary.phrases["tighten",] == "tighten"
    assert ("tighten",) not in vocabulary.unserved
    assert vocabulary.affordances[36:][0] == "contain"
    assert "hang_up" in vocabulary.affordances
    assert load_vocabulary().phrases["hang", "up"] == "hang"
