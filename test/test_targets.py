"""What a generator is told, through a message and back."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.msg import GraspTarget
from builtin_interfaces.msg import Time
from grasp_answers import GRIPPER, scene
from std_msgs.msg import Header

from affordance_grasp.candidates.target import Target
from affordance_grasp.datatypes import Region
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.geometry import pose_from_quaternion
from affordance_grasp.nodes.convert.targets import from_target, to_target, with_gripper
from affordance_grasp.scene.labelled_points import POINT

HEADER = Header(stamp=Time(sec=5), frame_id="camera_color_optical_frame")
T_BASE_CAM = pose_from_quaternion([0.3, -0.2, 0.5], [0.5, -0.5, 0.5, 0.5])
TARGET = Target("hold", Region(200, 100, 400, 300), 1, T_BASE_CAM)


def told(target=TARGET):
    frame, understood, _ = scene()
    return with_gripper(from_target(target, frame, understood, HEADER, "base_link"), GRIPPER)


def test_a_target_and_its_scene_survive_the_round_trip():
    frame, understood, _ = scene()
    message = told()
    target, again = to_target(message, frame)
    assert (target.query, target.region, target.label) == ("hold", TARGET.region, 1)
    np.testing.assert_allclose(target.T_base_cam, T_BASE_CAM, atol=1e-12)
    assert message.camera.header.frame_id == "base_link"
    g = message.gravity
    np.testing.assert_allclose([g.x, g.y, g.z], -T_BASE_CAM[2, :3])
    assert (message.gripper, message.max_width_m) == (GRIPPER.name, pytest.approx(0.085))
    np.testing.assert_array_equal(again.cloud.points_cam, understood.cloud.points_cam)
    np.testing.assert_array_equal(again.cloud.labels, understood.cloud.labels)
    assert again.table.offset_m == understood.table.offset_m


def test_its_points_are_a_cloud_with_colours_and_labels():
    cloud = told().points
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb", "label"]
    assert cloud.header == HEADER
    points = np.frombuffer(cloud.data, POINT)
    assert len(points) == cloud.width
    offsets = {name: offset for name, (_, offset, *_) in POINT.fields.items()}
    assert [field.offset for field in cloud.fields] == [
        offsets[name] for name in ("x", "y", "z", "blue", "label")
    ]
    assert (points["label"] > 0).sum() == (scene()[1].cloud.labels > 0).sum()


def test_what_is_not_known_stays_so():
    frame = scene()[0]
    assert to_target(GraspTarget(), frame) == (Target(), None)
    target, again = to_target(told(Target()), frame)
    assert (target, again is None) == (Target(), False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: setattr(m, "label", 9),
        lambda m: setattr(m, "labels", GraspTarget().labels),
        lambda m: setattr(m.labels, "height", 3),
        lambda m: setattr(m.labels, "encoding", "rgb8"),
        lambda m: setattr(m.table_normal, "x", 3.0),
        lambda m: setattr(m, "table_offset_m", float("nan")),
        lambda m: setattr(m.camera.pose.orientation, "w", 7.0),
        lambda m: setattr(m.region, "width", 9000),
    ],
)
def test_what_cannot_be_is_one_sentence(spoil):
    message = told()
    spoil(message)
    with pytest.raises(AffordanceGraspError):
        to_target(message, scene()[0])
