"""Joint positions of a running robot: fresh, waited for, and with a limit on every wait."""

from threading import Timer
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.inputs import joints
from affordance_grasp.nodes.inputs.camera_pose import CAMERA_POSES
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import NoAnswer

NOW_S = 100.0


def clock_at(now_s):
    return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(now_s * 1e9)))


@pytest.fixture
def monitor(monkeypatch):
    """A monitor whose clock stands at 100 s; ``take`` gives it positions at a stamp."""
    monkeypatch.setattr(joints, "PATIENCE_S", 0.05)
    node = SimpleNamespace(
        get_logger=lambda: SimpleNamespace(warning=lambda text, **options: None),
        get_clock=lambda: clock_at(NOW_S),
        create_subscription=lambda *arguments, **options: None,
        resolve_topic_name=lambda name: f"/{name}",
        get_publishers_info_by_topic=lambda topic: [
            SimpleNamespace(node_namespace="/", node_name=name)
            for name in ("driver", "fake_joints")
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


@pytest.mark.parametrize(("stamp_s", "words"), [(NOW_S - 10, "old"), (NOW_S + 10, "ahead")])
def test_positions_of_another_clock_are_refused(monitor, stamp_s, words):
    take(monitor, stamp_s, 2.0, 1.0)
    with pytest.raises(NoAnswer, match=rf"arrives with stamps 10\.0 s {words}.*clocks must agree"):
        monitor.now()


NAN = float("nan")
FAULTS = {
    "stopped": ([], "nothing has arrived on joint_states of a, b for 0.7 s; .*driver has stopped"),
    "nan": ([(("b", "a"), (1.0, NAN))], "joint_states holds NaN or infinity for a"),
    "short": ([(("b", "a"), (1.0,))], "joint_states names 2 joints and has 1 positions"),
    "some": ([(("b", "c"), (1.0, 2.0))], "joint_states has no position for a"),
    "doubled": ([(("a", "b", "a"), (1.0, 2.0, 3.0))], "has several positions for a"),
    "foreign": ([(("c", "d"), (1.0, 2.0))], "nothing has arrived on joint_states of a, b for"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("before", [True, False])
def test_each_fault_of_the_positions_has_its_own_sentence(monitor, fault, before):
    messages, words = FAULTS[fault]
    if before:
        monitor._clock = clock_at(NOW_S - 0.7)
        take(monitor, NOW_S - 0.7, 2.0, 1.0)
        monitor._clock = clock_at(NOW_S)
    elif fault == "foreign":
        words = "nothing arrives on joint_states of a, b; it has 'c, d', of another robot"
    elif fault == "stopped":
        words = "nothing arrives on joint_states of a, b; is the robot's driver running"
    for name, positions in messages:
        take(monitor, NOW_S, *positions, name=name)
    for ask in (monitor.now, lambda: monitor.at(ns(NOW_S), 0.05)):
        with pytest.raises(NoAnswer, match=words):
            ask()
    with pytest.raises(MotionFault, match=words):
        monitor.check()


@pytest.mark.parametrize("silent_s", [0.51, 5.0])
@pytest.mark.parametrize("late_s", [0.0, 0.4, -0.4])
def test_a_driver_that_stopped_is_no_clock(monitor, silent_s, late_s):
    """Its last stamp is too old before its last message came too long ago, or after."""
    take(monitor, NOW_S - late_s, 2.0, 1.0)
    monitor._clock = clock_at(NOW_S + silent_s + abs(late_s))
    with pytest.raises(MotionFault, match="nothing has arrived on joint_states of a, b for"):
        monitor.check()


def test_the_pose_of_the_camera_says_what_is_wrong_with_the_joints(monitor):
    robot = load_robot()
    joints = JointMonitor(monitor._node, robot.arm.joint_names)
    pose = CAMERA_POSES["hand_eye"](monitor._node, robot, joints, 0.05)
    stamp = Time(sec=int(NOW_S))
    image = Header(stamp=stamp, frame_id=robot.hand_eye.camera_frame)
    with pytest.raises(NoAnswer, match="nothing arrives on joint_states of .*driver running"):
        pose.at(image)
    names, positions = robot.arm.joint_names, [0.0] * 5 + [NAN]
    take(joints, NOW_S, *positions, name=names)
    with pytest.raises(NoAnswer, match=f"NaN or infinity for {names[5]}; nothing newer came"):
        pose.at(image)
    take(joints, NOW_S, *robot.home_q, name=names)
    np.testing.assert_allclose(pose.at(image), robot.T_base_cam(robot.home_q), atol=1e-9)


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
    words = (
        r"two publishers that contradict each other.*\(it comes from /driver and /fake_joints\)"
    )
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
    words = "arrives with stamps 0.6 s old, they must be within 0.5 s"
    with pytest.raises(MotionFault, match=words):
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
