"""The node that serves candidates, with every kind of generator, over ROS."""

import sys
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.srv import GenerateGrasps
from grasp_answers import GRIPPER, scene
from rclpy.node import Node
from spinning import ros
from std_msgs.msg import Header

from affordance_grasp.errors import UnknownName
from affordance_grasp.nodes.candidates import CandidatesNode
from affordance_grasp.nodes.convert.conversions import from_intrinsics
from affordance_grasp.nodes.convert.grasp_messages import to_candidates
from affordance_grasp.nodes.convert.images import from_color, from_depth_m
from affordance_grasp.nodes.ros.calls import Refused, call, wait

EXAMPLE = Path(__file__).parents[1] / "examples" / "grasp_service.py"
HEADER = Header(frame_id="camera_color_optical_frame")


@contextmanager
def serving(make_node, *parameters):
    """A node and a client of ``generate_grasps``, spinning; yields the asking function."""
    with ros(*parameters) as start:
        _, asker = start(make_node(), Node("asker"))
        client = asker.create_client(GenerateGrasps, "generate_grasps")
        yield lambda **fields: call(client, request(**fields), 60.0)


def request(**fields):
    frame = scene()[0]
    return GenerateGrasps.Request(
        color=from_color(frame.color, HEADER),
        depth=from_depth_m(frame.depth_m, HEADER),
        camera_info=from_intrinsics(frame.intrinsics, HEADER),
        **fields,
    )


def test_the_built_in_generator_answers():
    with serving(CandidatesNode) as ask:
        grasps = to_candidates(ask().candidates)
        narrow = to_candidates(ask(max_width_m=0.04).candidates)
    assert grasps.generator == "antipodal"
    assert len(grasps) > 10
    assert 0 < len(narrow) <= len(grasps)
    assert narrow.width_m.max() <= 0.04


def test_a_program_answers_through_the_same_service(tmp_path):
    script = tmp_path / "program.py"
    T = scene()[2].T_cam_tcp[0]
    script.write_text(f"""
import json, sys
open({str(tmp_path / "starts")!r}, "a").write("x")
grasp = {{"rotation": {T[:3, :3].tolist()}, "position": {T[:3, 3].tolist()}, "score": 0.5}}
open(sys.argv[1] + "/grasps.json", "w").write(json.dumps({{"grasps": [grasp]}}))
""")
    command = f"command:={sys.executable} {script}"
    with serving(CandidatesNode, "generator:=command", command) as ask:
        answer = ask()
    grasps = to_candidates(answer.candidates)
    assert (tmp_path / "starts").read_text() == "x", "one request starts it once"
    assert answer.timeout_s == 10.0
    assert (grasps.generator, len(grasps)) == ("command", 1)
    assert 0 < grasps.width_m[0] < GRIPPER.max_width_m


def test_while_grasps_are_computed_it_is_told_how_long_they_may_take(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(f"""
import os, sys, time
while not os.path.exists({str(tmp_path / "go_on")!r}):
    time.sleep(0.05)
open(sys.argv[1] + "/grasps.json", "w").write('{{"grasps": []}}')
""")
    parameters = ("generator:=command", f"command:={sys.executable} {script}", "timeout_s:=300.0")
    with ros(*parameters) as start:
        _, asker = start(CandidatesNode(), Node("asker", use_global_arguments=False))
        client = asker.create_client(GenerateGrasps, "generate_grasps")
        assert client.wait_for_service(60.0)
        pending = client.call_async(request())
        told = call(client, GenerateGrasps.Request(), 60.0)
        assert told.timeout_s == 300.0
        assert not pending.done()
        (tmp_path / "go_on").touch()
        assert wait(pending, 60.0, "generate_grasps").success


def test_a_generator_that_does_not_answer_is_a_sentence_in_the_response():
    parameters = ("generator:=graspgen", "address:=tcp://127.0.0.1:1", "timeout_s:=0.2")
    with (
        serving(CandidatesNode, *parameters) as ask,
        pytest.raises(Refused, match=r"graspgen at tcp://127.0.0.1:1: no answer within 0.\d s"),
    ):
        ask()


def test_nothing_published_is_a_sentence_in_the_response():
    with (
        serving(CandidatesNode, "generator:=topic", "timeout_s:=0.2") as ask,
        pytest.raises(Refused, match="no grasps arrived on grasp_candidates"),
    ):
        ask()


def test_an_unknown_generator_or_convention_is_refused_at_the_start():
    for parameter, words in (
        ("generator:=gpt", "known: antipodal, graspgen, command, topic"),
        ("convention:=mine", "unknown grasp convention 'mine'"),
    ):
        with pytest.raises(UnknownName, match=words), serving(CandidatesNode, parameter):
            pass


def test_the_example_service_takes_the_node_s_place():
    spec = spec_from_file_location("grasp_service", EXAMPLE)
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    with serving(example.GraspService) as ask:
        grasps = to_candidates(ask().candidates)
    assert (grasps.generator, len(grasps)) == ("example", 1)
    assert grasps.width_m[0] == pytest.approx(0.03, abs=0.006), "the bar is 30 mm wide"
