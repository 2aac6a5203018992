"""Where the camera was: by joints and the hand-eye file, or by TF; waited for where it is live."""

import sys
from threading import Timer
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from small_bags import START_NS, joints, transforms

from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.geometry import pose, quaternion_xyzw
from affordance_grasp.streams.camera_pose import HandEyePose, TfPose
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.messages import Header
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import TransformTree

ROBOT = load_robot()
CAMERA = ROBOT.hand_eye.camera_frame
MOUNT = "tool0", CAMERA, ROBOT.T_tool0_cam[:3, 3], quaternion_xyzw(ROBOT.T_tool0_cam)
STEP = np.array([0.02, 0, 0, 0, 0, 0])


def image(t_s, frame_id=CAMERA):
    return Header(START_NS + round(t_s * 1e9), frame_id)


def arm(t_s):
    """The arm's transform, which rises by 1 m/s."""
    return transforms(t_s, ("base_link", "tool0", (0.5, 0, t_s), (0, 0, 0, 1)))


def test_joints_and_the_calibration_tell_where_the_camera_was():
    history = JointHistory(ROBOT.arm.joint_names)
    by_joints = HandEyePose(ROBOT, history)
    assert not by_joints.knows(image(0.05))
    for i in range(2):
        history.take(joints(0.1 * i, ROBOT.arm.joint_names, ROBOT.home_q + i * STEP))
    assert by_joints.knows(image(0.05)) and not by_joints.knows(image(0.11))
    expected = ROBOT.T_base_cam(ROBOT.home_q + STEP / 2)
    np.testing.assert_allclose(by_joints.at(image(0.05)), expected, atol=1e-12)


def test_a_camera_that_was_not_calibrated_is_not_waited_for():
    by_joints = HandEyePose(ROBOT, JointHistory(ROBOT.arm.joint_names))
    assert by_joints.knows(image(0, "other"))
    with pytest.raises(
        NotKnown, match="images are in frame 'other', and the hand-eye calibration"
    ):
        by_joints.at(image(0, "other"))


def test_tf_tells_where_the_camera_was():
    tree = TransformTree()
    by_tf = TfPose("base_link", tree)
    tree.take(transforms(0, MOUNT), static=True)
    assert not by_tf.knows(image(0.05))
    for t_s in (0.0, 0.1):
        tree.take(arm(t_s), static=False)
    assert by_tf.knows(image(0.05)) and not by_tf.knows(image(0.11))
    expected = pose(np.eye(3), [0.5, 0, 0.05]) @ ROBOT.T_tool0_cam
    np.testing.assert_allclose(by_tf.at(image(0.05)), expected, atol=1e-9)


@pytest.fixture
def live(monkeypatch):
    """A pose by TF as the selector has it, and what its subscriptions call: topic -> callback."""
    pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
    from affordance_grasp.nodes.inputs.camera_pose import CAMERA_POSES

    kinds = ModuleType("tf2_msgs.msg")
    kinds.TFMessage = object
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", kinds)
    heard, said = {}, []
    node = SimpleNamespace(
        create_subscription=lambda kind, topic, take, *_, **__: heard.update({topic: take}),
        get_logger=lambda: SimpleNamespace(warning=lambda text, **_: said.append(text)),
    )
    return CAMERA_POSES["tf"](node, ROBOT, None, 0.3), heard, said


def message_header(t_s):
    return transforms(t_s, (CAMERA, "none", (0, 0, 0), (0, 0, 0, 1))).transforms[0].header


def test_a_transform_that_is_a_little_late_is_waited_for(live):
    by_tf, heard, _ = live
    heard["/tf_static"](transforms(0, MOUNT))
    heard["/tf"](arm(0.0))
    timer = Timer(0.05, heard["/tf"], [arm(0.2)])
    timer.start()
    T_base_cam = by_tf.at(message_header(0.1))
    timer.join()
    assert T_base_cam[2, 3] == pytest.approx(0.1 + ROBOT.T_tool0_cam[2, 3])


def test_what_does_not_come_is_said_after_a_while(live):
    by_tf, heard, said = live
    with pytest.raises(AffordanceGraspError, match="no node publishes frame 'base_link'"):
        by_tf.at(message_header(0))
    heard["/tf_static"](transforms(0, MOUNT))
    heard["/tf"](arm(0.0))
    with pytest.raises(
        AffordanceGraspError, match=r"ends 1.00 s before .*; nothing newer came within 0.3 s"
    ):
        by_tf.at(message_header(1.0))
    heard["/tf"](transforms(0, ("a", "b", (0, 0, 0), (0, 0, 0, 2))))
    assert said == ["the transform of 'b' on tf has a quaternion of norm 2; it must be 1"]
