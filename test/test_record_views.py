"""Views are stored when the arm rests in a new configuration, and never twice."""

from threading import Event

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from calibration_views import ROBOT, flange
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState
from spinning import ros
from std_msgs.msg import Header
from tabletop import tabletop

from affordance_grasp.calibration.views import read_views
from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.convert.conversions import from_intrinsics
from affordance_grasp.nodes.convert.images import from_color, from_depth_m
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, INFO
from affordance_grasp.nodes.record_views import RecordViewsNode

HERE, THERE = np.zeros(6), np.array([0, 0.3, 0, 0, 0, 0])


class Cell(Node):
    """Publishes a camera and an arm; ``q`` is where the arm is."""

    def __init__(self):
        super().__init__("cell")
        self.q = ROBOT.home_q
        frame = tabletop()
        header = Header(frame_id="camera_color_optical_frame")
        self._messages = (
            (
                self.create_publisher(CameraInfo, INFO, 2),
                from_intrinsics(frame.intrinsics, header),
            ),
            (self.create_publisher(Image, DEPTH, 2), from_depth_m(frame.depth_m, header)),
            (self.create_publisher(Image, COLOR, 2), from_color(frame.color, header)),
        )
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self.create_timer(0.03, self._publish_joints)
        self.create_timer(0.1, self._publish_frame)

    def _publish_joints(self):
        message = JointState(name=list(ROBOT.arm.joint_names), position=self.q.tolist())
        message.header.stamp = self.get_clock().now().to_msg()
        self._joints.publish(message)

    def _publish_frame(self):
        stamp = self.get_clock().now().to_msg()
        for publisher, message in self._messages:
            message.header.stamp = stamp
            publisher.publish(message)


@pytest.fixture
def spinning(tmp_path):
    """Runs a cell and a recorder of two views into ``tmp_path/views``."""
    folder = tmp_path / "views"
    with ros("views:=2", "still_s:=0.3", f"folder:={folder}") as start:
        yield *start(Cell(), RecordViewsNode()), folder


def test_views_are_stored_as_the_arm_goes_from_configuration_to_configuration(spinning):
    cell, recorder, folder = spinning
    for _ in range(100):
        if (folder / "view_000" / "view.json").exists():
            break
        Event().wait(0.1)
    cell.q = ROBOT.home_q + THERE
    assert recorder.done.wait(20)
    first, second = read_views(folder, ROBOT.arm)
    np.testing.assert_allclose(first.T_base_tool0, flange(HERE), atol=1e-6)
    np.testing.assert_allclose(second.T_base_tool0, flange(THERE), atol=1e-6)
    assert first.frame.intrinsics == tabletop().intrinsics
    with pytest.raises(InvalidInput, match="holds views already"):
        RecordViewsNode()
