"""Goals are given up when nobody wants them, time is up, or who should do them is gone."""

from threading import Timer
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from rclpy.task import Future

from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.ros import goals as module
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.goals import Goals


def done(value) -> Future:
    future = Future()
    future.set_result(value)
    return future


class Server:
    """An action client whose server accepts, and ends a goal when it is told or cancelled."""

    def __init__(self):
        self.there, self.accepted, self.obeys = True, True, True
        self.cancels = 0
        self.result = Future()

    def wait_for_server(self, timeout_s):
        return self.there

    def server_is_ready(self):
        return self.there

    def send_goal_async(self, goal, feedback_callback=None):
        return done(self)

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
    goals.begin(lambda: False)
    server.result = Future()
    server.end(True)
    assert goals.send(server, None, 5.0, "it").success


def test_a_goal_that_does_not_end_when_cancelled_is_said(server):
    server.obeys = False
    with pytest.raises(NoAnswer, match="use the robot's own stop"):
        Goals().send(server, None, 0.1, "it")


def test_a_node_that_is_gone_is_not_waited_for(server):
    Timer(0.05, lambda: setattr(server, "there", False)).start()
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
