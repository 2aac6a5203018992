from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest

from affordance_grasp.configuration.settings import (
    Count,
    Positive,
    PositiveShare,
    Settings,
    Triple,
    Word,
    about,
    one_of,
    record,
    settings_of,
)
from affordance_grasp.errors import InvalidInput, UnknownName

COLOURS = {"red": 1, "blue": 2}


@dataclass(frozen=True)
class Fingers(Settings, title="fingers"):
    force_n: Annotated[Positive, about("how hard")] = 40.0
    count: Count = 2


@dataclass(frozen=True)
class Hand(Settings, title="hand"):
    name: Word
    share: PositiveShare = 0.5
    colour: Annotated[str, about("of the palm"), one_of("colour", f"{__name__}:COLOURS")] = "red"
    side: Literal["left", "right"] = "left"
    size_m: Triple = (0.1, 0.1, 0.2)
    speeds: tuple[Positive, ...] = ()
    file: Path | None = None
    fingers: Fingers = Fingers()
    wet: bool = False

    def check(self):
        if self.wet and self.share > 0.5:
            raise InvalidInput(f"{self.title}: a wet hand has a share of at most 0.5")


def test_values_are_taken_in_the_declared_types():
    hand = Hand("a", share=1, size_m=[1, 2, 3], speeds=np.array([1, 2]), file="x/y")
    assert hand == Hand("a", 1.0, "red", "left", (1.0, 2.0, 3.0), (1.0, 2.0), Path("x/y"))
    assert isinstance(hand.share, float)
    assert isinstance(hand.size_m[0], float)
    assert Fingers(force_n=np.float64(2)).force_n == 2.0
    with pytest.raises(FrozenInstanceError):
        hand.share = 0.2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"share": 0}, "hand: share is 0; it must be a number > 0 and <= 1"),
        ({"share": float("nan")}, "hand: share is nan; it must be a number > 0 and <= 1"),
        ({"share": True}, "hand: share is True; it must be a number > 0 and <= 1"),
        ({"share": "0.5"}, "hand: share is '0.5'; it must be a number > 0 and <= 1"),
        ({"name": " "}, "hand: name is ' '; it must be text that is not empty"),
        ({"side": "up"}, "hand: side is 'up'; it must be one of left, right"),
        ({"side": 3}, "hand: side is 3; it must be one of left, right"),
        ({"colour": "green"}, "unknown colour 'green'; known: red, blue"),
        ({"size_m": (1, 2)}, "hand: size_m is (1, 2); it must be a list of 3, each a number"),
        (
            {"speeds": (1.0, -2.0)},
            "hand: speeds is (1.0, -2.0); it must be a list, each a number > 0",
        ),
        (
            {"speeds": (float("inf"),)},
            "hand: speeds is (inf,); it must be a list, each a number > 0, f",
        ),
        ({"file": ""}, "hand: file is ''; it must be a path or none"),
        ({"file": 3}, "hand: file is 3; it must be a path or none"),
        ({"fingers": 3}, "hand: fingers is 3; it must be a mapping"),
        ({"wet": 1}, "hand: wet is 1; it must be true or false"),
        ({"wet": True, "share": 0.6}, "hand: a wet hand has a share of at most 0.5"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(changes, sentence):
    with pytest.raises((InvalidInput, UnknownName)) as error:
        Hand(**{"name": "a", **changes})
    assert str(error.value).startswith(sentence)


def test_whole_numbers_are_neither_switches_nor_endless():
    for count in (0, True, 2.0, 2**63):
        with pytest.raises(
            InvalidInput, match=r"^fingers: count is .*; it must be a whole number >= 1$"
        ):
            Fingers(count=count)
    with pytest.raises(InvalidInput, match="fingers: count is -1"):
        replace(Fingers(), count=-1)


def test_a_record_holds_plain_values():
    assert record(Hand("a", file=Path("b"))) == {
        "name": "a",
        "share": 0.5,
        "colour": "red",
        "side": "left",
        "size_m": [0.1, 0.1, 0.2],
        "speeds": [],
        "file": "b",
        "fingers": {"force_n": 40.0, "count": 2},
        "wet": False,
    }


def test_descriptions_and_names_are_inherited():
    @dataclass(frozen=True)
    class Glove(Fingers):
        size: Annotated[Count, about("in sizes", flag="glove-size", live=True)] = 9

    force, _, size = settings_of(Glove)
    assert (force.description, force.flag, force.live) == ("how hard", "force-n", False)
    assert (size.description, size.flag, size.live) == ("in sizes", "glove-size", True)
    with pytest.raises(InvalidInput, match="^fingers: size is 0"):
        Glove(size=0)
