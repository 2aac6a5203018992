"""Where the camera was, asked of TF: there, late, missing, cut, ahead of it or long past."""

from contextlib import closing
from threading import Thread, Timer

import numpy as np
import pytest

pytest.importorskip("tf2_ros", reason="no complete ROS 2 here: tf2_ros cannot be imported")

import rclpy
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from affordance_grasp.control.robot import load_robot
from affordance_grasp.geometry import pose, quaternion_xyzw
from affordance_grasp.nodes.graph.processes import isolate
from affordance_grasp.nodes.inputs.camera_pose import AwaitedPose, TransformListener
from affordance_grasp.nodes.ros.calls import NoAnswer
from affordance_grasp.streams.camera_pose import TfPose

CAMERA = "camera_color_optical_frame"
ROBOT = load_robot()
TIMEOUT_S, PATIENT_S = 0.4, 60.0


def stamped(T, parent, child, stamp_s) -> TransformStamped:
    message = TransformStamped(header=header(parent, stamp_s), child_frame_id=child)
    x, y, z = T[:3, 3]
    message.transform.translation = Vector3(x=x, y=y, z=z)
    a, b, c, d = quaternion_xyzw(T)
    message.transform.rotation = Quaternion(x=a, y=b, z=c, w=d)
    return message


def header(frame, stamp_s) -> Header:
    return Header(frame_id=frame, stamp=Time(nanoseconds=round(stamp_s * 1e9)).to_msg())


class Cell:
    """A listener, and another node that publishes: arm moving up 1 m/s, camera on the tool."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        isolate()
        rclpy.init()
        self._nodes = [Node("listener"), Node("publisher")]
        self._moving = TransformBroadcaster(self._nodes[1])
        self._static = StaticTransformBroadcaster(self._nodes[1])
        self.listener = TransformListener(self._nodes[0])
        by_tf = TfPose(ROBOT.settings.base_frame, self.listener.tree)
        self.pose = AwaitedPose(by_tf, self.listener.arrived, timeout_s)
        self._executor = MultiThreadedExecutor(4)
        for node in self._nodes:
            self._executor.add_node(node)
        self._thread = Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._executor.shutdown()
        for node in self._nodes:
            node.destroy_node()
        rclpy.try_shutdown()
        self._thread.join()

    def mount(self) -> None:
        self._static.sendTransform(stamped(ROBOT.T_tool0_cam, "tool0", CAMERA, 0.0))

    def arm(self, *stamps_s) -> None:
        for stamp_s in stamps_s:
            T = pose(np.eye(3), [0.5, 0.0, stamp_s - 100.0])
            self._moving.sendTransform(stamped(T, "base_link", "tool0", stamp_s))

    def received(self, *frames) -> None:
        """Wait until these frames have arrived."""
        for frame in frames:
            for _ in range(1200):
                with self.listener.arrived:
                    if frame in self.listener.tree.frames:
                        break
                self._thread.join(0.05)
            else:
                raise AssertionError(f"{frame} never arrived")


@pytest.fixture
def cell():
    cell = Cell()
    yield cell
    cell.close()


def test_the_pose_is_that_at_the_stamp_of_the_image(cell):
    cell.mount()
    cell.arm(100.0, 100.1, 100.2)
    cell.received("base_link", CAMERA)
    T = cell.pose.at(header(CAMERA, 100.15))
    expected = pose(np.eye(3), [0.5, 0.0, 0.15]) @ ROBOT.T_tool0_cam
    np.testing.assert_allclose(T, expected, atol=1e-6)


def test_a_transform_that_is_a_little_late_is_waited_for():
    with closing(Cell(PATIENT_S)) as cell:
        cell.mount()
        cell.arm(100.0)
        cell.received("base_link", CAMERA)
        late = Timer(0.1, cell.arm, [100.3])
        late.start()
        T = cell.pose.at(header(CAMERA, 100.2))
        np.testing.assert_allclose(T[2, 3], 0.2 + ROBOT.T_tool0_cam[2, 3], atol=1e-6)
        late.join()


def complaint(cell, stamp_s, frame=CAMERA) -> str:
    with pytest.raises(NoAnswer) as caught:
        cell.pose.at(header(frame, stamp_s))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_missing_frames_are_named(cell):
    assert "no node publishes frame 'base_link'" in complaint(cell, 100.0)
    cell.arm(100.0)
    cell.received("base_link")
    assert f"no node publishes frame '{CAMERA}'" in complaint(cell, 100.0)


def test_a_chain_that_is_cut_is_said(cell):
    cell.arm(100.0)
    cell._static.sendTransform(stamped(np.eye(4), "camera_link", CAMERA, 0.0))
    cell.received("base_link", CAMERA)
    assert f"TF from base_link to {CAMERA} is cut" in complaint(cell, 100.0)


def test_far_from_every_transform_nothing_is_known(cell):
    """Neither ahead of the newest nor behind the oldest."""
    cell.mount()
    cell.arm(100.0, 100.1)
    cell.received("base_link", CAMERA)
    ahead = complaint(cell, 101.0)
    assert "ends 0.90 s before the image" in ahead
    assert ahead.endswith("nothing newer came within 0.4 s")
    behind = complaint(cell, 99.0)
    assert "begins 1.00 s after the image" in behind and "nothing newer" not in behind
