"""A table of requests, and which object each means."""

import pytest

from affordance_grasp.query.nouns import load_nouns
from affordance_grasp.query.reference import (
    ANYTHING,
    Description,
    Reference,
    Relation,
    names_an_object,
    read_reference,
)
from affordance_grasp.query.request import read_request
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import AFFORDANCES, load_vocabulary

OBJECTS = {
    "hold": "any object",
    "grab it": "any object",
    "hold it tight": "any object",
    "give it a push": "any object",
    "take something": "any object",
    "hold the handle": "any object",
    "something to cut with": "any object",
    "hold the knife": "the knife",
    "hold knife": "the knife",
    "hold a knife": "any knife",
    "hold any knife": "any knife",
    "hold one of the knives": "any knife",
    "take either spoon": "any spoon",
    "bring me a tool": "any tool",
    "hold the scissors": "the scissors",
    "hold the mug tight": "the mug",
    "pick the mug up": "the mug",
    "hold the mug, it does not cut": "the mug",
    "hand me the bread knife": "the bread knife",
    "could you please hand me the green bottle": "the green bottle",
    "the red mug, by its handle": "the red mug",
    "lift the pan by the handle": "the pan",
    "hold the handle of the mug": "the mug",
    "hold the mug's handle": "the mug",
    "hold the knife handle": "the knife",
    "hold the mug with the gripper": "the mug",
    "hold the mug on the table": "the mug",
    "hold the bottle for the guest": "the bottle",
    "the carving knife, hold it": "the carving knife",
    "the drinking glass: pour": "the drinking glass",
    "hold the wooden spoon": "the wooden spoon",
    "the big red hammer": "the biggest red hammer",
    "hold the crimson cup": "the red cup",
    "the red and blue mug": "the red blue mug",
    "take the red one": "the red object",
    "the left one": "the leftmost object",
    "hold the left hammer": "the leftmost hammer",
    "grab the blue cup on the left": "the leftmost blue cup",
    "the one at the back": "the farthest object",
    "the front mug": "the nearest mug",
    "the nearest mug": "the nearest mug",
    "the mug closest to the camera": "the mug",
    "the biggest bowl": "the biggest bowl",
    "lift the smaller pan": "the smallest pan",
    "hold the tall one": "the tallest object",
    "the second mug from the left": "the 2. leftmost mug",
    "the third biggest bowl": "the 3. biggest bowl",
    "the middle bottle": "the middle bottle",
    "hold it right": "any object",
    "lift it high": "any object",
    "the mug next to the plate": "the mug near plate",
    "the mug by the bowl": "the mug near bowl",
    "the mug nearest to the bowl": "the mug near bowl",
    "the mug nearest the bowl": "the mug near bowl",
    "hold the mug with the spoon": "the mug near spoon",
    "the bowl behind the teapot": "the bowl behind teapot",
    "hold the thing behind the mug": "the object behind mug",
    "take the fork in front of the red pan": "the fork in_front_of red pan",
    "hold the mug to the left of the red bowl": "the mug left_of red bowl",
    "to the left of the bowl, hold the mug": "the mug left_of bowl",
    "hold the mug right of the bowl": "the mug right_of bowl",
    "the spoon in the bowl": "the spoon unread bowl",
    "take the spoon from the bowl": "the spoon unread bowl",
    "cut with the knife": "the knife",
    "cut the bread with the knife": "the knife",
    "cut the bread": "any object",
    "hammer a nail": "any object",
    "hit the nail with the hammer": "the hammer",
    "hammer a nail with the wrench": "the wrench",
    "stir the soup with a spoon": "any spoon",
    "stir the bowl with the spoon": "the spoon",
    "drink from the mug": "the mug",
    "drink the tea": "any object",
    "pour the water": "any object",
    "pour the bottle": "the bottle",
    "pour water from the bottle into the mug": "the bottle, not mug",
    "pour into the mug": "any object, not mug",
    "take the photo": "any object",
    "use the hammer": "the hammer",
    "hold the hammer": "the hammer",
    "hold the mug, not the red one": "the mug, not red object",
    "hold a mug, not the red one": "any mug, not red object",
    "grab anything but the knife": "any object, not knife",
    "take anything except the left bowl": "any object, not leftmost bowl",
    "don't touch the knife, hold the mug": "the mug, not knife",
    "leave the mug alone, take the fork": "the fork, not mug",
    "hold the mug without touching the bowl": "the mug, not bowl",
    "take the blue one rather than the red mug": "the blue object, not red mug",
    "avoid the blade and hold the handle": "any object",
    "hold the knife but not by the blade": "the knife",
    "hold the knife but not by the blade of the knife": "the knife",
    "hold the banana": "the banana",
    "pick up banana": "the banana",
    "the box: pick it up": "the box",
    "hold the bottle opener": "the bottle opener",
    "hold the mug tree": "the mug tree",
    "hold the mug and the knife": "refused: it names several objects (mug, knife)",
    "take the knife or the fork": "refused: it names several objects (knife, fork)",
    "take both mugs": "refused: it asks for several objects and one is grasped",
    "hold the mugs": "refused: it asks for several objects and one is grasped",
    "take all the spoons": "refused: it asks for several objects and one is grasped",
    "hold the other mug": "refused: which other one is not said",
    "nimm die Tasse": "any object",
}


def said(text):
    affordance = read_request(text, load_vocabulary()).affordance
    reference = read_reference(text, affordance)
    if reference.refused:
        return f"refused: {reference.refused}"
    words = ["the" if reference.definite else "any", str(reference.described)]
    words += [f"{relation.kind} {relation.anchor}" for relation in reference.relations]
    return ", not ".join([" ".join(words), *map(str, reference.excluded)])


@pytest.mark.parametrize(("text", "meant"), OBJECTS.items())
def test_which_object_is_meant(text, meant):
    assert said(text) == meant


def test_a_reference_is_a_value():
    reference = read_reference("hold the red cup left of the banana, not the big one", "hold")
    assert reference == Reference(
        Description("cup", frozenset({"mug"}), ("red",)),
        (Relation("left_of", Description("banana")),),
        (Description(extreme="biggest"),),
        definite=True,
    )
    assert hash(reference) == hash(
        read_reference("hold the red cup left of the banana, not the big one", "hold")
    )
    assert read_reference("hold", "hold").is_empty
    assert read_reference("hold", "hold").described == ANYTHING


@pytest.mark.parametrize("text", ["the left one", "the red mug", "the biggest bowl, please"])
def test_to_describe_an_object_is_to_ask_for_it(text):
    assert names_an_object(text)
    assert resolve_query(text, AFFORDANCES) == "hold"


@pytest.mark.parametrize(
    "text", ["mug", "the", "the stock market", "purple elephant", "what is the mug", "not the mug"]
)
def test_other_words_do_not_ask_for_an_object(text):
    assert not names_an_object(text)


def test_every_group_is_of_families_that_have_names():
    nouns = load_nouns()
    alone = {
        family for families in nouns.families.values() if len(families) == 1 for family in families
    }
    assert set().union(*nouns.families.values()) == alone
