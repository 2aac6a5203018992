import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")

from launch.actions import DeclareLaunchArgument, OpaqueFunction

from launch import LaunchContext

ROOT = Path(__file__).parents[1]


@pytest.fixture
def module():
    path = ROOT / "launch" / "grasp.launch.py"
    spec = importlib.util.spec_from_file_location("grasp_launch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def entities(module):
    return module.generate_launch_description().entities


def nodes(entities, **given: str) -> list:
    context = LaunchContext()
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            if entity.name in given:
                context.launch_configurations[entity.name] = given[entity.name]
            entity.execute(context)
    (start,) = [entity for entity in entities if isinstance(entity, OpaqueFunction)]
    return start.execute(context)


def started(entities, **given: str) -> list[str]:
    return [node.node_executable for node in nodes(entities, **given)]


def test_every_argument_is_described(entities):
    arguments = [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    assert {"query", "method", "checkpoint", "generator", "dry_run"} <= {a.name for a in arguments}
    assert all(argument.description for argument in arguments)


def test_the_whole_graph_is_started_and_asked(entities):
    graph = ["simulator", "grounder", "candidates", "selector", "controller"]
    assert started(entities) == [*graph, "ask"]
    assert started(entities, query="") == graph


def test_an_unknown_robot_is_refused(entities):
    with pytest.raises(RuntimeError, match="simulation"):
        started(entities, robot="unicorn")


def test_only_given_arguments_are_laid_over_the_parameter_file(module):
    given = {"object": "pan", "seed": "7", "pose_seed": ""}
    types = module.PARAMETERS["simulator"]
    assert module._overrides(given, types) == [{"object": "pan", "seed": 7}]
    assert module._overrides(dict.fromkeys(types, ""), types) == []
