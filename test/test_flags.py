import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import Count, Positive, Settings, about
from affordance_grasp.errors import InvalidInput, UnknownName


@dataclass(frozen=True)
class Tip(Settings):
    length_m: Positive = 0.02


@dataclass(frozen=True, kw_only=True)
class Options(Settings):
    query: Annotated[str, about("what to do")]
    robot_file: Annotated[Path | None, about("the robot", flag="robot")] = None
    top: Annotated[Count, about("100 % of the grasps")] = 10
    reach: Annotated[bool, about("ask what can be reached")] = True
    side: Annotated[Literal["left", "right"], about("the side")] = "left"
    lens: tuple[float, float] = (1.0, 2.0)
    names: tuple[str, ...] = ()
    tip_options: Annotated[Tip, about("of the tip")] = Tip()


def read(*words, leave_out=(), **given):
    parser = argparse.ArgumentParser(prog="p")
    add_flags(parser, Options, leave_out)
    return read_flags(Options, parser.parse_args([*words]), **given)


def test_what_is_not_given_keeps_its_default():
    assert read("--query", "hold") == Options(query="hold")


def test_every_kind_of_flag():
    options = read(
        *("--query", "cut", "--robot", "a.yaml", "--top", "3", "--no-reach", "--side", "right"),
        *("--lens", "1", "2.5", "--names", "a", "b", "--tip-options", "length_m=0.5"),
    )
    assert options == Options(
        query="cut",
        robot_file=Path("a.yaml"),
        top=3,
        reach=False,
        side="right",
        lens=(1.0, 2.5),
        names=("a", "b"),
        tip_options=Tip(0.5),
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--top", "0"], "--top is '0'; it must be a whole number >= 1"),
        (["--top", "many"], "--top is 'many'; it must be a whole number >= 1"),
        (["--lens", "1", "nan"], "--lens is .*; it must be .*, finite"),
        (["--side", "up"], "--side is 'up'; it must be one of left, right"),
        (["--tip-options", "length_m=0"], "tip option length_m is '0'; it must be a number > 0"),
        (["--tip-options", "width=0"], "unknown tip option 'width'; known: length_m"),
    ],
)
def test_a_wrong_flag_is_refused_with_a_sentence(words, sentence):
    with pytest.raises((InvalidInput, UnknownName), match=f"^{sentence}"):
        read("--query", "hold", *words)


def test_left_out_settings_are_given_otherwise(capsys):
    assert read("--top", "2", leave_out=("query",), query="hold").top == 2
    with pytest.raises(SystemExit):
        read("--query", "hold", leave_out=("query",), query="hold")
    with pytest.raises(SystemExit):
        read("--top", "2")
    assert "--query" in capsys.readouterr().err


def test_help_tells_description_names_and_default(capsys):
    with pytest.raises(SystemExit):
        read("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "--top TOP 100 % of the grasps (10)" in said
    assert "--robot FILE the robot" in said
    assert "the side: left, right (left)" in said
    assert "of the tip: length_m" in said
