import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from builtin_interfaces.msg import Time

from affordance_grasp.control.camera_mounting import D435_LINK_OPTICAL
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import pose, pose_from_quaternion
from affordance_grasp.nodes.convert.static_transforms import (
    TransformTree,
    from_transform,
    link_mounting,
)

TURNED = pose_from_quaternion([0.1, 0.2, 0.3], [0.5, -0.5, 0.5, 0.5])
STAMP = Time(sec=3)


def test_a_pose_becomes_a_message():
    message = from_transform(TURNED, "tool0", "camera_link", STAMP)
    assert (message.header.frame_id, message.child_frame_id) == ("tool0", "camera_link")
    assert message.header.stamp.sec == 3
    t, q = message.transform.translation, message.transform.rotation
    assert (t.x, t.y, t.z) == pytest.approx((0.1, 0.2, 0.3))
    assert np.abs([q.x, q.y, q.z, q.w]) == pytest.approx([0.5] * 4)


def test_the_way_through_the_driver_s_frames_is_found():
    """camera_link -> camera_color_frame -> camera_color_optical_frame, as realsense2_camera."""
    tree = TransformTree()
    offset = pose(translation_m=D435_LINK_OPTICAL[:3, 3])
    turn = pose(D435_LINK_OPTICAL[:3, :3])
    tree.add([from_transform(turn, "camera_color_frame", "camera_color_optical_frame", STAMP)])
    assert tree.pose("camera_color_optical_frame", "camera_link") is None
    tree.add([from_transform(offset, "/camera_link", "camera_color_frame", STAMP)])
    found = tree.pose("camera_color_optical_frame", "camera_link")
    np.testing.assert_allclose(found, D435_LINK_OPTICAL, atol=1e-12)
    assert tree.pose("camera_link", "camera_color_optical_frame") is None
    np.testing.assert_array_equal(tree.pose("camera_link", "camera_link"), np.eye(4))


def test_frames_in_a_circle_lead_nowhere():
    tree = TransformTree()
    tree.add([from_transform(TURNED, "a", "b", STAMP), from_transform(TURNED, "b", "a", STAMP)])
    assert tree.pose("a", "c") is None


def test_what_is_no_transform_is_refused():
    bad = from_transform(TURNED, "a", "b", STAMP)
    bad.transform.rotation.w = 0.9
    with pytest.raises(InvalidInput, match="static transform of 'b'"):
        TransformTree().add([bad])


def test_link_and_optical_frame_hang_on_the_flange_together():
    T_tool0_link = link_mounting(TURNED, D435_LINK_OPTICAL)
    np.testing.assert_allclose(T_tool0_link @ D435_LINK_OPTICAL, TURNED, atol=1e-12)
