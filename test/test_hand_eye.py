"""Files of easy_handeye2, and a D435's two frames."""

import numpy as np
import pytest
import yaml

from affordance_grasp.control.camera_mounting import (
    D435_LINK_OPTICAL,
    HandEye,
    load_hand_eye,
    read_hand_eye,
    write_hand_eye,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert, pose_from_quaternion, transform_points
from affordance_grasp.share import share_path

# As easy_handeye2 writes it: the message HandeyeCalibration as YAML, every field of it.
WRITTEN = """\
parameters:
  name: my_eih_calib
  calibration_type: eye_in_hand
  robot_base_frame: base_link
  robot_effector_frame: wrist3_Link
  tracking_base_frame: camera_color_optical_frame
  tracking_marker_frame: handeye_target
  freehand_robot_movement: true
  move_group_namespace: /
  move_group: manipulator
transform:
  translation:
    x: 0.01
    y: -0.07
    z: 0.03
  rotation:
    x: 0.0
    y: 0.0
    z: 0.7071067811865476
    w: 0.7071067811865476
"""


def test_a_calibration_is_read_as_easy_handeye2_writes_it(tmp_path):
    path = tmp_path / "my_eih_calib.calib"
    path.write_text(WRITTEN.replace(": wrist3_Link", ": /wrist3_Link"))
    hand_eye = load_hand_eye(path)
    assert (hand_eye.effector_frame, hand_eye.base_frame) == ("wrist3_Link", "base_link")
    assert hand_eye.name == "my_eih_calib"
    # a point ahead of the camera and to its right, seen from the flange
    seen = transform_points(hand_eye.T_tool0_cam, [0.1, 0.0, 0.5])
    np.testing.assert_allclose(seen, [0.01, 0.03, 0.53], atol=1e-12)


# As easy_handeye writes it for ROS 1.
WRITTEN_BY_ROS1 = """\
parameters:
  eye_on_hand: true
  freehand_robot_movement: false
  move_group: manipulator
  robot_base_frame: /base_link
  robot_effector_frame: /wrist3_Link
  tracking_base_frame: /camera_color_optical_frame
  tracking_marker_frame: handeye_target
transformation: {qw: 0.7071067811865476, qx: 0.0, qy: 0.0, qz: 0.7071067811865476,
  x: 0.01, y: -0.07, z: 0.03}
"""


def test_a_calibration_of_ros_1_is_read_alike(tmp_path):
    for name, text in (("new", WRITTEN), ("old", WRITTEN_BY_ROS1)):
        (tmp_path / name).write_text(text)
    new, old = load_hand_eye(tmp_path / "new"), load_hand_eye(tmp_path / "old")
    np.testing.assert_allclose(old.T_tool0_cam, new.T_tool0_cam, atol=1e-12)
    assert (old.effector_frame, old.camera_frame, old.base_frame) == (
        new.effector_frame,
        new.camera_frame,
        new.base_frame,
    )
    (tmp_path / "base").write_text(WRITTEN_BY_ROS1.replace("hand: true", "hand: false"))
    with pytest.raises(InvalidInput, match="calibration_type is 'eye_on_base'.*camera_pose:=tf"):
        read_hand_eye(tmp_path / "base")


@pytest.mark.parametrize("frame", ["camera_depth_optical_frame", "camera_infra1_optical_frame"])
def test_the_optical_frame_of_another_imager_is_not_that_of_colour(tmp_path, frame):
    path = tmp_path / "other.calib"
    path.write_text(WRITTEN.replace("camera_color_optical_frame", frame))
    with pytest.raises(InvalidInput, match=f"'{frame}'; calibrate in the optical .*colour camera"):
        load_hand_eye(path)


def test_a_calibration_survives_the_round_trip(tmp_path):
    before = load_hand_eye(share_path("config/hand_eye.yaml"))
    write_hand_eye(tmp_path / "x.calib", before)
    after = load_hand_eye(tmp_path / "x.calib")
    np.testing.assert_allclose(after.T_tool0_cam, before.T_tool0_cam, atol=1e-12)
    assert after.effector_frame == before.effector_frame
    assert after.camera_frame == before.camera_frame
    content = yaml.safe_load((tmp_path / "x.calib").read_text())
    assert set(content["parameters"]) <= set(yaml.safe_load(WRITTEN)["parameters"])


def test_the_colour_imager_of_a_d435_is_left_of_its_link():
    ahead = transform_points(D435_LINK_OPTICAL, [0.0, 0.0, 1.0])
    np.testing.assert_allclose(ahead, [1.0, 0.015, 0.0])
    right_and_down = transform_points(D435_LINK_OPTICAL, [0.2, 0.1, 0.0])
    np.testing.assert_allclose(right_and_down, [0.0, 0.015 - 0.2, -0.1])


def test_link_and_optical_frame_describe_one_mounting():
    T_tool0_link = pose_from_quaternion([0.0, -0.05, 0.02], [0.5, -0.5, 0.5, 0.5])
    link = HandEye(T_tool0_link, "tool0", "camera_link")
    optical = link.in_camera_frame("camera_color_optical_frame", invert(D435_LINK_OPTICAL))
    np.testing.assert_allclose(optical.T_tool0_cam, T_tool0_link @ D435_LINK_OPTICAL, atol=1e-12)
    back = optical.in_camera_frame("camera_link", D435_LINK_OPTICAL)
    np.testing.assert_allclose(back.T_tool0_cam, T_tool0_link, atol=1e-12)
    assert (back.camera_frame, back.effector_frame) == ("camera_link", "tool0")


def test_a_calibration_for_the_link_is_read_but_not_worked_with(tmp_path):
    path = tmp_path / "link.calib"
    path.write_text(WRITTEN.replace("camera_color_optical_frame", "camera_link"))
    assert read_hand_eye(path).camera_frame == "camera_link"
    with pytest.raises(InvalidInput, match="'camera_link'.*affordance-grasp hand-eye convert"):
        load_hand_eye(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "eye_in_hand",
            "eye_on_base",
            "is 'eye_on_base'; expected 'eye_in_hand'.*static_transform_publisher --x 0.01 "
            "--y -0.07 --z 0.03 --qx 0 .*--frame-id base_link --child-frame-id camera_color_",
        ),
        ("x: 0.01", "x: 3.0", "not in metres"),
        ("x: 0.01", "x: 10.0", "not in metres"),
        ("x: 0.01", "x: .nan", "not in metres"),
        ("x: 0.01", "x: left", "garbles"),
        ("    w: 0.7071067811865476", "    w: 0.1", "unit quaternion"),
        ("    w: 0.7071067811865476", "    w: .nan", "unit quaternion"),
        ("    w: 0.7071067811865476", "", "'w'"),
        ("  tracking_base_frame: camera_color_optical_frame\n", "", "'tracking_base_frame'"),
        ("parameters:", "parameters: none\nrest:", "lacks or garbles"),
    ],
)
def test_what_is_no_calibration_is_named(tmp_path, old, new, words):
    assert old in WRITTEN
    path = tmp_path / "bad.calib"
    path.write_text(WRITTEN.replace(old, new))
    with pytest.raises(InvalidInput, match=words):
        read_hand_eye(path)
