"""What may change while the nodes run, and what they refuse."""

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

import rclpy
from rclpy.parameter import Parameter

from affordance_grasp.nodes.grounder import GrounderNode
from affordance_grasp.nodes.selector import SelectorNode
from affordance_grasp.planning import GrounderOptions
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import AFFORDANCES


class Network:
    affordances = AFFORDANCES
    method, precision = "plsp", "float32"

    def resolve(self, query):
        return resolve_query(query, AFFORDANCES)

    def ground(self, color, query, region=None):
        raise NotImplementedError


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(GrounderOptions, "load", lambda self: Network())
    rclpy.init(domain_id=101)
    nodes = []

    def make(kind):
        nodes.append(kind())
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


def set_one(node, name, value):
    return node.set_parameters([Parameter(name, value=value)])[0]


def test_a_query_shown_live_can_be_asked_for_later_and_changed(make):
    node = make(GrounderNode)
    assert node._frames is None
    refused = set_one(node, "query", "juggle")
    assert not refused.successful
    assert refused.reason.startswith("unknown query 'juggle'; known: ")
    assert node._frames is None
    assert set_one(node, "query", "cut").successful
    assert node._frames is not None
    assert set_one(node, "rate_hz", 5.0).successful
    assert (node._live.now.query, node._live.now.rate_hz) == ("cut", 5.0)
    assert not set_one(node, "rate_hz", -1.0).successful
    assert set_one(node, "rate_hz", 0.0).reason == (
        "grounder: rate_hz is 0.0; it must be a number > 0"
    )
    assert not set_one(node, "method", "looptrans").successful


def test_rule_and_least_confidence_can_be_changed(make):
    node = make(SelectorNode)
    assert set_one(node, "rule", "argmax").successful
    refused = set_one(node, "rule", "luck")
    assert refused.reason == "unknown selection rule 'luck'; known: bands, argmax, quality"
    assert set_one(node, "min_confidence", 0.5).successful
    assert not set_one(node, "min_confidence", 1.5).successful
    assert (node._live.now.rule, node._live.now.min_confidence) == ("argmax", 0.5)
    assert not set_one(node, "seed", 3).successful
