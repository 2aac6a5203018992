"""What a live graph can take of a recording, and what only a replay reads."""

import cv2
import numpy as np
import pytest
from small_bags import bag_writer, compressed, image, info, ros1_writer

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.playing import played_topics

COLOR, DEPTH = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.uint16)
EYE = "/eye/color/image_raw", "/eye/aligned_depth_to_color/image_raw", "/eye/color/camera_info"
VIEWER = (
    "/device_0/sensor_1/Color_0/image/data",
    "/device_0/sensor_0/Depth_0/image/data",
    "/device_0/sensor_1/Color_0/info/camera_info",
)


def write(writer, names=EYE):
    color, depth, camera = names
    writer.write(camera, info(0, CameraIntrinsics(9, 9, 4, 4, 8, 8)), 0)
    writer.write(depth, image(0, DEPTH, "16UC1"), 0)
    if color.endswith("compressed"):
        data = cv2.imencode(".png", COLOR)[1]
        writer.write(color, compressed(0, data, "png"), 0)
    else:
        writer.write(color, image(0, COLOR, "rgb8"), 0)


@pytest.mark.parametrize("camera", ["", "/eye"])
def test_the_topics_of_a_camera_below_any_prefix(tmp_path, camera):
    with bag_writer(tmp_path / "bag") as writer:
        write(writer)
    topics = played_topics(tmp_path / "bag", camera)
    assert (topics.color, topics.depth, topics.camera_info) == EYE


def test_a_wrong_camera_is_answered_with_what_fits(tmp_path):
    with bag_writer(tmp_path / "bag") as writer:
        write(writer)
    with pytest.raises(InvalidInput, match=f"no topic /l/color/image_raw; .* it has {EYE[1]}"):
        played_topics(tmp_path / "bag", "/l")


def test_what_only_a_replay_reads_is_told_so(tmp_path):
    with ros1_writer(tmp_path / "old.bag") as writer:
        write(writer)
    with pytest.raises(InvalidInput, match="is of ROS 1.*'affordance-grasp replay' reads it"):
        played_topics(tmp_path / "old.bag")
    with bag_writer(tmp_path / "viewer") as writer:
        write(writer, VIEWER)
    with pytest.raises(InvalidInput, match="is not aligned to colour; 'affordance-grasp replay'"):
        played_topics(tmp_path / "viewer")
    with bag_writer(tmp_path / "packed") as writer:
        write(writer, (f"{EYE[0]}/compressed", *EYE[1:]))
    with pytest.raises(InvalidInput, match="/compressed is compressed, and a live graph takes"):
        played_topics(tmp_path / "packed")
