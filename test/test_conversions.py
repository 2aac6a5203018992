import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.msg import SelectedGrasp
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, Image, JointState, RegionOfInterest
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from affordance_grasp import msg
from affordance_grasp.datatypes import CameraIntrinsics, GraspCandidates, JointTrajectory, Region
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.geometry import pose_from_quaternion
from affordance_grasp.nodes.convert import conversions as c
from affordance_grasp.nodes.convert import images
from affordance_grasp.nodes.convert.conversions import from_trajectory, to_trajectory
from affordance_grasp.nodes.convert.grasp_messages import (
    from_candidates,
    to_candidates,
    to_selection,
    to_target,
)
from affordance_grasp.streams.camera_info import to_intrinsics
from affordance_grasp.streams.messages import to_joint_positions, to_pose

HEADER = Header(frame_id="camera_color_optical_frame")
COLOR = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def image(data: bytes, encoding: str, width: int, height: int, step: int) -> Image:
    message = Image(width=width, height=height, encoding=encoding, step=step)
    message.data = data
    return message


def test_color_survives_the_round_trip():
    message = images.from_color(COLOR, HEADER)
    assert (message.encoding, message.step, len(message.data)) == ("rgb8", 9, 18)
    np.testing.assert_array_equal(images.to_color(message), COLOR)


def test_bgr_and_alpha_are_brought_to_rgb():
    bgra = np.dstack([COLOR[..., ::-1], np.full((2, 3), 255, np.uint8)])
    np.testing.assert_array_equal(
        images.to_color(image(COLOR[..., ::-1].tobytes(), "bgr8", 3, 2, 9)), COLOR
    )
    np.testing.assert_array_equal(images.to_color(image(bgra.tobytes(), "bgra8", 3, 2, 12)), COLOR)


def test_row_padding_is_left_out():
    padded = np.pad(COLOR.reshape(2, 9), ((0, 0), (0, 5)), constant_values=99)
    np.testing.assert_array_equal(
        images.to_color(image(padded.tobytes(), "rgb8", 3, 2, 14)), COLOR
    )


def test_depth_is_in_metres_for_either_encoding_and_byte_order():
    millimetres = np.array([[0, 500], [1234, 65534]], np.uint16)
    metres = millimetres.astype(np.float32) / np.float32(1000)
    little = image(millimetres.tobytes(), "16UC1", 2, 2, 4)
    big = image(millimetres.astype(">u2").tobytes(), "16UC1", 2, 2, 4)
    big.is_bigendian = 1
    np.testing.assert_array_equal(images.to_depth_m(little), metres)
    np.testing.assert_array_equal(images.to_depth_m(big), metres)
    np.testing.assert_array_equal(
        images.to_depth_m(image(metres.tobytes(), "32FC1", 2, 2, 8)), metres
    )
    np.testing.assert_array_equal(images.to_depth_m(images.from_depth_m(metres, HEADER)), metres)


def test_depth_beyond_sixteen_bits_is_no_reading():
    far = np.array([[0.4, 70.0]], np.float32)
    np.testing.assert_allclose(images.to_depth_m(images.from_depth_m(far, HEADER)), [[0.4, 0.0]])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (image(b"\0" * 18, "mono8", 3, 2, 9), "encoding 'mono8'"),
        (image(b"\0" * 17, "rgb8", 3, 2, 9), "17 bytes"),
        (image(b"\0" * 18, "rgb8", 3, 2, 8), "rows of 8"),
        (image(b"", "rgb8", 0, 0, 0), "0x0"),
        (image(b"", "rgb8", 100_000, 2, 300_000), "100000x2"),
        (image(b"\0" * 18, "rgb8", 3, 2**31, 9), "sides must be"),
    ],
)
def test_a_bad_image_is_refused_with_a_sentence(message, words):
    with pytest.raises(InvalidInput, match=words):
        images.to_color(message)


def test_a_map_with_nan_is_refused():
    values = np.array([[0.0, np.nan]], np.float32)
    with pytest.raises(InvalidInput, match="NaN"):
        images.to_map(images.from_map(values, HEADER))


def test_intrinsics_survive_the_round_trip():
    intrinsics = CameraIntrinsics(615.0, 614.0, 320.5, 240.25, 640, 480)
    assert to_intrinsics(c.from_intrinsics(intrinsics, HEADER)) == intrinsics


@pytest.mark.parametrize(
    ("k", "words"),
    [
        ([0.0] * 9, "uncalibrated"),
        ([0.0, 0, 320, 0, 615, 240, 0, 0, 1], "not invertible"),
        ([float("nan"), 0, 320, 0, 615, 240, 0, 0, 1], "NaN"),
        ([615.0, 9, 320, 0, 615, 240, 0, 0, 1], "expected"),
        ([615.0, 0, 320, 0, 615, 240, 0, 0, 0], "expected"),
    ],
)
def test_a_bad_camera_matrix_is_refused(k, words):
    with pytest.raises(InvalidInput, match=words):
        to_intrinsics(CameraInfo(width=640, height=480, k=k))


def test_depth_of_another_size_is_refused():
    info = c.from_intrinsics(CameraIntrinsics(600.0, 600.0, 1.0, 1.0, 3, 2), HEADER)
    depth = images.from_depth_m(np.ones((4, 6), np.float32), HEADER)
    with pytest.raises(InvalidInput, match="aligned"):
        images.to_rgbd(images.from_color(COLOR, HEADER), depth, info)


def test_depth_that_is_not_aligned_is_refused_though_it_has_the_size():
    info = c.from_intrinsics(CameraIntrinsics(600.0, 600.0, 1.0, 1.0, 3, 2), HEADER)
    depth = images.from_depth_m(np.ones((2, 3), np.float32), Header(frame_id="camera_depth_frame"))
    with pytest.raises(InvalidInput, match="camera_depth_frame.*must align"):
        images.to_rgbd(images.from_color(COLOR, HEADER), depth, info)


def test_a_slash_before_a_frame_makes_no_other_frame():
    info = c.from_intrinsics(CameraIntrinsics(600.0, 600.0, 1.0, 1.0, 3, 2), HEADER)
    slashed = Header(frame_id=f"/{HEADER.frame_id}")
    depth = images.from_depth_m(np.ones((2, 3), np.float32), slashed)
    assert images.to_rgbd(images.from_color(COLOR, HEADER), depth, info).depth_m[0, 0] == 1


def test_regions():
    region = Region(1, 2, 11, 22)
    assert c.to_region(c.from_region(region), 640, 480) == region
    assert c.to_region(c.from_region(None), 640, 480) is None
    with pytest.raises(InvalidInput, match="beyond"):
        c.to_region(RegionOfInterest(x_offset=630, width=11, height=5), 640, 480)
    with pytest.raises(InvalidInput, match="empty"):
        c.to_region(RegionOfInterest(width=11), 640, 480)


def test_pose_survives_the_round_trip():
    T = pose_from_quaternion([0.1, -0.2, 0.3], [0.5, -0.5, 0.5, 0.5])
    np.testing.assert_allclose(to_pose(c.from_pose(T)), T, atol=1e-12)


def test_a_pose_without_unit_quaternion_is_refused():
    with pytest.raises(InvalidInput, match="norm 0"):
        to_pose(Pose(orientation=Quaternion(w=0.0)))
    with pytest.raises(InvalidInput, match="NaN"):
        to_pose(Pose(position=Point(x=float("nan"))))


def test_joint_positions_go_by_name():
    message = JointState(name=["b", "gripper", "a"], position=[2.0, 9.0, 1.0])
    np.testing.assert_array_equal(to_joint_positions(message, ("a", "b")), [1.0, 2.0])
    with pytest.raises(InvalidInput, match="no position for c"):
        to_joint_positions(message, ("a", "c"))


def grasps(count: int) -> GraspCandidates:
    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(count, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    poses = [
        pose_from_quaternion(p, q)
        for p, q in zip(rng.normal(size=(count, 3)), quaternions, strict=True)
    ]
    return GraspCandidates(
        T_cam_tcp=np.array(poses).reshape(-1, 4, 4),
        width_m=rng.uniform(0, 0.08, count),
        contact_cam=rng.normal(size=(count, 3)),
        quality=rng.uniform(size=count),
        generator="test",
        examined=7,
        left_out={"that would hit the object": 2},
        opening_m=rng.choice([0.0, 0.085], count),
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_candidates_survive_the_round_trip(count):
    before = grasps(count)
    after = to_candidates(from_candidates(before, HEADER))
    assert (after.generator, after.examined, len(after)) == ("test", 7, count)
    assert after.left_out == before.left_out
    for name in ("T_cam_tcp", "width_m", "contact_cam", "quality", "opening_m"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-7)


def test_a_candidate_that_is_none_loses_no_other():
    message = from_candidates(grasps(3), HEADER)
    message.candidates[0].quality = float("nan")
    message.candidates[2].pose.orientation.w = 7.0
    found = to_candidates(message)
    np.testing.assert_allclose(found.contact_cam, grasps(3).contact_cam[1:2], atol=1e-7)
    assert list(found.left_out.values()) == [2, 2]
    message.candidates[1].opening_m = 0.001  # less than its width
    with pytest.raises(InvalidInput, match="none of 3 grasp candidates of 'test' is usable"):
        to_candidates(message)


def test_a_grasp_in_another_frame_is_refused():
    grasp = SelectedGrasp(header=Header(frame_id="map"), width_m=0.02)
    with pytest.raises(InvalidInput, match="'map'; expected 'base_link'"):
        to_target(grasp, "base_link")
    grasp.header.frame_id = "base_link"
    grasp.opening_m = 0.05
    T, width_m, opening_m = to_target(grasp, "base_link")
    np.testing.assert_array_equal(T, np.eye(4))
    assert (width_m, opening_m) == pytest.approx((0.02, 0.05))
    grasp.width_m = float("nan")
    with pytest.raises(InvalidInput, match="width"):
        to_target(grasp, "base_link")


def test_a_trajectory_survives_the_round_trip():
    before = JointTrajectory(
        ("a", "b"), np.array([0.0, 0.5, 1.25]), np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    )
    after = to_trajectory(from_trajectory(before))
    assert after.joint_names == before.joint_names
    for name in ("times_s", "positions", "velocities"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_a_trajectory_with_missing_velocities_is_refused():
    message = from_trajectory(
        JointTrajectory(("a",), np.array([0.0, 1.0]), np.zeros((2, 1)), np.zeros((2, 1)))
    )
    message.points[1].velocities = []
    with pytest.raises(InvalidInput, match="1 velocities"):
        to_trajectory(message)
    message.points = []
    with pytest.raises(InvalidInput, match="needs points"):
        to_trajectory(message)


def test_a_pose_becomes_a_transform_of_tf():
    T = pose_from_quaternion([0.1, 0.2, 0.3], [0.5, -0.5, 0.5, 0.5])
    message = c.from_transform(T, "tool0", "camera_link", Time(sec=3))
    assert (message.header.frame_id, message.child_frame_id) == ("tool0", "camera_link")
    assert message.header.stamp.sec == 3
    t, q = message.transform.translation, message.transform.rotation
    assert (t.x, t.y, t.z) == pytest.approx((0.1, 0.2, 0.3))
    assert np.abs([q.x, q.y, q.z, q.w]) == pytest.approx([0.5] * 4)


FLOATS = st.floats() | st.sampled_from([0.0, 1.0])
WHOLES = st.integers(0, 2**31 - 1)


def refused_or_read(read, *values):
    """What is read, or None where one sentence refuses it."""
    try:
        return read(*values)
    except AffordanceGraspError as error:
        assert str(error).isprintable()
        return None


def any_pose(x, w):
    pose = Pose()
    pose.position.x, pose.orientation.w = x, w
    return pose


@given(FLOATS, FLOATS, FLOATS, st.text(max_size=9))
def test_any_grasp_is_read_or_refused(x, w, width_m, text):
    width_m = float(np.float32(np.clip(width_m, -3e38, 3e38)))
    pose = any_pose(x, w)
    candidate = msg.GraspCandidate(pose=pose, width_m=width_m, contact=Point(x=x))
    found = refused_or_read(to_candidates, msg.GraspCandidates(candidates=[candidate] * 2))
    assert found is None or np.isfinite(found.T_cam_tcp).all()
    grasp = SelectedGrasp(pose=pose, width_m=width_m, header=Header(frame_id="base_link"))
    refused_or_read(to_target, grasp, "base_link")
    ranked = msg.RankedGrasp(grasp=candidate)
    rejected = msg.RejectedCandidate(
        reason=text.replace("\0", "").encode(errors="replace").decode()
    )
    refused_or_read(to_selection, msg.GraspSelection(ranked=[ranked], rejected=[rejected]))


@given(st.lists(st.lists(FLOATS, max_size=3), max_size=3), st.lists(WHOLES, max_size=3))
def test_any_trajectory_is_read_or_refused(rows, seconds):
    message = JointTrajectoryMessage(joint_names=["a", "b"])
    for row, sec in zip(rows, seconds, strict=False):
        point = JointTrajectoryPoint(positions=row, velocities=row)
        point.time_from_start.sec = sec
        message.points.append(point)
    read = refused_or_read(to_trajectory, message)
    assert read is None or np.isfinite(read.positions).all()


@given(*(st.integers(0, 2**32 - 1),) * 4)
def test_any_region_is_read_or_refused(x, y, width, height):
    message = RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)
    region = refused_or_read(c.to_region, message, 640, 480)
    assert region is None or region.right <= 640
