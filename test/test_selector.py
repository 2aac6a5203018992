"""What the selector refuses before it looks, and what it tells of its health."""

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.srv import GroundAffordance
from rclpy.node import Node
from spinning import ros

from affordance_grasp.errors import UnknownName
from affordance_grasp.nodes.inputs.frames import FrameStream
from affordance_grasp.nodes.ros.calls import Refused, serve
from affordance_grasp.nodes.selector import SelectorNode

PATIENCE = "service_timeout_s:=60.0"


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
