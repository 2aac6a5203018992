"""The transforms of TF, at the stamp of an image, and a sentence where they do not tell."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from small_bags import START_NS, transforms

from affordance_grasp.control.camera_mounting import D435_LINK_OPTICAL
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert, pose, pose_from_quaternion, quaternion_xyzw
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import MOST_FRAMES, TransformTree

LEVEL = (0, 0, 0, 1)
QUARTER = tuple(Rotation.from_euler("z", 90, degrees=True).as_quat())


def ns(t_s):
    return START_NS + round(t_s * 1e9)


def fixed(tree, *links):
    tree.take(transforms(0, *links), static=True)


def moving(tree, t_s, *links):
    tree.take(transforms(t_s, *links), static=False)


@pytest.fixture
def tree():
    """map <- base_link <- arm (moving) <- camera; the floor stands beside base_link."""
    tree = TransformTree()
    fixed(
        tree,
        ("map", "base_link", (5, 0, 0), LEVEL),
        ("arm", "camera", (0, 0, 0.1), LEVEL),
        ("map", "floor", (0, 0, -1), LEVEL),
    )
    moving(tree, 0.0, ("base_link", "arm", (1, 0, 0), LEVEL))
    moving(tree, 0.3, ("base_link", "arm", (3, 0, 0), QUARTER))
    return tree


def test_a_chain_is_followed_and_interpolated(tree):
    third = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    expected = pose(third, [1 + 2 / 3, 0, 0]) @ pose(translation_m=[0, 0, 0.1])
    T = tree.lookup("base_link", "camera", ns(0.1))
    np.testing.assert_allclose(T, expected, atol=1e-9)
    back = tree.lookup("camera", "base_link", ns(0.1))
    np.testing.assert_allclose(back, invert(expected), atol=1e-9)


@pytest.mark.parametrize("beyond_s", [-0.1, 0.1])
def test_beyond_its_ends_a_transform_holds_for_a_moment(beyond_s):
    tree = TransformTree()
    moving(tree, 1.0, ("base_link", "arm", (1, 0, 0), QUARTER))
    T = tree.lookup("base_link", "arm", ns(1.0 + beyond_s))
    np.testing.assert_allclose(T, pose_from_quaternion((1, 0, 0), QUARTER), atol=1e-9)


def test_a_chain_over_a_common_ancestor(tree):
    T = tree.lookup("floor", "base_link", ns(0))
    np.testing.assert_allclose(T, pose_from_quaternion([5, 0, 1], LEVEL), atol=1e-12)
    np.testing.assert_allclose(tree.lookup("tool", "tool", ns(0)), pose())


def test_the_chain_through_a_driver_s_frames():
    """camera_link -> camera_color_frame -> camera_color_optical_frame, as realsense2_camera."""
    tree, turn = TransformTree(), quaternion_xyzw(D435_LINK_OPTICAL)
    fixed(tree, ("camera_color_frame", "camera_color_optical_frame", (0, 0, 0), turn))
    with pytest.raises(NotKnown, match="no node publishes frame 'camera_link'"):
        tree.lookup("camera_link", "camera_color_optical_frame", 0)
    fixed(tree, ("camera_link", "camera_color_frame", tuple(D435_LINK_OPTICAL[:3, 3]), LEVEL))
    T = tree.lookup("camera_link", "camera_color_optical_frame", 0)
    np.testing.assert_allclose(T, D435_LINK_OPTICAL, atol=1e-12)


def test_a_slash_before_a_name_makes_no_other_frame(tree):
    moving(tree, 0.3, ("/base_link", "/arm", (2, 0, 0), LEVEL))
    np.testing.assert_allclose(tree.lookup("base_link", "arm", ns(0.3))[0, 3], 2)
    assert tree.frames == {"map", "base_link", "arm", "camera", "floor"}


def test_who_waits_waits_for_all_that_moves(tree):
    assert tree.knows("base_link", "camera", ns(0.3))
    assert not tree.knows("base_link", "camera", ns(0.31))
    assert tree.knows("base_link", "floor", ns(9)), "what is fixed is known for ever"
    assert not tree.knows("base_link", "tool", ns(0))


@pytest.mark.parametrize(
    ("source", "t_s", "words"),
    [
        ("tool", 0, "cannot be known: no node publishes frame 'tool'; are robot_state_publisher"),
        (
            "lamp",
            0,
            "is cut at 'ceiling', which no transform places; the frames of base_link are arm, "
            "base_link, camera, floor, map, and flange_frame",
        ),
        ("camera", 1.2, "ends 0.90 s before the image; its publisher is late, has stopped or"),
        ("camera", -1, "begins 1.00 s after the image; the image is too old or the camera"),
    ],
)
def test_what_the_tree_does_not_tell_is_said(tree, source, t_s, words):
    fixed(tree, ("ceiling", "lamp", (0, 0, 0), LEVEL))
    with pytest.raises(NotKnown, match=f"TF from base_link to {source} {words}"):
        tree.lookup("base_link", source, ns(t_s))


def test_a_loop_ends():
    tree = TransformTree()
    fixed(tree, ("a", "b", (1, 0, 0), LEVEL), ("b", "a", (1, 0, 0), LEVEL))
    with pytest.raises(NotKnown):
        tree.lookup("base_link", "a", 0)


def test_a_repeated_transform_changes_nothing(tree):
    before = tree.lookup("base_link", "camera", ns(0.1))
    moving(tree, 0.3, ("base_link", "arm", (3, 0, 0), QUARTER))
    np.testing.assert_array_equal(tree.lookup("base_link", "camera", ns(0.1)), before)


@pytest.mark.parametrize("static", [True, False])
def test_a_frame_of_two_parents_is_named(tree, static):
    for i in range(8):
        link = ("base_link", "other")[i % 2], "gripper", (0, 0, 0), LEVEL
        tree.take(transforms(0.3 + 0.01 * i, link), static)
    with pytest.raises(InvalidInput, match="'gripper' has two parents on TF, .*'base_link'"):
        tree.lookup(("base_link", "other")[i % 2], "gripper", ns(0.3))


def test_a_frame_that_is_fixed_here_and_moves_there_is_named(tree):
    moving(tree, 0.3, ("base_link", "camera", (0, 0, 0), LEVEL))
    with pytest.raises(InvalidInput, match="'camera' has two parents on TF, 'arm' and 'base_link"):
        tree.lookup("base_link", "camera", ns(0.3))


def test_publishers_that_contradict_each_other_are_found(tree):
    for i in range(8):
        moving(tree, 0.4 + 0.01 * i, ("base_link", "arm", (3 * (i % 2), 0, 0), LEVEL))
    with pytest.raises(InvalidInput, match="'arm' jumps to and fro on TF, as from two"):
        tree.lookup("base_link", "arm", ns(0.45))
    np.testing.assert_allclose(tree.lookup("base_link", "floor", ns(0.45))[0, 3], -5)


@pytest.mark.parametrize(
    ("xyz", "q", "words"),
    [
        ((np.inf, 0, 0), LEVEL, "'bad' on tf has NaN or inf"),
        ((0, 0, 0), (0, 0, np.nan, 1), "'bad' on tf has NaN or inf"),
        ((0, 0, 0), (0, 0, 0, 2), "'bad' on tf has a quaternion of norm 2; it must be 1"),
    ],
)
def test_what_is_no_transform_is_refused_and_the_others_are_taken(xyz, q, words):
    tree = TransformTree()
    with pytest.raises(InvalidInput, match=words):
        fixed(tree, ("a", "bad", xyz, q), ("a", "good", (1, 0, 0), LEVEL))
    assert tree.lookup("a", "good", 0)[0, 3] == 1


def test_the_number_of_frames_is_bounded():
    tree = TransformTree()
    with pytest.raises(InvalidInput, match=f"tf has more than {MOST_FRAMES} frames"):
        fixed(tree, *(("a", f"b{i}", (0, 0, 0), LEVEL) for i in range(MOST_FRAMES + 1)))
