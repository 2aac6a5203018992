"""What a bag says is fed to the streams as a live node feeds them."""

import numpy as np
import pytest
from small_bags import START_NS, bag_writer, image, info, joints, transforms

from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.geometry import pose, quaternion_xyzw
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.topics import find_topics
from affordance_grasp.replay.options import TopicNames
from affordance_grasp.replay.source import FrameSource
from affordance_grasp.streams.messages import stamp_ns

K = CameraIntrinsics(15.0, 15.0, 8.0, 6.0, 16, 12)
ROBOT = load_robot()
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
MOUNT = "tool0", ROBOT.hand_eye.camera_frame, ROBOT.T_tool0_cam[:3, 3]


def color(t_s):
    return image(t_s, np.zeros((12, 16, 3), np.uint8), "rgb8")


def depth(t_s):
    return image(t_s, np.full((12, 16), 500, np.uint16), "16UC1")


@pytest.fixture
def replayed(tmp_path):
    """Writes messages, each ``(topic, message, when it was recorded [s])``; reads the frames."""

    def write_and_read(*messages):
        with bag_writer(tmp_path / "bag") as writer:
            writer.write("/camera/color/camera_info", info(0, K), 0)
            for message in sorted(messages, key=lambda one: one[2]):
                writer.write(*message)
        with Bag(tmp_path / "bag") as bag:
            source = FrameSource(bag, find_topics(bag.topics, TopicNames(), "hold"), ROBOT)
            return list(source.frames()), source.losses

    return write_and_read


def camera(*stamps_s):
    return [(COLOR, color(t), t) for t in stamps_s] + [(DEPTH, depth(t), t) for t in stamps_s]


def test_tf_is_waited_for_as_joints_are(replayed):
    """The arm rises by 0.2 m/s, at 10 Hz; every image is between two transforms."""
    arm = [
        ("/tf", transforms(t, ("base_link", "tool0", (0.5, 0, 0.2 * t), (0, 0, 0, 1))), t)
        for t in np.arange(1, 21) / 10
    ]
    mount = transforms(0, (*MOUNT, quaternion_xyzw(ROBOT.T_tool0_cam)))
    stamps = [0.13 + 0.1 * i for i in range(15)]
    frames, _ = replayed(("/tf_static", mount, 0), *arm, *camera(*stamps))
    assert [frame.view.source for frame in frames] == ["tf"] * 15
    for t, frame in zip(stamps, frames, strict=True):
        expected = pose(np.eye(3), [0.5, 0, 0.2 * t]) @ ROBOT.T_tool0_cam
        np.testing.assert_allclose(frame.view.T_base_cam, expected, atol=1e-8)
        np.testing.assert_array_equal(frame.view.q, ROBOT.home_q)


def moving(t_s):
    return ROBOT.home_q + 0.5 * t_s * np.eye(6)[0]


def test_joints_that_come_twice_are_read_as_if_once(replayed):
    names = ROBOT.arm.joint_names
    arm = [
        ("/joint_states", joints(t, names, moving(t)), t + late)
        for t in np.arange(1, 21) / 10
        for late in (0, 0.001)
    ]
    frames, losses = replayed(*arm, *camera(0.55, 1.55))
    assert [frame.view.source for frame in frames] == ["joint_states"] * 2
    np.testing.assert_allclose(frames[0].view.q, moving(0.55), atol=1e-9)
    assert losses.broken == 0


def test_joints_of_two_publishers_that_contradict_each_other_are_not_believed(replayed):
    names = ROBOT.arm.joint_names
    arm = [("/joint_states", joints(t, names, moving(t)), t) for t in np.arange(1, 100) / 50]
    zero = [
        ("/joint_states", joints(t, names, [0.0] * 6), t) for t in np.arange(1, 100) / 50 + 0.01
    ]
    (frame,), losses = replayed(*arm, *zero, *camera(1.0))
    assert frame.view is None
    assert "two publishers that contradict each other" in losses.first


def test_images_without_stamps_are_refused(replayed):
    frames, losses = replayed((COLOR, color(-START_NS * 1e-9), 1), *camera(2.0)[1:])
    assert frames == []
    assert losses.first.startswith("colour images have no stamp; the driver must stamp each")


@pytest.mark.parametrize("late_ms", [0, 5, 33, 100])
def test_live_and_replay_pair_alike(replayed, late_ms):
    """Colour at 30 Hz, depth a little off in stamp and later in arrival; some are dropped."""
    pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
    from test_frames import live_pairs

    rng = np.random.default_rng(late_ms)
    colors = 1 + np.arange(60) / 30
    depths = colors + rng.uniform(-0.02, 0.02, 60)
    messages = [(COLOR, color(t), t) for t in colors[rng.random(60) > 0.1]]
    messages += [(DEPTH, depth(t), t + late_ms * 1e-3) for t in depths[rng.random(60) > 0.1]]
    messages.sort(key=lambda one: one[2])
    frames, _ = replayed(*messages)
    stamps = [
        (frame.raw.header.stamp_ns - START_NS, frame.raw.depth.bag_ns - START_NS)
        for frame in frames
    ]
    replay = {c: d - late_ms * 1_000_000 for c, d in stamps}
    live = live_pairs(
        [
            (topic == COLOR, stamp_ns(message.header.stamp) - START_NS)
            for topic, message, _ in messages
        ]
    )
    assert len(live) > 30
    for color_ns, depth_ns in live.items():
        assert abs(replay[color_ns] - depth_ns) <= 2, "to a rounding of the clock"
