"""Joint positions of a running robot: fresh, waited for, and with a limit on every wait."""

from threading import Timer
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.inputs import joints
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import NoAnswer

NOW_S = 100.0


@pytest.fixture
def monitor(monkeypatch):
    """A monitor whose clock stands at 100 s; ``take`` gives it positions at a stamp."""
    monkeypatch.setattr(joints, "PATIENCE_S", 0.05)
    node = SimpleNamespace(
        get_logger=lambda: SimpleNamespace(warning=lambda text, **options: None),
        get_clock=lambda: SimpleNamespace(
            now=lambda: SimpleNamespace(nanoseconds=round(NOW_S * 1e9))
        ),
        create_subscription=lambda *arguments, **options: None,
        resolve_topic_name=lambda name: f"/{name}",
        get_publishers_info_by_topic=lambda topic: [
            SimpleNamespace(node_name=name) for name in ("driver", "fake_joints")
        ],
    )
    return JointMonitor(node, ("a", "b"))


def ns(stamp_s):
    return round(stamp_s * 1e9)


def take(monitor, stamp_s, *position, name=("b", "a")):
    stamp = Time(sec=int(stamp_s), nanosec=round(stamp_s % 1 * 1e9))
    monitor._take(JointState(header=Header(stamp=stamp), name=name, position=position))


def test_order_is_that_of_the_names(monitor):
    take(monitor, NOW_S, 2.0, 1.0)
    assert monitor.now().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("stamp_s", [NOW_S - 10, NOW_S + 10])
def test_stale_positions_and_those_of_another_clock_are_refused(monitor, stamp_s):
    take(monitor, stamp_s, 2.0, 1.0)
    with pytest.raises(NoAnswer, match="driver has stopped or its clock differs"):
        monitor.now()


def test_silence_is_said(monitor):
    with pytest.raises(NoAnswer, match="nothing arrives on joint_states"):
        monitor.now()
    with pytest.raises(NoAnswer, match="nothing arrives on joint_states"):
        monitor.at(ns(NOW_S), 0.05)


def test_messages_without_these_joints_or_with_nan_change_nothing(monitor):
    take(monitor, NOW_S, 2.0, 1.0)
    take(monitor, NOW_S + 0.1, 9.0, name=("gripper",))
    take(monitor, NOW_S + 0.2, 9.0, float("nan"))
    assert monitor.now().tolist() == [1.0, 2.0]


def test_an_image_far_from_every_message_is_refused(monitor):
    take(monitor, NOW_S, 0.0, 1.0)
    with pytest.raises(NoAnswer, match="ends 1.00 s before .*; nothing newer came within 0.05 s"):
        monitor.at(ns(NOW_S + 1.0), 0.05)
    with pytest.raises(NoAnswer, match="begins 0.20 s after the image; the image is too old"):
        monitor.at(ns(NOW_S - 0.2), 0.05)


def test_an_image_that_is_quicker_than_the_joints_is_waited_for(monitor):
    take(monitor, NOW_S, 0.0, 0.0)
    timer = Timer(0.05, take, (monitor, NOW_S + 0.1, 1.0, 0.5))
    timer.start()
    assert monitor.at(ns(NOW_S + 0.05), 2.0).tolist() == pytest.approx([0.25, 0.5])
    timer.join()


def test_publishers_that_contradict_each_other_are_named(monitor):
    for i in range(10):
        take(monitor, NOW_S - 0.1 + 0.01 * i, 1.0 * (i % 2), 0.0)
    words = r"two publishers that contradict each other.*\(it comes from driver and fake_joints\)"
    with pytest.raises(NoAnswer, match=words):
        monitor.now()
    with pytest.raises(MotionFault, match=words):
        monitor.check()


def test_rest_is_seen_though_every_message_comes_twice(monitor):
    def arrive():
        for i in range(20):
            take(monitor, NOW_S + 0.02 * (i // 2), 2.0, 1.0)

    Timer(0.05, arrive).start()
    assert monitor.rest(0.1, 1.0)


def test_rest_is_not_read_from_a_single_message(monitor):
    """At 8 messages a second a window of 0.1 s holds one: the one before it counts too."""

    def arrive(*positions):
        for i, position in enumerate(positions):
            take(monitor, NOW_S + 0.125 * i, 2.0, position)

    arrive(1.0)
    Timer(0.05, arrive, (1.0, 1.125, 1.25)).start()
    assert not monitor.rest(0.1, 0.3)
    Timer(0.05, arrive, (1.25, 1.25, 1.25)).start()
    assert monitor.rest(0.1, 1.0)


def test_a_guard_objects_as_soon_as_positions_are_old(monitor):
    take(monitor, NOW_S - 0.6, 2.0, 1.0)
    with pytest.raises(MotionFault, match="joint_states is 0.6 s old, it must be within 0.5 s"):
        monitor.check()
    take(monitor, NOW_S - 0.2, 2.0, 1.0)
    monitor.check()


@pytest.mark.parametrize(("step", "still"), [(0.0, True), (0.01, False)])
def test_rest_is_seen_in_what_arrives_from_now_on(monitor, step, still):
    def arrive():
        for i in range(20):
            take(monitor, NOW_S + 0.02 * i, 2.0, 1.0 + step * i)

    take(monitor, NOW_S - 0.3, 2.0, 1.0)
    take(monitor, NOW_S - 0.01, 2.0, 1.0)
    assert not monitor.rest(0.1, 0.05), "what was before says nothing about now"
    Timer(0.05, arrive).start()
    assert monitor.rest(0.1, 1.0) is still
