"""What the selector refuses before it looks, and what it tells of its health."""

from collections import Counter
from threading import Event
from time import monotonic

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.srv import GroundAffordance, SelectGrasp
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from spinning import ros

from affordance_grasp.errors import UnknownName
from affordance_grasp.nodes.inputs.frames import FrameStream
from affordance_grasp.nodes.ros.calls import MANY, Refused, serve, wait
from affordance_grasp.nodes.selector import WAITING, SelectorNode

PATIENCE, WAIT_S = "service_timeout_s:=60.0", 60.0


def test_an_unknown_query_is_refused_before_a_frame_is_waited_for(monkeypatch):
    monkeypatch.setattr(FrameStream, "next", lambda *_: pytest.fail("a frame is waited for"))

    def ground(request, response):
        assert not request.image.width
        raise UnknownName("query", request.query, ["hold"])

    with ros(PATIENCE) as start:
        selector, grounder = SelectorNode(), Node("grounder", use_global_arguments=False)
        serve(grounder, GroundAffordance, "ground", ground)
        start(selector, grounder)
        stages = []
        with pytest.raises(Refused, match="unknown query 'juggle'; known: hold"):
            selector._decide("juggle", stages.append)
        assert stages == ["look"]


def test_a_selector_alone_says_what_it_lacks():
    with ros(PATIENCE) as start:
        (selector,) = start(SelectorNode())
        health = selector._health()
        assert health.level == b"\x02"
        for words in (
            "nobody publishes /color/image_raw",
            "nothing arrives on joint_states",
            "service ground is not offered by any node",
        ):
            assert words in health.sentence


def test_of_fifty_calls_at_once_each_is_answered(monkeypatch):
    go_on = Event()

    def decide(self, query, tell):
        assert go_on.wait(WAIT_S)
        raise Refused("nothing is there")

    monkeypatch.setattr(SelectorNode, "_decide", decide)
    with ros(PATIENCE) as start:
        _, asker = start(SelectorNode(), Node("asker", use_global_arguments=False))
        client = asker.create_client(
            SelectGrasp, "select", qos_profile=MANY, callback_group=ReentrantCallbackGroup()
        )
        assert client.wait_for_service(WAIT_S)
        sent = [client.call_async(SelectGrasp.Request(query="hold")) for _ in range(50)]
        deadline = monotonic() + WAIT_S
        while sum(each.done() for each in sent) < 50 - WAITING:
            assert monotonic() < deadline and not go_on.wait(0.02)
        go_on.set()
        told = Counter(wait(each, WAIT_S, "select").message for each in sent)
        assert told == {
            "nothing is there": WAITING,
            "select is busy with other calls; try again": 50 - WAITING,
        }
