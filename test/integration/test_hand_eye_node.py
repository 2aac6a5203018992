"""The calibration on /tf_static, looked up with tf2 as any other node would."""

from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest

pytest.importorskip("tf2_ros", reason="no complete ROS 2 here: tf2_ros cannot be imported")

import rclpy
import tf2_ros
from rclpy.node import Node
from spinning import ros
from std_msgs.msg import String

from affordance_grasp.control.camera_mounting import D435_LINK_OPTICAL
from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_description import description
from affordance_grasp.geometry import pose, pose_from_quaternion
from affordance_grasp.nodes.convert.conversions import from_transform
from affordance_grasp.nodes.hand_eye import HandEyeNode
from affordance_grasp.nodes.ros.calls import LATCHED
from affordance_grasp.share import share_path

OPTICAL = "camera_color_optical_frame"
T_TOOL0_OPTICAL = load_robot().T_tool0_cam


@contextmanager
def beside_the_node(*parameters):
    """The node with parameters, spinning; yields another node to listen with."""
    with ros(*parameters) as start:
        _, listener = start(HandEyeNode(), Node("listener", use_global_arguments=False))
        yield listener


def looked_up(buffer, parent, child):
    for _ in range(150):
        if buffer.can_transform(parent, child, rclpy.time.Time()):
            break
        Event().wait(0.1)
    else:
        raise AssertionError(f"TF is cut: {buffer.all_frames_as_yaml()}")
    found = buffer.lookup_transform(parent, child, rclpy.time.Time()).transform
    t, q = found.translation, found.rotation
    return pose_from_quaternion([t.x, t.y, t.z], [q.x, q.y, q.z, q.w])


def listening(node):
    buffer = tf2_ros.Buffer()
    return buffer, tf2_ros.TransformListener(buffer, node)


def latched(node, urdf):
    """A driver's URDF, as robot_state_publisher publishes it; keep the publisher."""
    publisher = node.create_publisher(String, "robot_description", LATCHED)
    publisher.publish(String(data=urdf))
    return publisher


def without_tool():
    urdf = description(share_path("config/aubo_i5.yaml"))
    return urdf.replace('"tool0"', '"gripper_mount"')


def test_the_optical_frame_hangs_on_the_flange():
    with beside_the_node() as node:
        buffer, _listener = listening(node)
        np.testing.assert_allclose(looked_up(buffer, "tool0", OPTICAL), T_TOOL0_OPTICAL, atol=1e-6)


def test_beside_a_driver_whose_urdf_ends_at_the_last_link_tf_is_whole():
    with beside_the_node("extrinsics_timeout_s:=60.0") as node:
        _publisher = latched(node, without_tool())
        buffer, _listener = listening(node)
        found = looked_up(buffer, "wrist3_Link", OPTICAL)
        np.testing.assert_allclose(found, T_TOOL0_OPTICAL, atol=1e-6)


def test_without_a_description_the_named_link_is_the_flange():
    with beside_the_node("extrinsics_timeout_s:=0.3", "flange_frame:=last_link") as node:
        buffer, _listener = listening(node)
        found = looked_up(buffer, "last_link", OPTICAL)
        np.testing.assert_allclose(found, T_TOOL0_OPTICAL, atol=1e-6)


def test_a_flange_that_others_may_place_gets_no_other_parent():
    """By what moves as well, which is heard on another topic, and may come late."""
    with beside_the_node("extrinsics_timeout_s:=0.3") as node:
        buffer, _listener = listening(node)
        looked_up(buffer, "tool0", OPTICAL)
        Event().wait(2.0)
        driver = tf2_ros.TransformBroadcaster(node)
        stamp = node.get_clock().now().to_msg()
        driver.sendTransform(from_transform(pose(), "own_flange", "tool0", stamp))
        looked_up(buffer, "own_flange", OPTICAL)
        assert not buffer.can_transform("wrist3_Link", "tool0", rclpy.time.Time())


def test_beside_the_vendor_s_driver_the_link_hangs_on_the_flange():
    """The driver's own extrinsics, which are not the nominal ones, are taken into account."""
    T_link_color = pose(translation_m=[0.0003, 0.0146, -0.0002])
    T_color_optical = pose(D435_LINK_OPTICAL[:3, :3])
    with beside_the_node("child_frame:=camera_link") as node:
        stamp = node.get_clock().now().to_msg()
        driver = tf2_ros.StaticTransformBroadcaster(node)
        driver.sendTransform(
            [
                from_transform(T_link_color, "camera_link", "camera_color_frame", stamp),
                from_transform(T_color_optical, "camera_color_frame", OPTICAL, stamp),
            ]
        )
        buffer, _listener = listening(node)
        np.testing.assert_allclose(looked_up(buffer, "tool0", OPTICAL), T_TOOL0_OPTICAL, atol=1e-6)


def test_without_the_driver_s_transforms_the_nominal_ones_serve():
    with beside_the_node("child_frame:=camera_link", "extrinsics_timeout_s:=0.3") as node:
        buffer, _listener = listening(node)
        T_tool0_link = looked_up(buffer, "tool0", "camera_link")
        np.testing.assert_allclose(T_tool0_link @ D435_LINK_OPTICAL, T_TOOL0_OPTICAL, atol=1e-6)
