"""A table of requests and what each means: what is negated is never taken."""

import pytest

from affordance_grasp.errors import UnknownName
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.sentences import Clause, clauses, is_foreign
from affordance_grasp.query.vocabulary import known_affordances

REFUSED = None

REQUESTS = {
    "avoid the blade": REFUSED,
    "don't touch the blade": REFUSED,
    "not the blade, the handle": "hold",
    "never cut": REFUSED,
    "without cutting": REFUSED,
    "open-handed grasp": "hold",
    "tighten the screw": REFUSED,
    "the handle": "hold",
    "the handle, not the blade": "hold",
    "Don’t touch the blade!": REFUSED,
    "dont touch the blade": REFUSED,
    "do not touch the blade, take the handle": "hold",
    "do not touch the blade; take the handle": "hold",
    "grab the handle instead of the blade": "hold",
    "instead of the blade, the handle": "hold",
    "instead of the blade the handle": REFUSED,
    "rather than cutting, hold it": "hold",
    "hold it rather than cutting": "hold",
    "hold it, don't cut": "hold",
    "don't hold it, cut with it": "cut_with",
    "cut, not hold": "cut",
    "hold the mug without touching the rim": "hold",
    "hold the knife but not by the blade": "hold",
    "pick it up, avoiding the blade": "pick_up",
    "avoid the blade and hold the handle": "hold",
    "avoid the blade and the tip": REFUSED,
    "avoid the blade, the tip and the edge": REFUSED,
    "avoid the blade, the handle": "hold",
    "don't cut and slice": REFUSED,
    "anything but the blade": REFUSED,
    "everything except the handle": REFUSED,
    "nothing but the handle": "hold",
    "grab anything except the blade": "hold",
    "keep away from the blade": REFUSED,
    "keep your hands off the blade": REFUSED,
    "stay clear of the blade and grab the handle": "hold",
    "be careful with the blade": REFUSED,
    "be careful and hold the handle": "hold",
    "careful, hold the handle": "hold",
    "mind the blade": REFUSED,
    "leave the blade alone": REFUSED,
    "leave the blade alone, take the handle": "hold",
    "the blade is dangerous": REFUSED,
    "the blade is dangerous, hold the handle": "hold",
    "the blade must not be touched": REFUSED,
    "cutting is forbidden": REFUSED,
    "cutting is not allowed": REFUSED,
    "the blade should be avoided": REFUSED,
    "you must not cut": REFUSED,
    "why don't you hold the mug": "hold",
    "can't you lift it": "lift",
    "don't forget to hold the handle": "hold",
    "don't hesitate to cut": "cut",
    "no problem, lift it": "lift",
    "neither cut nor slice": REFUSED,
    "hold the handle, don't hold the blade": "hold",
    "cut the bread, but don't touch the blade": REFUSED,
    "hold it; never cut": "hold",
    "no cutting": REFUSED,
    "no cutting please, just hold it": "hold",
    "non-stick pan": REFUSED,
    "hold the non-stick pan": "hold",
    "hold the cutting board": "hold",
    "hand me the bread knife": "hold",
    "the carving knife, hold it": "hold",
    "the drinking glass: pour": "pour",
    "hold the hammer": "hold",
    "the box: pick it up": "pick_up",
    "pick up the box": "pick_up",
    "take the box": "hold",
    "hammer a nail": "hit",
    "take a photo": "take_photo",
    "take the photo": "take_photo",
    "give it a push": "push",
    "give me the mug": "hold",
    "give me a hammer": "hold",
    "give it to me": "hold",
    "hand me the mug": "hold",
    "make a cut": "cut",
    "have a drink": "drink_with",
    "close the bottle": REFUSED,
    "put down the mug": REFUSED,
    "let go of the handle": REFUSED,
    "release the handle": REFUSED,
    "screw in the bulb": REFUSED,
    "turn the handle": REFUSED,
    "unscrew the lid": "open",
    "open the bottle": "open",
    "lift the lid": "lift",
    "hold it by the rim": REFUSED,
    "grab the mug by its handle": "hold",
    "lift the pan by the handle": "hold",
    "carry it by its handle": "hold",
    "hold the knife by the blade": "cut_with",
    "cut with the knife": "cut_with",
    "I want to cut something": "cut",
    "I do not want to cut": REFUSED,
    "I don't want to cut, I want to hold": "hold",
    "nimm die Tasse am Griff": REFUSED,
    "nimm den Hammer": REFUSED,
    "prends le marteau": REFUSED,
    "sin cortar": REFUSED,
    "ohne zu schneiden": REFUSED,
    "halte den Hammer": REFUSED,
    "coge el martillo": REFUSED,
    "prendre la tasse par la poignée": REFUSED,
    "prendi la tazza": REFUSED,
    "切る": REFUSED,
    "держи молоток": REFUSED,
    "pega a faca pelo cabo": REFUSED,
    "pak de hamer": REFUSED,
    "pick up the die": "pick_up",
    "hold the sauté pan": "hold",
    "beat the eggs": "stir",
    "pour me some water": "pour",
    "pick it up by the handle": "hold",
    "something to cut with": "cut_with",
    "hold the mug because it is not hot": "hold",
    "hold the mug, it does not cut": "hold",
    "lift it, then hold it": "lift",
    "do not lift but hold": "hold",
    "not lift, hold": "hold",
    "hold what is not sharp": REFUSED,
    "stop cutting": REFUSED,
    "hands off the blade": REFUSED,
    "hold tight": "hold",
    "knife, handle": "hold",
    "handle only, not blade": "hold",
    "use the knife": "hold",
    "write with the pen, don't open it": "write",
    "never open it; pour": "pour",
    "you can cut it but you may not hold the blade": REFUSED,
    "don't pick it up by the blade": REFUSED,
    "don't pick it up by the blade, pick it up by the handle": "hold",
    "grip, don't slip": "hold",
    "take it anywhere but by the blade": "hold",
    "I'd rather hold the handle than the blade": "hold",
    "ungrasp": REFUSED,
    "withhold the mug": REFUSED,
    "uncut bread": REFUSED,
    "careless cutting": "cut",
    "photo": "take_photo",
    "kick-off": REFUSED,
    "pick-up": "pick_up",
    "scoop up some rice": "scoop",
    "scoop with the ladle": "scoop",
    "don't scoop, hold it": "hold",
    "hold it, don't scoop": "hold",
    "contain": "contain",
    "support the cake": "support",
    "spread the butter": "spread",
    "hold the butter knife": "hold",
    "flip the pancake": "flip",
    "turn it over": "flip",
    "turn the pancake over": "flip",
    "flip it but don't touch the blade": "flip",
    "dig a hole": "dig",
    "take the shovel": "hold",
    "hang up the coat": "hang",
    "hang it on the wall": "hang",
    "hold it by the hook": "hang",
    "not by the hook": REFUSED,
    "squeeze the tube": "squeeze",
    "squeeze it gently": "squeeze",
    "do not squeeze it": REFUSED,
    "don't squeeze it, hold it": "hold",
    "twist the lid": "twist",
    "twist the lid off": "twist",
    "twist it open": "open",
    "hold the mug, never twist it": "hold",
    "turn on the lamp": "turn_on",
    "turn the lamp on": "turn_on",
    "switch the flashlight on": "turn_on",
    "press the button": "turn_on",
    "push the button": "turn_on",
    "push the box": "push",
    "turn off the lamp": REFUSED,
    "turn the lamp off": REFUSED,
    "do not turn the lamp on": REFUSED,
    "don't press the button, hold it": "hold",
    "turn the knob": REFUSED,
    "plug in the charger": "plug_in",
    "plug the charger in": "plug_in",
    "hold the plug": "hold",
    "unplug it": REFUSED,
    "wipe the table": "wipe",
    "wash the sponge": "wash",
    "hit the nail": "hit",
    "hit with the hammer": "hit",
    "pound": "hit",
    "strike with the hammer": "strike_with",
    "pound with it": "strike_with",
    "the head of the hammer": "strike_with",
    "the hammer head": "strike_with",
    "hammer head": "strike_with",
    "hold the hammer by its head": "strike_with",
    "hold the hammer, not by the hammer head": "hold",
    "avoid the head of the hammer": REFUSED,
    "hold the spoon by its head": REFUSED,
    "pick the mug up": "pick_up",
    "hold the mug on the table": "hold",
    "take the lid off": "hold",
}


@pytest.mark.parametrize(("text", "affordance"), REQUESTS.items())
def test_what_is_asked_for(text, affordance):
    if affordance is REFUSED:
        with pytest.raises(UnknownName, match="unknown query"):
            resolve_query(text, known_affordances())
    else:
        assert resolve_query(text, known_affordances()) == affordance


def test_a_refusal_says_why():
    for text, reason in (
        ("avoid the blade", "it only rules actions out"),
        ("nimm die Tasse am Griff", "only English is understood"),
        ("tighten the screw", "'tighten' is none of the affordances"),
        ("hold it by the rim", "no affordance is that of the part 'rim'"),
        ("uncut bread", "'uncut' is another word than the verb in it"),
    ):
        with pytest.raises(
            UnknownName, match=rf"unknown query \({reason}\) '{text}'; known: beat"
        ):
            resolve_query(text, known_affordances())


def test_a_replacement_is_never_one_that_is_negated():
    assert resolve_query("lift it", ("hold", "pick_up")) == "pick_up"
    assert resolve_query("lift it, don't pick it up", ("hold", "pick_up")) == "hold"
    with pytest.raises(UnknownName):
        resolve_query("lift it, don't pick it up", ("pick_up",))


def commands(word):
    return word in ("cut", "hold", "take")


def test_clauses_are_cut_at_stops_turns_and_new_commands():
    def split(text):
        return clauses(text, commands, lambda words: words == ("pick", "up"))

    assert split("hold it, not the blade") == [
        Clause(("hold", "it"), False),
        Clause(("the", "blade"), True),
    ]
    assert split("avoid the rim and take it") == [
        Clause(("the", "rim"), True),
        Clause(("take", "it"), False),
    ]
    assert split("don't cut and hold") == [Clause(("cut", "and", "hold"), True)]
    assert split("avoid the rim, the tip or the edge")[1] == Clause(
        ("the", "tip", "or", "the", "edge"), True
    )
    assert split("pick-up the open-handed") == [
        Clause(("pick", "up", "the", "open-handed"), False)
    ]


def test_one_shared_word_makes_no_sentence_english():
    assert is_foreign("nimm den hammer")
    assert is_foreign("切る")
    assert not is_foreign("pick up the die")
    assert not is_foreign("hold the sauté pan")
    assert not is_foreign("hammer")


@pytest.mark.parametrize(
    "text", ["don't " * 20_000 + "cut", "hold " * 300, "ho" + "l" * 10**6 + "d"]
)
def test_an_endless_text_is_refused_at_once(text):
    with pytest.raises(UnknownName, match="at most 1000 characters") as error:
        resolve_query(text, known_affordances())
    assert len(str(error.value)) < 1300
