"""What a bag's messages become: frame and ground truth of one pinhole."""

import numpy as np
import pytest
from small_bags import bag_writer, image, info

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.decoding import decode_frame, decode_truth
from affordance_grasp.replay.bags.topics import find_topics
from affordance_grasp.replay.options import TopicNames
from affordance_grasp.replay.source import FrameSource, read_bag

K = CameraIntrinsics(150.0, 150.0, 80.0, 60.0, 160, 120)


@pytest.mark.parametrize("first", [0.0, -0.2])
def test_ground_truth_is_freed_of_the_lens_as_the_frame_is(tmp_path, first):
    near = np.add.outer(np.arange(120) // 8, np.arange(160) // 8) % 2 == 0
    lens = info(0, K)
    lens.d[0] = first
    with bag_writer(tmp_path / "bag") as writer:
        writer.write("/camera/color/camera_info", lens, 0)
        depth = np.where(near, 500, 800).astype(np.uint16)
        writer.write("/camera/aligned_depth_to_color/image_raw", image(0, depth, "16UC1"), 0)
        writer.write("/camera/color/image_raw", image(0, np.zeros((120, 160, 3), "u1"), "rgb8"), 0)
        writer.write("/annotation/hold", image(0, near.astype(np.uint8) * 255, "mono8"), 0)
    with Bag(tmp_path / "bag") as bag:
        source = FrameSource(bag, find_topics(bag.topics, TopicNames(), "hold"), None)
        raw = next(source.frames()).raw
    frame = decode_frame(raw)
    truth = decode_truth(raw, frame)
    assert (truth > 0).any()
    np.testing.assert_array_equal(truth > 0, np.isclose(frame.depth_m, 0.5))
    assert np.array_equal(truth > 0, near) == (first == 0)


@pytest.mark.parametrize("name", ["image_rect_color", "image_raw"])
def test_only_images_that_are_not_rectified_are_freed_of_the_lens(tmp_path, name):
    color = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    lens = info(0, K)
    lens.d[0] = -0.2
    lens.p[[0, 2, 5, 6, 10]] = 140.0, 79.0, 140.0, 61.0, 1.0
    topics = TopicNames(color=f"/camera/rgb/{name}", camera_info="/camera/rgb/camera_info")
    with bag_writer(tmp_path / "bag") as writer:
        writer.write(topics.camera_info, lens, 0)
        depth = np.full((120, 160), 500, np.uint16)
        writer.write("/camera/aligned_depth_to_color/image_raw", image(0, depth, "mono16"), 0)
        writer.write(topics.color, image(0, color, "rgb8"), 0)
    (recorded,) = read_bag(tmp_path / "bag", topics=topics)
    rectified = name == "image_rect_color"
    assert np.array_equal(recorded.frame.color, color) == rectified
    assert recorded.frame.intrinsics.fx == (140.0 if rectified else 150.0)
