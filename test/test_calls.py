"""Calls of services: answered at once, late, at the second asking, and never."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: no rclpy")

import rclpy
from rclpy.task import Future

from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused, answering, call


@pytest.fixture
def node():
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=101)
    node = rclpy.create_node("asked", context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


class Service:
    """A client whose requests are answered when the n-th arrives, by any of them."""

    srv_name = "ground"

    def __init__(self, response, at=0, by=-1, offered=True):
        self.response, self.at, self.by, self.offered = response, at, by, offered
        self.futures, self.forgotten = [], []

    def wait_for_service(self, timeout_s):
        return self.offered

    def call_async(self, request):
        self.futures.append(Future())
        if len(self.futures) == self.at:
            self.futures[self.by].set_result(self.response)
        return self.futures[-1]

    def remove_pending_request(self, future):
        self.forgotten.append(future)


GOOD = SimpleNamespace(success=True, message="")


@pytest.mark.parametrize(("at", "by"), [(1, 0), (2, 1), (2, 0)])
def test_the_first_answer_counts_and_nothing_stays_pending(at, by):
    service = Service(GOOD, at, by)
    assert call(service, "request", 0.2) is GOOD
    assert len(service.futures) == at
    assert service.forgotten == service.futures


def test_silence_is_asked_twice_and_said():
    service = Service(GOOD)
    with pytest.raises(NoAnswer, match="service ground did not answer within 0.1 s"):
        call(service, "request", 0.1)
    assert len(service.forgotten) == 2


def test_a_service_that_is_not_there_or_refuses_says_so():
    with pytest.raises(NoAnswer, match="ground is not offered by any node; waited 0.1 s"):
        call(Service(GOOD, 1, offered=False), "request", 0.1)
    with pytest.raises(Refused, match="no such query"):
        call(Service(SimpleNamespace(success=False, message="no such query"), 1), "request", 0.1)


def test_whatever_goes_wrong_is_answered_and_the_next_request_too(node):
    """rclpy refuses to log from one line with two severities."""
    for error, words in (
        (InvalidInput("no image"), "no image"),
        (ZeroDivisionError("of ours"), "asked failed on this request: ZeroDivisionError: of ours"),
        (InvalidInput("no depth"), "no depth"),
    ):
        response = SimpleNamespace(success=True, message="")
        with answering(node, response):
            raise error
        assert (response.success, response.message) == (False, words)
    with answering(node, response):
        pass
    assert response.success
