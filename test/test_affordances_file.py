"""affordances.yaml: read as written, every fault a sentence, further affordances in a split."""

import pytest

from affordance_grasp.datasets.affordances_file import (
    AFFORDANCES_FILE,
    AffordanceNotes,
    read_affordances,
    write_affordances,
)
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.recipe import all_affordances, find_recipe, split_affordances
from affordance_grasp.query.vocabulary import AFFORDANCES

NOTES = {
    "hold": AffordanceNotes(parts={"mug": "mug handle"}),
    "hang_up": AffordanceNotes(("put on the hook",), {"coat_hook": "hook"}),
}


def test_what_was_written_is_read(tmp_path):
    assert read_affordances(tmp_path) == {}
    write_affordances(tmp_path, NOTES)
    assert read_affordances(tmp_path) == NOTES


def test_an_affordance_needs_no_notes(tmp_path):
    (tmp_path / AFFORDANCES_FILE).write_text("affordances: {hang_up: , hold: {}}")
    assert read_affordances(tmp_path) == {"hang_up": AffordanceNotes(), "hold": AffordanceNotes()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("affordances: []", "Expected `object`, got `array`"),
        ("affordances: {}", "length >= 1"),
        ("affordances: {Hang up: {}}", "'Hang up' in .* small letters"),
        ("affordances: {hang_up: {phrases: hang}}", r"Expected `array`, got `str`"),
        ("affordances: {hang_up: {parts: {hook: 3}}}", "Expected `str`, got `int`"),
    ],
)
def test_faults_of_the_file(tmp_path, text, said):
    (tmp_path / AFFORDANCES_FILE).write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_affordances(tmp_path)


def make_split(root, *pairs):
    for part in ("trainset/egocentric", "trainset/exocentric", "testset/egocentric", "testset/GT"):
        for affordance, name in pairs:
            folder = root / "Seen" / part / affordance / name
            folder.mkdir(parents=True)
            (folder / ("a.png" if part.endswith("GT") else "a.jpg")).touch()


def test_a_split_may_hold_what_the_file_names_and_nothing_else(tmp_path):
    make_split(tmp_path, ("hold", "mug"), ("hang_up", "coat_hook"), ("cut", "apple"))
    with pytest.raises(InvalidInput, match="hang_up is not one of the 36 .*affordances.yaml"):
        load_split(tmp_path, "Seen")
    write_affordances(tmp_path, NOTES)
    split = load_split(tmp_path, "Seen")
    assert split.affordances == ("cut", "hold", "hang_up")
    assert split.notes == NOTES


def test_labels_of_further_affordances_follow_the_published_ones(tmp_path):
    make_split(tmp_path, ("hold", "mug"), ("hang_up", "coat_hook"))
    write_affordances(tmp_path, NOTES)
    split = load_split(tmp_path, "Seen")
    assert all_affordances(split) == (*AFFORDANCES, "hang_up")
    assert find_recipe("plsp").labelled(split) == (*AFFORDANCES, "hang_up")
    assert (
        find_recipe("looptrans").labelled(split) == split_affordances(split) == ("hold", "hang_up")
    )
