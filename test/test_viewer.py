"""Recordings of the camera vendor's Viewer, of both its versions, made as the SDK writes them."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from small_bags import bag_writer, compressed, image, info, make, ros1_writer

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import pose, quaternion_xyzw
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.topics import find_topics
from affordance_grasp.replay.bags.viewer import viewer_streams
from affordance_grasp.replay.options import TopicNames
from affordance_grasp.replay.source import read_bag
from affordance_grasp.streams.alignment import DepthCamera, align

COLOR = CameraIntrinsics(150.0, 152.0, 79.0, 61.0, 160, 120)
DEPTH = CameraIntrinsics(105.0, 106.0, 106.0, 59.0, 212, 120)
T_COLOR_DEPTH = pose(
    Rotation.from_euler("xyz", [2, -3, 4], degrees=True).as_matrix(), [0.015, 0.002, -0.001]
)
UNITS_M = 0.0001
DEPTH_AT, COLOR_AT = "/device_0/sensor_0/Depth_0", "/device_0/sensor_1/Color_0"
SLOPE_M = np.add.outer(np.linspace(0.4, 0.5, 120), np.linspace(0, 0.2, 212))
UNITS = np.rint(SLOPE_M / UNITS_M).astype(np.uint16)
INVERSE = "Inverse Brown Conrady", (-0.056, 0.066, 0.0007, -0.0003, -0.021)
"""The colour lens of a D455."""


def picture(i):
    return np.random.default_rng(i).integers(0, 256, (120, 160, 3), np.uint8)


def said_info(camera, model="Brown Conrady", coefficients=(0,) * 5):
    message = info(0, camera)
    message.distortion_model, message.d = model, np.array(coefficients, float)
    return message


def text(words):
    return make("std_msgs/msg/String", data=words)


def write_ros1(path, lens=("Brown Conrady", (0,) * 5), leave_out=(), frames=3):
    """Messages of ROS 1; what is said once is said first."""
    q = -quaternion_xyzw(T_COLOR_DEPTH)
    turns = {DEPTH_AT: ((0, 0, 0), (0, 0, 0, -1)), COLOR_AT: (T_COLOR_DEPTH[:3, 3], q)}
    with ros1_writer(path, behind=np.float32(UNITS_M).tobytes()) as bag:

        def write(topic, message, t_s=0):
            if not any(word in topic for word in leave_out):
                bag.write(topic, message, t_s)

        write(f"{DEPTH_AT}/info/camera_info", said_info(DEPTH))
        write(f"{COLOR_AT}/info/camera_info", said_info(COLOR, *lens))
        units = make("std_msgs/msg/Float32", data=UNITS_M)
        write("/device_0/sensor_0/option/Depth_Units/value", units)
        for stream, ((x, y, z), (qx, qy, qz, qw)) in turns.items():
            move = make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)
            turn = make("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw)
            transform = make("geometry_msgs/msg/Transform", translation=move, rotation=turn)
            write(f"{stream}/tf/1", transform)
        for i in range(frames):
            t_s = i / 30
            write(f"{DEPTH_AT}/image/data", image(t_s, UNITS, "mono16", "1"), t_s)
            write(f"{COLOR_AT}/image/data", image(t_s, picture(i), "rgb8", "1"), t_s + 0.02)
    return path


def write_ros2(path, lens=("Brown Conrady", (0,) * 5), leave_out=(), frames=3):
    """Texts, compressed images, and stamps that only the metadata has."""
    numbers = ",".join(map(str, T_COLOR_DEPTH[:3, :3].T.ravel()))
    with bag_writer(path, "SQLITE3") as bag:

        def write(topic, message, t_s=0):
            if not any(word in topic for word in leave_out):
                bag.write(topic, message, t_s)

        write("/device_0/sensor_0/option/Depth_Units/value", text(f"{UNITS_M:f}"))
        one = ",".join(map(str, np.eye(3).ravel()))
        write(f"{DEPTH_AT}/tf/ref_1", text(f"rotation={one};translation=0,0,0"))
        t = ",".join(map(str, T_COLOR_DEPTH[:3, 3]))
        write(f"{COLOR_AT}/tf/ref_1", text(f"rotation={numbers};translation={t}"))
        write(f"{DEPTH_AT}/image/camera_info", said_info(DEPTH, "plumb_bob"))
        write(f"{COLOR_AT}/image/camera_info", said_info(COLOR, "plumb_bob", lens[1]))
        depth = bytes(12) + cv2.imencode(".png", UNITS)[1].tobytes()
        for i in range(frames):
            color = cv2.imencode(".png", picture(i)[..., ::-1])[1]
            for stream, form, data, late_s in (
                (DEPTH_AT, "16UC1; compressedDepth png", depth, 0),
                (COLOR_AT, "rgb8; png compressed bgr8", color, 0.025),
            ):
                at_s, ending = i / 30 + late_s, "Depth" if stream == DEPTH_AT else ""
                topic = f"{stream}/image/data/compressed{ending}"
                write(topic, compressed(at_s, data, form), at_s)
                taken = text(f"Frame number={i};timestamp={1e12 + i * 33.3:f};")
                write(f"{stream}/image/metadata", taken, at_s)
    return path


WRITERS = {"v1.bag": write_ros1, "v2": write_ros2}


@pytest.mark.parametrize("name", WRITERS)
def test_depth_is_aligned_to_colour_in_the_units_of_the_recording(tmp_path, name):
    frames = list(read_bag(WRITERS[name](tmp_path / name)))
    assert len(frames) == 3
    camera = DepthCamera(DEPTH, T_COLOR_DEPTH, UNITS_M)
    expected = align((UNITS * UNITS_M).astype(np.float32), camera, COLOR)
    for i, recorded in enumerate(frames):
        np.testing.assert_array_equal(recorded.frame.color, picture(i))
        assert recorded.frame.intrinsics == COLOR
        np.testing.assert_allclose(recorded.frame.depth_m, expected, atol=1e-5)
    assert 0.4 < np.median(expected[expected > 0]) < 0.7


def test_images_are_paired_by_when_they_were_taken_and_not_by_when_they_were_written(tmp_path):
    """Colour is written 25 ms later, so 8 ms before the next depth."""
    frames = list(read_bag(write_ros2(tmp_path / "v2")))
    assert [frame.stamp_ns for frame in frames] == pytest.approx(
        [10**18 + i * 33_300_000 for i in range(3)], abs=1000
    )
    with Bag(tmp_path / "v2") as bag:
        topics = find_topics(bag.topics, TopicNames(), "")
        streams = viewer_streams(bag, topics)
        taken = {
            topic: [streams.header(m).stamp_ns for m in bag.messages([topic])]
            for topic in (topics.color, topics.depth)
        }
    assert taken[topics.color] == taken[topics.depth]


@pytest.mark.parametrize("name", WRITERS)
def test_the_lens_of_the_colour_camera_is_taken_out(tmp_path, name):
    pixels = picture(0)
    (frame, *_) = read_bag(WRITERS[name](tmp_path / name, lens=INVERSE))
    assert not np.array_equal(frame.frame.color, pixels)
    with Bag(tmp_path / name) as bag:
        streams = viewer_streams(bag, find_topics(bag.topics, TopicNames(), ""))
    assert streams.rig.lens.model == "plumb_bob"
    assert streams.rig.lens.coefficients == pytest.approx(INVERSE[1])


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("leave_out", "words"),
    [
        (("Depth_Units",), "does not tell the depth units"),
        (("Color_0/tf",), "does not tell the pose of the cameras"),
        (("Depth_0/info", "Depth_0/image/camera_info"), "does not tell the intrinsics"),
        (("Color_0/image/data",), "no colour topic"),
    ],
)
def test_what_the_recording_does_not_tell_is_named(tmp_path, name, leave_out, words):
    with pytest.raises(InvalidInput, match=words):
        list(read_bag(WRITERS[name](tmp_path / name, leave_out=leave_out)))


def test_colour_and_depth_of_two_cameras_are_refused(tmp_path):
    path = write_ros1(tmp_path / "two.bag")
    with Bag(path) as bag:
        topics = find_topics(bag.topics, TopicNames(), "")
        other = type(topics)("/left/color/image_raw", topics.depth, topics.camera_info)
        with pytest.raises(InvalidInput, match="are of two cameras"):
            viewer_streams(bag, other)
