import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from builtin_interfaces.msg import Time

from affordance_grasp.geometry import pose_from_quaternion
from affordance_grasp.nodes.convert.conversions import from_transform

TURNED = pose_from_quaternion([0.1, 0.2, 0.3], [0.5, -0.5, 0.5, 0.5])
STAMP = Time(sec=3)


def test_a_pose_becomes_a_message():
    message = from_transform(TURNED, "tool0", "camera_link", STAMP)
    assert (message.header.frame_id, message.child_frame_id) == ("tool0", "camera_link")
    assert message.header.stamp.sec == 3
    t, q = message.transform.translation, message.transform.rotation
    assert (t.x, t.y, t.z) == pytest.approx((0.1, 0.2, 0.3))
    assert np.abs([q.x, q.y, q.z, q.w]) == pytest.approx([0.5] * 4)
