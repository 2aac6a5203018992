"""What was lifted stays in the hand until the fingers are seen to let it go."""

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from rclpy.node import Node
from sensor_msgs.msg import JointState
from spinning import ros
from std_msgs.msg import String

from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.nodes.arms.held_object import UNKNOWN, HeldObject, HeldObjectMonitor
from affordance_grasp.nodes.ros.calls import Refused

GRIPPER = load_gripper()
MUG = "the fingers hold what they lifted, 32 mm wide"


@pytest.fixture
def node():
    with ros():
        node = Node("controller", namespace="cell")
        yield node
        node.destroy_node()


def stand(held, knuckle_rad):
    """The fingers are measured."""
    held._fingers._take(JointState(name=[GRIPPER.joint_name], position=[knuckle_rad]))
    held._look()


def holding(node, knuckle_rad=0.5):
    held = HeldObject(node, GRIPPER, assume=False)
    held.now_holds(MUG)
    stand(held, knuckle_rad)
    held.stays()
    return held


def test_a_further_grasp_is_refused_with_the_way_to_release(node):
    held = holding(node)
    stand(held, 0.51)
    with pytest.raises(
        Refused, match=f"{MUG}; take hold of it, .*send_goal /cell/release .*Gripp"
    ):
        held.check()


@pytest.mark.parametrize("knuckle_rad", [0.4, 0.0, 0.79])
def test_fingers_that_open_or_close_on_nothing_are_free(node, knuckle_rad):
    held = holding(node)
    stand(held, knuckle_rad)
    held.check()


def test_fingers_that_stand_open_hold_nothing_whatever_was_feared(node):
    holding(node, knuckle_rad=0.0).check()


def test_fingers_that_still_close_when_it_went_wrong_may_hold_it(node):
    held = holding(node, knuckle_rad=0.2)
    stand(held, 0.5)
    with pytest.raises(Refused, match=MUG):
        held.check()


@pytest.mark.parametrize(("knuckle_rad", "free"), [(0.0, True), (0.4, False), (0.79, True)])
def test_fingers_that_are_half_closed_at_first_may_hold_something(node, knuckle_rad, free):
    held = HeldObject(node, GRIPPER, assume=True)
    stand(held, knuckle_rad)
    if free:
        held.check()
    else:
        with pytest.raises(Refused, match=UNKNOWN):
            held.check()
    stand(held, 0.0)
    held.check()


def test_other_nodes_hear_of_it(node):
    monitor = HeldObjectMonitor(node)
    monitor.check()
    monitor._take(String(data=MUG))
    with pytest.raises(Refused, match=MUG):
        monitor.check()
    monitor._take(String(data=""))
    monitor.check()
