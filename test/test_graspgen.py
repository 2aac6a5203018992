"""The client against servers that answer well, badly, late and not at all; and the example."""

import os
import subprocess
import sys
from pathlib import Path
from socket import create_server
from threading import Event, Thread
from time import monotonic

import msgpack
import numpy as np
import pytest
from grasp_answers import GRIPPER, scene, written_as
from tabletop import Block, Can, tabletop

from affordance_grasp.candidates.external.graspgen import GraspGenClient, largest_instances
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.candidates.target import Target
from affordance_grasp.errors import ExternalFault, InvalidInput, UnknownName
from affordance_grasp.external.packing import pack, unpack
from affordance_grasp.scene.cloud import segment_scene

zmq = pytest.importorskip("zmq", reason="pyzmq is not installed")
EXAMPLE = Path(__file__).parents[1] / "examples" / "grasp_server.py"


class Server:
    """Answers every request with what ``answer(request)`` returns: a map, bytes, or None."""

    def __init__(self, answer):
        self._answer, self._stop, ready = answer, Event(), Event()
        self.requests, self.address = [], ""
        self._thread = Thread(target=self._serve, args=[ready])
        self._thread.start()
        ready.wait(5)

    def _serve(self, ready):
        with zmq.Context.instance().socket(zmq.REP) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            self.address = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
            ready.set()
            while not self._stop.is_set():
                if socket.poll(20):
                    self.requests.append(unpack(socket.recv(), "client"))
                    reply = self._answer(self.requests[-1])
                    if reply is None:
                        self._stop.wait()
                        return
                    socket.send(reply if isinstance(reply, bytes) else pack(reply))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def knows(grasps, confidences, hand="robotiq_2f_140"):
    def answer(request):
        if request["action"] == "metadata":
            return {"gripper_name": hand}
        return {"grasps": grasps, "confidences": confidences}

    return answer


def ask(server, **settings):
    frame, understood, _ = scene()
    settings = ExternalSettings(address=server.address, **{"timeout_s": 5.0, **settings})
    return make_generator("graspgen", GRIPPER, settings).generate(frame, scene=understood)


def test_grasps_come_back_in_our_convention():
    known = scene()[2]
    T = written_as("graspgen", known.T_cam_tcp, 0.21196).astype(np.float32)
    score = np.linspace(0.2, 0.8, len(known), dtype=np.float32)
    with Server(knows(T, score)) as server:
        grasps = ask(server, max_grasps=123)
    request = server.requests[-1]
    assert (request["action"], request["num_grasps"]) == ("infer", 123)
    assert request["point_cloud"].dtype == np.float32
    assert request["point_cloud"].shape == (len(scene()[1].cloud.points_cam), 3)
    assert (grasps.generator, grasps.examined) == ("graspgen", len(known))
    apart = np.abs(grasps.T_cam_tcp[0] - known.T_cam_tcp).max(axis=(1, 2))
    assert apart.min() < 0.003


def test_a_server_is_told_of_the_scene_and_asked_about_the_object_that_is_meant():
    frame = tabletop(Block(-0.08, 0.0, (0.05, 0.03, 0.05)), Can(0.08, 0.0, 0.03, 0.06))
    understood = segment_scene(frame)
    with Server(knows(np.zeros((0, 4, 4)), np.zeros(0))) as server:
        settings = ExternalSettings(address=server.address, timeout_s=5.0)
        generator = make_generator("graspgen", GRIPPER, settings)
        generator.generate(frame, scene=understood, target=Target("hold", label=2))
    asked = [request for request in server.requests if request["action"] == "infer"]
    cloud = understood.cloud
    expected = cloud.points_cam[cloud.instance == 2].astype(np.float32)
    np.testing.assert_array_equal(asked[0]["point_cloud"], expected)
    assert len(asked) == 1
    assert (asked[0]["gripper"], asked[0]["target"]) == (GRIPPER.name, 2)
    assert asked[0]["table"]["offset_m"] == pytest.approx(understood.table.offset_m)


def test_the_hand_is_the_server_s_unless_it_is_given():
    known = scene()[2]
    panda = written_as("graspgen", known.T_cam_tcp, 0.11225)
    score = np.full(len(known), 0.5)
    with Server(knows(panda, score, "franka_panda")) as server:
        assert len(ask(server)) > 0.9 * len(known)
    with Server(knows(panda, score, "single_suction_cup_30mm")) as server:
        with pytest.raises(UnknownName, match="single_suction_cup_30mm"):
            ask(server)
        assert len(ask(server, tip_offset_m=0.11225)) > 0.9 * len(known)
        assert len(ask(server, hand="franka_panda")) > 0.9 * len(known)


def test_every_thing_on_the_table_is_asked_about():
    frame = tabletop(Block(-0.08, 0.0, (0.05, 0.03, 0.05)), Can(0.08, 0.0, 0.03, 0.06))
    cloud = segment_scene(frame).cloud
    parts = largest_instances(cloud)
    assert len(parts) == 2
    assert sum(len(part) for part in parts) == len(cloud.points_cam)
    assert len(parts[0]) >= len(parts[1])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "out of memory\n" * 99}, "refused: out of memory"),
        ({"confidences": np.zeros(1)}, "has no 'grasps'"),
        ({"grasps": np.zeros((1, 4, 4))}, "has no 'confidences'"),
        ({"grasps": np.zeros((1, 4, 4)), "confidences": np.zeros(1)}, "not orthonormal"),
        ({"grasps": np.full((1, 4, 4), np.nan), "confidences": np.zeros(1)}, "NaN"),
        ({"grasps": np.zeros((2, 3, 4)), "confidences": np.zeros(2)}, r"expected \(N, 4, 4\)"),
        ({"grasps": np.eye(4)[None], "confidences": np.zeros(2)}, r"score is \(2,\) for 1"),
        ({"grasps": "many", "confidences": []}, "not numbers"),
        (b"\xc1\xc1", "not MessagePack"),
        (msgpack.packb([]), "expected a map"),
    ],
)
def test_a_bad_answer_is_one_sentence(answer, words):
    with Server(lambda _: answer) as server:
        client = GraspGenClient(server.address)
        with pytest.raises(ExternalFault, match=words) as fault:
            client.infer(np.zeros((5, 3)), 10, 5.0)
    assert len(str(fault.value)) < 500


def test_a_server_that_is_silent_costs_no_more_than_the_time_limit():
    with Server(lambda _: None) as server:
        started = monotonic()
        with pytest.raises(ExternalFault, match="no answer within 0.3 s"):
            ask(server, timeout_s=0.3)
        assert monotonic() - started < 3


def test_no_server_and_no_address_are_one_sentence():
    with pytest.raises(ExternalFault, match="no answer within"):
        GraspGenClient("tcp://127.0.0.1:1").metadata(0.1)
    with pytest.raises(ExternalFault, match="took all the time"):
        GraspGenClient("tcp://127.0.0.1:1").metadata(-0.1)
    for address in ("localhost", "tcp://127.0.0.1", "gopher://x:1"):
        with pytest.raises(InvalidInput, match="is not usable"):
            GraspGenClient(address).metadata(0.1)


def test_a_lost_answer_does_not_spoil_the_next_request():
    answers = iter([b"\xc1", {"gripper_name": "x"}])
    with Server(lambda _: next(answers)) as server:
        client = GraspGenClient(server.address)
        with pytest.raises(ExternalFault):
            client.metadata(5.0)
        assert client.metadata(5.0) == {"gripper_name": "x"}


@pytest.mark.processes
def test_the_example_server_serves_grasps_that_can_be_made():
    # A plain socket: one of ZMQ would free its port only some time after it is closed.
    with create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    process = subprocess.Popen([sys.executable, str(EXAMPLE), address], env=environment)
    try:
        assert GraspGenClient(address).metadata(30.0)["gripper_name"] == "robotiq_2f_140"
        frame = tabletop(Block(0.0, 0.0, (0.12, 0.03, 0.04)))
        settings = ExternalSettings(address=address, max_grasps=5)
        grasps = make_generator("graspgen", GRIPPER, settings).generate(frame)
    finally:
        process.terminate()
        process.wait(10)
    assert grasps.examined == 5
    assert 1 <= len(grasps) <= 5
    assert np.all(grasps.width_m > 0.015)
    assert np.all(grasps.width_m < 0.085)
