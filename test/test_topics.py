"""Topics by type and name: realsense2_camera under any prefix, or as given."""

import pytest

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Topic
from affordance_grasp.replay.bags.topics import (
    CAMERA_INFO,
    COMPRESSED,
    IMAGE,
    JOINT_STATE,
    TRANSFORMS,
    Topics,
    find_topics,
)
from affordance_grasp.replay.options import TopicNames

NOTHING = TopicNames()


def camera(prefix="/camera/camera/"):
    return [
        Topic(f"{prefix}color/image_raw", IMAGE, 9),
        Topic(f"{prefix}aligned_depth_to_color/image_raw", IMAGE, 9),
        Topic(f"{prefix}color/camera_info", CAMERA_INFO, 9),
    ]


@pytest.mark.parametrize("prefix", ["/", "/camera/camera/", "/cell/left/d435/"])
def test_the_drivers_names_under_any_prefix(prefix):
    extra = [
        Topic("/joint_states", JOINT_STATE, 5),
        Topic("/tf", TRANSFORMS, 5),
        Topic("/tf_static", TRANSFORMS, 1),
        Topic("/annotation/hold", IMAGE, 9),
        Topic("/annotation/pour", IMAGE, 9),
    ]
    found = find_topics([*camera(prefix), *extra], NOTHING, "hold")
    assert found == Topics(
        color=f"{prefix}color/image_raw",
        depth=f"{prefix}aligned_depth_to_color/image_raw",
        camera_info=f"{prefix}color/camera_info",
        joint_states="/joint_states",
        tf="/tf",
        tf_static="/tf_static",
        truth="/annotation/hold",
    )


def test_compressed_topics_serve_where_there_is_no_raw_one():
    topics = camera()
    color = Topic(f"{topics[0].name}/compressed", COMPRESSED, 9)
    depth = Topic(f"{topics[1].name}/compressedDepth", COMPRESSED, 9)
    found = find_topics([color, depth, topics[2]], NOTHING, "hold")
    assert (found.color, found.depth) == (color.name, depth.name)
    assert find_topics([*topics, color, depth], NOTHING, "hold").color == topics[0].name


def test_two_cameras_must_be_told_apart_and_the_rest_follows():
    both = [*camera("/left/"), *camera("/right/")]
    with pytest.raises(
        InvalidInput, match="several colour topics: /left.*choose one with --color"
    ):
        find_topics(both, NOTHING, "hold")
    found = find_topics(both, TopicNames(color="/right/color/image_raw"), "hold")
    assert found.depth == "/right/aligned_depth_to_color/image_raw"
    assert found.camera_info == "/right/color/camera_info"


def test_unaligned_depth_is_not_depth():
    topics = camera()
    topics[1] = Topic("/camera/camera/depth/image_rect_raw", IMAGE, 9)
    with pytest.raises(InvalidInput, match="no aligned depth.*align_depth.enable:=true"):
        find_topics(topics, NOTHING, "hold")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            TopicNames(color="/nope"),
            "has no topic /nope; of type Image or .* it has /camera",
        ),
        (TopicNames(color="/camera/camera/color/camera_info"), "type .*CameraInfo, which cannot"),
        (TopicNames(depth="/silent"), "/silent of the bag has no messages"),
        (TopicNames(joint_states="/nope"), "no messages of .*JointState on /nope"),
    ],
)
def test_what_is_given_must_be_there_and_fit(given, words):
    topics = [*camera(), Topic("/silent", IMAGE, 0)]
    with pytest.raises(InvalidInput, match=words):
        find_topics(topics, given, "hold")


def test_a_bag_without_a_camera_lists_what_it_has():
    with pytest.raises(
        InvalidInput, match=r"no colour topic .*it has no topic of type Image or CompressedImage"
    ):
        find_topics([Topic("/joint_states", JOINT_STATE, 5)], NOTHING, "hold")


def test_only_topics_that_fit_are_listed():
    other = [Topic(f"/a{i}", JOINT_STATE, 5) for i in range(70)]
    cameras = [Topic("/eye/picture", IMAGE, 9), Topic("/eye/small", COMPRESSED, 9)]
    info = Topic("/eye/camera_info", CAMERA_INFO, 9)
    with pytest.raises(InvalidInput, match=r"Image it has /eye/picture, /eye/small$"):
        find_topics([*other, *cameras, info], NOTHING, "hold")
    given = TopicNames(color="/eye/picture", depth="/eye/small")
    with pytest.raises(InvalidInput, match=r"of type CameraInfo it has /eye/camera_info$"):
        find_topics([*other, *cameras, info], given, "hold")
