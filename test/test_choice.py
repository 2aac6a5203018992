"""Which object is meant: known tables, known answers."""

import numpy as np
import pytest

from affordance_grasp.choice.chosen import choose, read_intent
from affordance_grasp.choice.instances import Instance
from affordance_grasp.choice.knowledge import NOTHING_KNOWN, Knowledge
from affordance_grasp.errors import AmbiguousObject, NotServed

KNOWN = Knowledge(
    {
        "mug": frozenset({"hold", "drink_with", "pour"}),
        "knife": frozenset({"hold", "cut_with"}),
        "bowl": frozenset({"hold"}),
    }
)


def instance(label, family="", colour="grey", *, x=0.0, y=0.0, size=0.1):
    """An object at a place (x to the right, y away) [m]."""
    sure = 0.95
    rest = (1 - sure) / (len(KNOWN.serves) - 1)
    families = {name: sure if name == family else rest for name in KNOWN.serves}
    return Instance(
        label=label,
        centre_uv=(320 + 1000 * x, 240 - 1000 * y),
        centre_cam=np.array([x, y, 0.5]),
        place_m=np.array([x, y, size]),
        length_m=size,
        height_m=size,
        size_m=size,
        footprint_m=np.array([[x, y], [x, y]]),
        colours={colour: 0.9},
        families=families if family else dict.fromkeys(KNOWN.serves, 1 / 3),
        known=bool(family),
    )


MUG = instance(1, "mug", "red", x=-0.15)
SMALL_MUG = instance(2, "mug", "blue", x=0.15, size=0.06)
KNIFE = instance(3, "knife", "grey", x=0.0, y=0.1, size=0.2)
STRANGE = instance(4, "", "green", x=0.05, y=-0.1)
ALL = (MUG, SMALL_MUG, KNIFE, STRANGE)


def chosen(query, instances=ALL, knowledge=KNOWN):
    return choose(read_intent(query), instances, knowledge).labels


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("hold the knife", 3),
        ("the red mug, by its handle", 1),
        ("the blue cup", 2),
        ("grab the left mug", 1),
        ("hold the mug on the right", 2),
        ("hold the smallest mug", 2),
        ("take the biggest mug", 1),
        ("hold the green one", 4),
        ("hold the longest thing", 3),
        ("hold the mug, not the red one", 2),
        ("hold the second mug from the left", 2),
        ("something to cut with", 3),
        ("cut with", 3),
    ],
)
def test_the_object_that_is_meant(query, label):
    assert chosen(query) == (label,)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("hold the mug", ("ambiguous", "red mug", "blue mug", "which one")),
        ("hold the bowl", ("no bowl is known on the table", "red mug", "knife")),
        ("hold the yellow mug", ("no yellow mug is known on the table",)),
        ("hold the third mug from the left", ("no 3. leftmost mug is known on the table",)),
    ],
)
def test_a_question_back_instead_of_a_guess(query, words):
    with pytest.raises(AmbiguousObject) as asked:
        chosen(query)
    assert all(word in str(asked.value) for word in words), asked.value


def test_two_alike_at_one_place_in_the_order_are_asked_about():
    beside = instance(5, "mug", "red", x=-0.148, y=0.2)
    with pytest.raises(AmbiguousObject, match="ambiguous"):
        chosen("hold the left red mug", (MUG, beside))


def test_what_cannot_cut_is_not_cut_with():
    with pytest.raises(NotServed, match="nothing on the table serves 'cut with': red mug"):
        chosen("cut with", (MUG,))
    with pytest.raises(NotServed, match="what is meant, red mug"):
        chosen("cut with the red mug", (MUG, KNIFE))


def test_an_object_that_is_not_known_may_serve():
    assert chosen("cut with", (STRANGE,)) == (4,)
    assert chosen("cut with the green one", (MUG, STRANGE)) == (4,)
    with pytest.raises(AmbiguousObject, match="whether this does is not known: green unknown"):
        chosen("cut with", (MUG, STRANGE))


def test_any_object_can_be_held():
    assert set(chosen("hold")) == {1, 2, 3, 4}
    assert not read_intent("hold").tells_apart
    assert read_intent("cut with").tells_apart
    assert read_intent("hold the mug").tells_apart


def test_without_knowledge_places_and_colours_still_tell_objects_apart():
    plain = [instance(1, colour="red"), instance(2, colour="blue", x=0.2)]
    assert chosen("hold the blue one", plain, NOTHING_KNOWN) == (2,)
    assert chosen("hold the left one", plain, NOTHING_KNOWN) == (1,)
    assert set(chosen("cut with", plain, NOTHING_KNOWN)) == {1, 2}


def test_an_answer_tells_the_object_and_how_sure_it_is():
    said = str(choose(read_intent("hold the red mug"), ALL, KNOWN))
    assert said == "red mug at column 170, row 240, sure to 0.95"
    unknown = str(choose(read_intent("hold the green one"), ALL, KNOWN))
    assert unknown.startswith("green unknown object at") and "not known" in unknown
