from dataclasses import dataclass, field

import pytest

from affordance_grasp.configuration.read import build, from_words, read_settings
from affordance_grasp.configuration.settings import Count, Positive, Settings
from affordance_grasp.errors import InvalidInput, UnknownName


@dataclass(frozen=True)
class Tip(Settings, title="tip"):
    length_m: Positive = 0.02


@dataclass(frozen=True)
class Hand(Settings, title="hand"):
    width_m: Positive
    joints: Count = 1
    on: bool = True
    tip: Tip = field(default_factory=Tip)

    def check(self):
        if self.width_m < self.tip.length_m:
            raise InvalidInput("hand: wider than its tips are long, please")


def written(folder, text):
    path = folder / "hand.yaml"
    path.write_text(text)
    return path


def test_a_file_with_a_group(tmp_path):
    path = written(tmp_path, "width_m: 1\ntip: {length_m: 0.5}\n")
    assert read_settings(Hand, path) == Hand(1.0, tip=Tip(0.5))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("width_m: 1\nlenght: 3", "unknown setting 'lenght'; known: width_m, joints, on, tip"),
        ("joints: 2", "setting 'width_m' is missing"),
        ("width_m: 0", "width_m is 0; it must be a number > 0"),
        ("width_m: 1e999", "width_m is inf; it must be a number > 0, finite"),
        ("width_m: .inf", "width_m is inf; it must be a number > 0, finite"),
        ("width_m: 1\ntip: {length_m: no}", "tip: length_m is False; it must be a number > 0"),
        ("width_m: 1\ntip: {lenght_m: 1}", "tip: unknown setting 'lenght_m'; known: length_m"),
        ("width_m: 0.01", "hand: wider than its tips"),
        ("[1, 2]", "must be a mapping of names to values"),
        ("{", "cannot be read"),
        ("'\\x00'", "must be a mapping"),
    ],
)
def test_a_wrong_file_is_named_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(InvalidInput) as error:
        read_settings(Hand, written(tmp_path, text))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    if "wider" not in sentence:
        assert "hand.yaml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="settings .*none.yaml cannot be read .No such file"):
        read_settings(Hand, tmp_path / "none.yaml")


def test_words_are_read_by_the_declared_types():
    assert from_words(Hand, ["width_m=1e-1", "joints=3", "on=false"], "option") == Hand(
        0.1, 3, False
    )
    with pytest.raises(InvalidInput, match="option joints is '1.5'; it must be a whole number"):
        from_words(Hand, ["joints=1.5"], "option")
    with pytest.raises(InvalidInput, match="option 'joints' must be NAME=VALUE"):
        from_words(Hand, ["joints"], "option")
    with pytest.raises(UnknownName, match="unknown option 'x'; known: width_m, joints"):
        from_words(Hand, ["x=1"], "option")


def test_values_that_are_no_text_of_a_source():
    with pytest.raises(InvalidInput, match="here: width_m is '1'"):
        build(Hand, {"width_m": "1"}, "here")
