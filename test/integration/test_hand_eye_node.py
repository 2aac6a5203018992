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

from affordance_grasp.control.camera_mounting import D435_LINK_OPTICAL
from affordance_grasp.control.robot import load_robot
from affordance_grasp.geometry import pose, pose_from_quaternion
from affordance_grasp.nodes.convert.conversions import from_transform
from affordance_grasp.nodes.hand_eye import HandEyeNode

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
    found = buffer.lookup_transform(parent, child, rclpy.time.Time()).transform
    t, q = found.translation, found.rotation
    return pose_from_quaternion([t.x, t.y, t.z], [q.x, q.y, q.z, q.w])


def listening(node):
    buffer = tf2_ros.Buffer()
    return buffer, tf2_ros.TransformListener(buffer, node)


def test_the_optical_frame_hangs_on_the_flange():
    with beside_the_node("flange_frame:=wrist3_Link") as node:
        buffer, _listener = listening(node)
        np.testing.assert_allclose(looked_up(buffer, "tool0", OPTICAL), T_TOOL0_OPTICAL, atol=1e-6)
        found = looked_up(buffer, "wrist3_Link", OPTICAL)
        np.testing.assert_allclose(found, T_TOOL0_OPTICAL, atol=1e-6)


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
