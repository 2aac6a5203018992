import pytest

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.configuration.read import from_words
from affordance_grasp.errors import InvalidInput, UnknownName


def test_the_generator_s_own_convention_and_hand_are_the_default():
    conversion = ExternalSettings().conversion("graspgen", "franka_panda")
    assert conversion.convention.name == "graspgen"
    assert conversion.tip_offset_m == pytest.approx(0.11225)
    assert ExternalSettings().conversion("gpd").tip_offset_m == pytest.approx(0.06)


def test_what_is_given_comes_first():
    settings = ExternalSettings(convention="contact_graspnet", hand="panda_mid_pad")
    conversion = settings.conversion("graspgen", "robotiq_2f_140")
    assert conversion.convention.name == "contact_graspnet"
    assert conversion.tip_offset_m == pytest.approx(0.1034)
    assert ExternalSettings(tip_offset_m=0.0).conversion("vgn").tip_offset_m == 0.0
    other = ExternalSettings(convention="gpd").conversion("graspgen", "robotiq_2f_140")
    assert other.tip_offset_m == pytest.approx(0.06), "the server's hand belongs to its convention"


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"convention": "mine"}, UnknownName, "grasp convention 'mine'"),
        ({"convention": "vgn", "hand": "left"}, UnknownName, "hand of convention vgn 'left'"),
        ({"timeout_s": 0.0}, InvalidInput, "timeout_s is 0.0; it must be a number > 0 and <= 600"),
        ({"timeout_s": float("inf")}, InvalidInput, "timeout_s is inf"),
        ({"timeout_s": float("nan")}, InvalidInput, "timeout_s is nan"),
        ({"max_grasps": 0}, InvalidInput, "max_grasps is 0"),
        ({"tip_offset_m": 195.0}, InvalidInput, "must be a number <= 1"),
        ({"tip_offset_m": float("nan")}, InvalidInput, "tip_offset_m is nan"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, error, words):
    with pytest.raises(error, match=words):
        ExternalSettings(**settings)


def test_settings_are_read_from_words():
    words = ["convention=gpd", "timeout_s=2.5", "max_grasps=7", "command=a b=c"]
    assert from_words(ExternalSettings, words, "generator option") == ExternalSettings(
        convention="gpd", timeout_s=2.5, max_grasps=7, command="a b=c"
    )
    assert from_words(ExternalSettings, [], "generator option") == ExternalSettings()


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("convention", "must be NAME=VALUE"),
        ("colour=red", "generator option 'colour'; known: address"),
        ("max_grasps=many", "max_grasps is 'many'; it must be a whole number"),
        ("timeout_s=", "timeout_s is ''; it must be a number > 0"),
    ],
)
def test_words_that_are_no_settings_are_refused(word, words):
    with pytest.raises((InvalidInput, UnknownName), match=words):
        from_words(ExternalSettings, [word], "generator option")
