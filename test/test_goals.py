"""Goals are given up when nobody wants them, time is up, or who should do them is gone."""

from threading import Event, Timer
from time import monotonic
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.action import MoveGripper
from rclpy.action import ActionServer
from rclpy.node import Node
from rclpy.task import Future
from spinning import ros

from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.ros import goals as module
from affordance_grasp.nodes.ros.calls import MANY, NoAnswer, Refused, wait
from affordance_grasp.nodes.ros.goals import ActionClient, Goals

WAIT_S = 60.0
CROWD = 40


def done(value) -> Future:
    future = Future()
    future.set_result(value)
    return future


class Server:
    """An action client whose server accepts, and ends a goal when it is told or cancelled."""

    lease, nodes, name, drives = None, [], "execute", True

    def __init__(self):
        self.there, self.accepted, self.obeys, self.beats = True, True, True, True
        self.cancels = 0
        self.result, self.acceptance = Future(), done(self)

    def await_matched(self, timeout_s):
        return self.there

    def rivals(self):
        return self.nodes

    def new_goal_id(self):
        return "a goal"

    def handle(self, goal_id):
        return self

    def lost(self):
        return not self.beats

    def server_is_ready(self):
        return self.there

    def send_goal_async(self, goal, feedback_callback=None, goal_uuid=None):
        assert goal_uuid == "a goal"
        return self.acceptance

    def get_result_async(self):
        return self.result

    def cancel_goal_async(self):
        self.cancels += 1
        if self.obeys:
            self.end(False, "cancelled")
        return done(None)

    def end(self, success, message=""):
        if not self.result.done():
            result = SimpleNamespace(success=success, message=message)
            self.result.set_result(SimpleNamespace(result=result))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(module, "GONE_S", 0.1)
    return Server()


def test_a_result_is_returned_and_a_failed_one_refused(server):
    server.end(True, "fine")
    assert Goals().send(server, None, 1.0, "it").message == "fine"
    server.result = Future()
    server.end(False, "blocked")
    with pytest.raises(Refused, match="blocked"):
        Goals().send(server, None, 1.0, "it")
    assert server.cancels == 0


def test_no_server_and_no_acceptance_are_said(server):
    server.there = False
    with pytest.raises(NoAnswer, match="is its node running"):
        Goals().send(server, None, 1.0, "it")
    server.there, server.accepted = True, False
    with pytest.raises(Refused, match="not accepted"):
        Goals().send(server, None, 1.0, "it")


def test_a_goal_that_takes_too_long_is_cancelled(server):
    with pytest.raises(MotionFault, match="took too long and was cancelled"):
        Goals().send(server, None, 0.1, "it")
    assert server.cancels == 1


def test_a_stop_cancels_and_what_comes_after_is_refused(server):
    goals = Goals()
    Timer(0.05, goals.stop).start()
    with pytest.raises(MotionFault, match="stopped on request"):
        goals.send(server, None, 5.0, "it")
    assert server.cancels == 1
    with pytest.raises(MotionFault, match="stopped on request"):
        goals.send(server, None, 5.0, "it")
    goals.begin(lambda: "")
    server.result = Future()
    server.end(True)
    assert goals.send(server, None, 5.0, "it").success


def test_a_goal_that_nobody_wants_any_more_is_cancelled_with_the_reason(server):
    goals, reasons = Goals(), []
    goals.begin(lambda: "".join(reasons))
    Timer(0.05, lambda: reasons.append("its master is silent")).start()
    with pytest.raises(MotionFault, match="it: its master is silent"):
        goals.send(server, None, 5.0, "it")
    assert server.cancels == 1


def test_a_goal_without_an_answer_is_cancelled_now_and_when_it_is_accepted_late(server):
    server.acceptance = Future()
    with pytest.raises(NoAnswer, match="it did not answer within 0.1 s"):
        Goals(accept_timeout_s=0.1).send(server, None, 5.0, "it")
    assert server.cancels == 1
    server.acceptance.set_result(server)
    assert server.cancels == 2


def test_a_goal_that_does_not_end_when_cancelled_is_said(server):
    server.obeys = False
    with pytest.raises(NoAnswer, match="use the robot's own stop"):
        Goals(end_timeout_s=0.2).send(server, None, 0.1, "it")


@pytest.mark.parametrize("sign", ["there", "beats"])
def test_a_node_that_is_gone_is_not_waited_for(server, sign):
    Timer(0.05, lambda: setattr(server, sign, False)).start()
    with pytest.raises(NoAnswer, match="it: the node that does it has gone"):
        Goals().send(server, None, 60.0, "it")


def test_a_cancelled_goal_whose_node_is_gone_is_not_waited_for(server):
    def guard():
        if not server.beats:
            raise MotionFault("joint_states is old")

    server.obeys = False
    Timer(0.05, lambda: setattr(server, "beats", False)).start()
    with pytest.raises(NoAnswer, match="it: joint_states is old; the node that does it has gone"):
        Goals(guard).send(server, None, 60.0, "it")


def test_a_client_that_stood_still_itself_says_so(server, monkeypatch):
    times, spent = iter([0.0, 0.0, 4.0]), iter([1.0, 1.2])
    monkeypatch.setattr(module, "monotonic", lambda: next(times, 9.0))
    monkeypatch.setattr(module, "process_time", lambda: next(spent))
    words = "it: this node itself stood still for 4.0 s, 0.2 s of which its process computed"
    with pytest.raises(MotionFault, match=words):
        Goals().send(server, None, 60.0, "it")


def test_a_client_that_moves_nothing_hears_first_what_came_while_it_stood_still(
    server, monkeypatch
):
    server.drives, server.beats, clock = False, False, iter([0.0, 0.0, 4.0])
    monkeypatch.setattr(module, "monotonic", lambda: next(clock, 4.05))
    Timer(0.05, lambda: server.end(True, "fine")).start()
    assert Goals().send(server, None, 60.0, "it").message == "fine"
    assert server.cancels == 0
    server.result, clock = Future(), iter([0.0, 0.0, 4.0, 4.08, 4.16])
    with pytest.raises(NoAnswer, match="it: the node that does it has gone"):
        Goals().send(server, None, 60.0, "it")


def test_what_the_guard_objects_to_is_cancelled(server):
    objections = [None, None, MotionFault("joint_states is old")]

    def guard():
        if objections[0] is not None:
            raise objections[0]
        objections.pop(0)

    with pytest.raises(MotionFault, match="it: joint_states is old"):
        Goals(guard).send(server, None, 60.0, "it")
    assert server.cancels == 1


def test_a_late_answer_to_an_earlier_question_counts(monkeypatch):
    monkeypatch.setattr(module, "PROBE_S", 0.01)
    asked = []

    def ask(handle):
        asked.append(Future())
        if len(asked) == 3:
            asked[0].set_result(None)
        return asked[-1]

    client = SimpleNamespace(
        wait_for_server=lambda timeout_s: True, handle=lambda goal_id: None, _get_result_async=ask
    )
    assert module.ActionClient.await_matched(client, 60.0)
    assert len(asked) == 3


def test_answers_to_a_crowd_do_not_crowd_out_ours():
    with ros() as start:
        server, stranger, ours = map(Node, ("server", "stranger", "ours"))
        served = []

        def serve(handle):
            handle.succeed()
            served.append(handle)
            return MoveGripper.Result(success=True)

        ActionServer(server, MoveGripper, "grip", serve, goal_service_qos_profile=MANY)
        crowd = ActionClient(stranger, MoveGripper, "grip")
        client = ActionClient(ours, MoveGripper, "grip")
        assert client.wait_for_server(WAIT_S) and crowd.wait_for_server(WAIT_S)
        start(server)
        sent = client.send_goal_async(MoveGripper.Goal())
        for _ in range(CROWD):
            crowd.send_goal_async(MoveGripper.Goal())
        deadline, pause = monotonic() + WAIT_S, Event()
        while len(served) <= CROWD:
            assert monotonic() < deadline
            pause.wait(0.02)
        start(ours)  # only now does it read any answer
        assert wait(sent, WAIT_S, "grip").accepted


def test_a_goal_that_two_nodes_would_do_is_not_sent(server):
    server.nodes = ["controller", "other_controller"]
    with pytest.raises(Refused, match="controller and other_controller offer execute.*stop all"):
        Goals().run(server, None, 1.0, "executing the grasp")


def test_a_node_that_no_longer_answers_is_no_rival_of_the_one_that_took_its_place():
    with ros() as start:
        gone, here, ours = Node("gone"), Node("here"), Node("ours")
        client = ActionClient(ours, MoveGripper, "grip")
        for node in (gone, here):
            ActionServer(node, MoveGripper, "grip", lambda handle: MoveGripper.Result())
        start(here, ours)  # the other is known to DDS and spins no more, as one that was killed
        assert client.await_matched(WAIT_S)
        deadline, pause = monotonic() + WAIT_S, Event()
        while client.servers() != ["gone", "here"]:
            assert monotonic() < deadline
            pause.wait(0.02)
        assert client.rivals() == []
        start(gone)
        while client.rivals() != ["gone", "here"]:
            assert monotonic() < deadline
