"""The driver's description: one, the same from two publishers, and two that differ."""

from threading import Event

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from rclpy.node import Node
from spinning import ros
from std_msgs.msg import String

from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_description import description
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.inputs.described_robot import TOPIC, DescribedRobot
from affordance_grasp.nodes.ros.calls import LATCHED
from affordance_grasp.share import share_path

URDF = description(share_path("config/aubo_i5.yaml"))
NARROW = URDF.replace('lower="-3.04"', 'lower="-3.0"')
PATIENCE_S = 60.0


class Listener(DescribedRobot):
    """Tells when it has taken so many descriptions."""

    def __init__(self, node, awaited):
        self.all, self._left = Event(), awaited
        super().__init__(node, load_robot())

    def _take(self, message):
        super()._take(message)
        self._left -= 1
        if not self._left:
            self.all.set()


def published(names, urdfs):
    """The listener after nodes of these names have published."""
    with ros() as start:
        listener = Listener(Node("selector", use_global_arguments=False), len(urdfs))
        drivers = [Node(name, use_global_arguments=False) for name in names]
        publishers = [driver.create_publisher(String, TOPIC, LATCHED) for driver in drivers]
        start(listener._node, *drivers)
        for publisher, urdf in zip(publishers, urdfs, strict=True):
            publisher.publish(String(data=urdf))
        assert listener.all.wait(PATIENCE_S)
        yield listener


def test_the_same_description_twice_is_one():
    assert NARROW != URDF
    for listener in published(["a", "b"], [NARROW, NARROW + "\n"]):
        assert listener.robot.arm.lower.max() == -3.0


@pytest.mark.parametrize(
    ("names", "told"),
    [(["a", "b"], "/a and /b"), (["twin", "twin"], "/twin and /twin")],
)
def test_two_that_differ_are_refused_and_named(names, told):
    for listener in published(names, [URDF, NARROW]):
        with pytest.raises(InvalidInput, match=f"published by {told}, which describe .* differ"):
            _ = listener.robot
