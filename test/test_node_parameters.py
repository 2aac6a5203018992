"""Defaults hold their own bounds, and the shipped parameter files those of the nodes."""

from dataclasses import MISSING
from pathlib import Path

import msgspec
import pytest
import yaml

from affordance_grasp.configuration.read import build
from affordance_grasp.configuration.settings import Settings, settings_of
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes import parameters
from affordance_grasp.replay.options import ReplayOptions

CONFIG = Path(__file__).parents[1] / "config"
KINDS = [
    each
    for each in (*vars(parameters).values(), ReplayOptions)
    if isinstance(each, type) and issubclass(each, Settings) and each is not Settings
]
NODES = {
    "simulator": parameters.SimulatorParameters,
    "camera": parameters.CameraParameters,
    "grounder": parameters.GrounderParameters,
    "candidates": parameters.CandidatesParameters,
    "selector": parameters.SelectorParameters,
    "controller": parameters.ControllerParameters,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_defaults_are_within_their_bounds_and_described(kind):
    for setting in settings_of(kind):
        assert setting.description, setting.name
        if setting.default not in (None, MISSING):
            converted = msgspec.convert(
                setting.default, setting.annotation, dec_hook=lambda kind, value: value
            )
            assert converted == setting.default


@pytest.mark.parametrize("file", ["grasp.yaml", "grasp_real.yaml"])
def test_the_shipped_parameters_are_those_of_the_nodes(file):
    for name, content in yaml.safe_load((CONFIG / file).read_text()).items():
        kind = NODES[name.removeprefix("/**/")]
        known = {setting.name for setting in settings_of(kind)}
        values = content["ros__parameters"]
        assert set(values) <= known
        for setting in settings_of(kind):
            if setting.name in values and not setting.known:
                setting.convert(values[setting.name], setting.name)


def test_one_setting_out_of_bounds_is_named_by_its_node():
    with pytest.raises(InvalidInput, match="^here: speed_scaling is 2; it must be a number > 0"):
        build(parameters.ControllerParameters, {"speed_scaling": 2}, "here")
