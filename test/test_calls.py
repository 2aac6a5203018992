"""Calls of services: answered at once, late, at the second asking, and never."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: no rclpy")

import rclpy
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.task import Future
from std_msgs.msg import String

from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.ros.calls import (
    LATCHED,
    NoAnswer,
    Refused,
    answering,
    call,
    listen,
    publish_to,
)


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


def test_with_one_attempt_a_slow_service_is_asked_once():
    service = Service(GOOD)
    with pytest.raises(NoAnswer, match="did not answer within 0.1 s"):
        call(service, "request", 0.1, attempts=1)
    assert len(service.futures) == len(service.forgotten) == 1


def test_what_is_not_wanted_any_more_is_not_waited_for():
    def check():
        raise Refused("cancelled")

    service = Service(GOOD)
    with pytest.raises(Refused, match="cancelled"):
        call(service, "request", 600.0, attempts=1, check=check)
    assert len(service.forgotten) == 1


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


@pytest.fixture
def overridden():
    """A node started with QoS overrides, such as ``{"/news.publisher.depth": 3}``."""
    nodes, context = [], rclpy.Context()
    rclpy.init(context=context, domain_id=101)

    def overridden(overrides):
        given = [f"-p qos_overrides.{name}:={value}".split() for name, value in overrides.items()]
        arguments = ["--ros-args", *(word for words in given for word in words)]
        nodes.append(rclpy.create_node("over", context=context, cli_args=arguments))
        return nodes[-1]

    yield overridden
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


def ends(node, topic):
    both = node.get_publishers_info_by_topic(topic) + node.get_subscriptions_info_by_topic(topic)
    return [(end.qos_profile.reliability, end.qos_profile.durability) for end in both]


def test_the_quality_of_any_topic_is_a_parameter(overridden):
    node = overridden(
        {
            "/news.publisher.reliability": "best_effort",
            "/images.subscription.reliability": "reliable",
            "/images.subscription.durability": "transient_local",
        }
    )
    publish_to(node, String, "news", LATCHED)
    listen(node, String, "images", lambda message: None)
    last, own = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE
    assert ends(node, "/news") == [(ReliabilityPolicy.BEST_EFFORT, last)]
    assert ends(node, "/images") == [(ReliabilityPolicy.RELIABLE, last)]
    assert LATCHED.reliability == ReliabilityPolicy.RELIABLE, "an override is of one topic alone"
    assert qos_profile_sensor_data.durability == own
    listen(node, String, "images", lambda message: None)  # twice in one node


@pytest.mark.parametrize(
    ("name", "value"), [("reliability", "sometimes"), ("depth", "many"), ("durability", "3")]
)
def test_a_quality_that_there_is_not_is_refused_with_those_there_are(overridden, name, value):
    node = overridden({f"/news.publisher.{name}": value})
    with pytest.raises(InvalidInput, match="node over: .*such as reliability: best_effort"):
        publish_to(node, String, "news")
