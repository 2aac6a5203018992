import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")

from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from small_bags import bag_writer, image, info, joints, transforms

from affordance_grasp.configuration.settings import settings_of
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from launch import LaunchContext

ROOT = Path(__file__).parents[1]
ALWAYS = ["candidates", "grounder", "selector"]


@pytest.fixture
def module():
    path = ROOT / "launch" / "grasp.launch.py"
    spec = importlib.util.spec_from_file_location("grasp_launch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(module):
    """What is started for given arguments."""

    def start(**given):
        context = LaunchContext()
        context.launch_configurations.update(given)
        entities = module.generate_launch_description().entities
        for entity in entities:
            if isinstance(entity, DeclareLaunchArgument):
                entity.execute(context)
        (start,) = [entity for entity in entities if isinstance(entity, OpaqueFunction)]
        return start.execute(context)

    return start


@pytest.fixture
def completed(module):
    """The arguments with what empty ones stand for."""

    def completed(**given):
        defaults = {name: default for name, (default, _) in module.ARGUMENTS.items()}
        return module._completed(defaults | given)

    return completed


def names(entities):
    started = [entity for entity in entities if isinstance(entity, ExecuteProcess)]
    return sorted(
        "bag" if type(entity) is ExecuteProcess else entity.node_executable for entity in started
    )


def test_every_argument_is_described(module):
    entities = module.generate_launch_description().entities
    arguments = [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    wanted = {"query", "method", "checkpoint", "generator", "dry_run", "camera", "robot", "rviz"}
    assert wanted <= {argument.name for argument in arguments}
    assert all(len(argument.description) > 10 for argument in arguments)
    assert set(module.CHOICES) <= set(module.ARGUMENTS)


def test_every_argument_for_a_node_is_an_argument(module):
    for kinds, names in module.PARAMETERS.values():
        assert set(names) <= {each.name for kind in kinds for each in settings_of(kind)}
        assert set(names) <= set(module.ARGUMENTS)


def test_an_argument_out_of_bounds_is_refused_before_anything_starts(start):
    with pytest.raises(InvalidInput, match="speed_scaling is '1.5'; it must be a number > 0"):
        start(speed_scaling="1.5")


@pytest.mark.parametrize(
    ("given", "also"),
    [
        ({}, ["simulator", "controller", "ask"]),
        ({"query": ""}, ["simulator", "controller"]),
        ({"query": "", "view": "true"}, ["simulator", "controller", "view"]),
        ({"camera": "realsense"}, ["camera", "hand_eye", "ask"]),
        ({"camera": "realsense", "hand_eye": "false"}, ["camera", "ask"]),
        ({"camera": "driver"}, ["hand_eye", "ask"]),
        ({"camera": "driver", "robot": "aubo"}, ["hand_eye", "controller", "ask"]),
        ({"camera": "realsense", "robot": "moveit"}, ["camera", "hand_eye", "controller", "ask"]),
        (
            {"camera": "driver", "robot": "simulation"},
            ["hand_eye", "simulator", "controller", "ask"],
        ),
        ({"camera": "bag"}, ["ask"]),
        ({"camera": "simulation", "robot": "none"}, ["simulator", "ask"]),
        (
            {"rviz": "true"},
            ["simulator", "controller", "ask", "rviz2", "robot_state_publisher"],
        ),
        (
            {"rviz": "true", "camera": "driver", "robot": "aubo"},
            ["hand_eye", "controller", "ask", "rviz2"],
        ),
        (
            {"description": "true"},
            ["simulator", "controller", "ask", "robot_state_publisher"],
        ),
    ],
    ids=str,
)
def test_only_what_is_needed_is_started(start, given, also):
    assert names(start(**given)) == sorted(ALWAYS + also)


def test_a_generator_of_ones_own_takes_the_place_of_candidates(start):
    assert "candidates" not in names(start(generator="none"))


def test_a_grounder_of_ones_own_takes_the_place_of_grounder(start):
    assert "grounder" not in names(start(method="none"))
    assert "grounder" in names(start(method="external", model_command="python3 mine.py"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"camera": "simulation", "robot": "aubo"}, "would move by simulated images"),
        ({"camera": "bag", "robot": "aubo"}, "recorded images"),
        ({"camera": "bag", "robot": "simulation"}, "recorded images"),
    ],
)
def test_no_arm_moves_by_images_that_are_not_of_now(start, given, words):
    with pytest.raises(InvalidInput, match=words):
        start(**given)


def test_a_real_arm_may_plan_by_simulated_images(start):
    assert "controller" in names(start(robot="aubo", dry_run="true"))


@pytest.mark.parametrize(
    "given", [{"robot": "unicorn"}, {"camera": "eye"}, {"dry_run": "perhaps"}], ids=str
)
def test_an_unknown_choice_is_refused(start, given):
    with pytest.raises(RuntimeError, match="Valid options are"):
        start(**given)


def test_only_given_arguments_are_laid_over_the_parameter_file(module, completed):
    given = completed(object="pan", seed="7", address="tcp://1.2.3.4:5")
    assert module._overrides(given, "simulator") == {"object": "pan", "seed": 7}
    assert module._overrides(given, "candidates") == {"address": "tcp://1.2.3.4:5"}
    assert module._overrides(completed(), "controller") == {}
    assert module._overrides(completed(speed_scaling="0.1"), "controller") == {
        "speed_scaling": 0.1
    }


def test_what_drives_a_real_arm_is_given_on_the_command_line(module, completed):
    given = completed(
        robot="aubo",
        camera="driver",
        arm_action="arm/follow",
        gripper_command="GripperCommand",
        gripper_position="width",
        moveit_group="manipulator",
    )
    assert module._overrides(given, "controller") == {
        "arm_action": "arm/follow",
        "gripper_command": "GripperCommand",
        "gripper_position": "width",
        "moveit_group": "manipulator",
    }
    assert module._overrides(given | {"flange_frame": "ee_link"}, "hand_eye") == {
        "flange_frame": "ee_link"
    }
    with pytest.raises(InvalidInput, match="gripper_command"):
        module._overrides(completed(gripper_command="Squeeze"), "controller")


@pytest.mark.parametrize(
    ("given", "range_"), [({}, "LOCALHOST"), ({"discovery": "subnet"}, "SUBNET")], ids=str
)
def test_other_machines_are_shut_out_unless_they_are_wanted(start, given, range_, monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SYSTEM_DEFAULT")
    first, *_ = start(**given)
    context = LaunchContext()
    first.execute(context)
    assert context.environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == range_


def test_a_namespace_holds_every_node(start, module):
    given = {"namespace": "left", "rviz": "true", "robot_file": "config/aubo_i5.yaml"}
    for node in start(**given):
        if isinstance(node, ExecuteProcess) and node.node_executable != "rviz2":
            assert node.expanded_node_namespace or node._Node__node_namespace == "/left"
    with pytest.raises(InvalidInput, match="namespace:=a-b is no name of ROS"):
        start(namespace="a-b")


def test_displays_follow_the_names_of_camera_and_namespace(module, completed, tmp_path):
    shown = module._shown_names(completed(camera="driver", namespace="/left/"))
    assert shown["/color/image_raw"] == "/camera/camera/color/image_raw"
    assert shown["/heatmap/overlay"] == "/left/heatmap/overlay"
    alone = module._shown_names(completed())
    assert all(old == new for old, new in alone.items())
    assert module._shown_names(completed(namespace="left"))["/color/camera_info"] == (
        "/left/color/camera_info"
    )
    bag = module._shown_names(completed(camera="bag", namespace="left"))
    assert bag["/color/image_raw"] == "/color/image_raw"


def test_a_layout_for_foxglove_has_the_names_of_the_launch(start, tmp_path):
    path = tmp_path / "layout.json"
    start(camera="driver", namespace="left", foxglove=str(path))
    layout = json.loads(path.read_text())["configById"]
    assert layout["Image!camera"]["imageMode"] == {
        "imageTopic": "/camera/camera/color/image_raw",
        "calibrationTopic": "/camera/camera/color/camera_info",
    }
    assert layout["Image!heatmap"]["imageMode"]["imageTopic"] == "/left/heatmap/overlay"
    assert layout["RawMessages!decision"]["topicPath"] == "/left/decision.selection"
    assert "/camera/camera/color/camera_info" in layout["3D!scene"]["topics"]
    with pytest.raises(InvalidInput, match="cannot be written .* name a new file"):
        start(foxglove=str(path))


def test_a_real_arm_is_never_as_quick_as_the_simulated_one(completed):
    import yaml

    def speed(given):
        content = yaml.safe_load(Path(given["params"]).read_text())
        return content["/**/controller"]["ros__parameters"]["speed_scaling"]

    assert speed(completed(camera="driver", robot="aubo")) == 0.2
    assert speed(completed(camera="driver", robot="moveit")) == 0.2
    assert speed(completed()) == 0.6


def test_the_drivers_topics_are_remapped_for_all_who_look(module, completed):
    topics = dict(module._camera_names(completed(camera="driver")))
    assert topics["color/image_raw"] == "/camera/camera/color/image_raw"
    assert (
        topics["aligned_depth_to_color/image_raw"]
        == "/camera/camera/aligned_depth_to_color/image_raw"
    )
    own = dict(module._camera_names(completed(camera="driver", camera_namespace="/wrist/")))
    assert own["color/camera_info"] == "/wrist/color/camera_info"
    assert module._camera_names(completed()) == []


def test_a_simulated_arm_under_a_real_camera_keeps_its_images_to_itself(module, completed):
    (simulator, _) = module._robot(completed(camera="driver", robot="simulation"))
    (alone, _) = module._robot(completed())
    assert remapped(simulator)["color/image_raw"] == "simulation/color/image_raw"
    assert remapped(alone) == {}


def remapped(node):
    context = LaunchContext()
    return {
        "".join(part.perform(context) for part in old): "".join(p.perform(context) for p in new)
        for old, new in node._Node__remappings
    }


@pytest.mark.parametrize(
    ("given", "still"),
    [({}, None), ({"dry_run": "true"}, True), ({"camera": "driver"}, True)],
)
def test_who_cannot_move_is_asked_for_a_dry_run(module, completed, given, still, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_node", lambda given, name, also: asked.append(also))
    module._request(completed(**given))
    assert asked[0].get("dry_run") is still


@pytest.mark.parametrize(
    ("given", "moves"),
    [
        ({}, "simulation"),
        ({"dry_run": "true"}, "nothing"),
        ({"camera": "driver"}, "nothing"),
        ({"camera": "driver", "robot": "aubo"}, "real"),
        ({"camera": "driver", "robot": "moveit", "dry_run": "true"}, "nothing"),
    ],
)
def test_the_page_knows_what_a_pick_moves(module, completed, given, moves, monkeypatch):
    made = []
    monkeypatch.setattr(module, "_node", lambda given, name, also, to: made.append(also))
    module._page(completed(view="true", **given))
    assert made == [{"moves": moves}]


@pytest.mark.parametrize(("argument", "laid"), [("false", None), ("true", True)])
def test_a_dry_run_of_the_parameter_file_is_never_undone(
    module, completed, argument, laid, monkeypatch
):
    given = completed(robot="aubo", camera="realsense", dry_run=argument)
    over = {}
    monkeypatch.setattr(
        module, "Node", lambda executable, parameters, **_: over.update({executable: parameters})
    )
    module._robot(given)
    _, arguments = over["controller"]
    assert arguments.get("dry_run") is laid
    assert "use_sim_time" not in arguments


def test_a_bag_brings_its_own_time(module, completed):
    assert module._clock(completed(camera="bag")) == {"use_sim_time": True}
    assert module._clock(completed()) == {"use_sim_time": False}


@pytest.fixture
def played(module, completed, tmp_path):
    """The words with which a bag of a camera below ``/cell/eye`` is played."""
    bag = tmp_path / "a b"
    with bag_writer(bag) as writer:
        for topic, message in {
            "/cell/eye/color/image_raw": image(0, np.zeros((8, 8, 3), np.uint8), "rgb8"),
            "/cell/eye/aligned_depth_to_color/image_raw": image(
                0, np.ones((8, 8), np.uint16), "16UC1"
            ),
            "/cell/eye/color/camera_info": info(0, CameraIntrinsics(9, 9, 4, 4, 8, 8)),
            "/arm/joint_states": joints(0, ["a"], [0.0]),
            "/tf": transforms(0),
        }.items():
            writer.write(topic, message, 0)

    def played(**given):
        (play,) = module._camera(completed(camera="bag", bag=str(bag), **given))
        words = ["".join(part.perform(None) for part in word) for word in play.cmd]
        assert words[:4] == ["ros2", "bag", "play", str(bag)]
        return words[4:]

    return played


def test_a_bag_is_played_under_the_names_that_the_nodes_expect(played, start, tmp_path):
    remap = [
        "/cell/eye/color/image_raw:=/color/image_raw",
        "/cell/eye/aligned_depth_to_color/image_raw:=/aligned_depth_to_color/image_raw",
        "/cell/eye/color/camera_info:=/color/camera_info",
        "/arm/joint_states:=/joint_states",
    ]
    assert played() == ["--remap", *remap, "--clock", "--loop"]
    named = played(camera_namespace="/cell/eye", namespace="left")
    assert named == ["--remap", "/arm/joint_states:=/left/joint_states", "--clock", "--loop"]
    entities = start(camera="bag", bag=str(tmp_path / "a b"))
    assert names(entities) == sorted([*ALWAYS, "bag", "ask"])


def test_a_bag_without_these_topics_is_answered_with_those_that_it_has(played):
    with pytest.raises(InvalidInput, match="no topic /other/color/image_raw; .*has /cell/eye/"):
        played(camera_namespace="/other")


def test_the_camera_is_placed_by_the_calibration_alone(module, completed):
    given = completed(camera="realsense", rviz="true")
    assert given["description"] == "true"
    assert [node.node_executable for node in module._transforms(given)] == [
        "hand_eye",
        "robot_state_publisher",
    ]
