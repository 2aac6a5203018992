"""Where the camera was: joints and transforms of the last seconds, at the stamp of an image."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from small_bags import START_NS, joints, transforms

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert, pose, pose_from_quaternion
from affordance_grasp.streams.history import JointHistory, TransformHistory

NAMES = ("a", "b")
LEVEL = (0, 0, 0, 1)


def ns(t_s):
    return START_NS + round(t_s * 1e9)


def test_joints_are_interpolated_and_put_in_order():
    history = JointHistory(NAMES)
    assert history.at(ns(0)) is None and history.newest_ns is None
    history.take(ns(0.0), joints(0, ("b", "a", "grip"), (1.0, 0.0, 9.0)))
    history.take(ns(0.1), joints(0, ("a", "b"), (1.0, 3.0)))
    history.take(ns(0.1), joints(0, ("grip",), (9.0,)))
    np.testing.assert_allclose(history.at(ns(0.025)), [0.25, 1.5])
    np.testing.assert_allclose(history.at(ns(0.2)), [1.0, 3.0])
    assert history.at(ns(0.4)) is None


def test_joints_are_forgotten_and_start_again_with_the_clock():
    history = JointHistory(NAMES)
    for i in range(400):
        history.take(ns(i * 0.1), joints(0, NAMES, (i, 0)))
    assert len(history._history) <= 31
    history.take(ns(1.0), joints(0, NAMES, (5, 0)))
    assert history.at(ns(1.0))[0] == 5
    with pytest.raises(InvalidInput, match="NaN"):
        history.take(ns(2.0), joints(0, NAMES, (float("nan"), 0)))


def tree():
    """map <- base_link <- arm (moving) <- camera; the floor stands beside base_link."""
    history = TransformHistory()
    turned = tuple(Rotation.from_euler("z", 90, degrees=True).as_quat())
    fixed = transforms(
        0,
        ("map", "base_link", (5, 0, 0), LEVEL),
        ("arm", "camera", (0, 0, 0.1), LEVEL),
        ("map", "floor", (0, 0, -1), LEVEL),
    )
    history.take(fixed, static=True)
    history.take(transforms(0.0, ("base_link", "arm", (1, 0, 0), LEVEL)), static=False)
    history.take(transforms(0.1, ("base_link", "arm", (3, 0, 0), turned)), static=False)
    return history


def test_a_chain_is_followed_and_interpolated():
    half = Rotation.from_euler("z", 45, degrees=True).as_matrix()
    expected = pose(half, [2, 0, 0]) @ pose(translation_m=[0, 0, 0.1])
    T = tree().lookup("base_link", "camera", ns(0.05))
    np.testing.assert_allclose(T, expected, atol=1e-9)
    back = tree().lookup("camera", "base_link", ns(0.05))
    np.testing.assert_allclose(back, invert(expected), atol=1e-9)


def test_a_way_over_a_common_ancestor():
    T = tree().lookup("floor", "base_link", ns(0))
    np.testing.assert_allclose(T, pose_from_quaternion([5, 0, 1], LEVEL), atol=1e-12)


def test_what_the_tree_does_not_tell_is_none():
    history = tree()
    assert history.lookup("base_link", "camera", ns(5.0)) is None
    assert history.lookup("base_link", "tool", ns(0)) is None
    np.testing.assert_allclose(history.lookup("tool", "tool", ns(0)), pose())


def test_a_loop_ends():
    history = TransformHistory()
    loop = transforms(0, ("a", "b", (1, 0, 0), LEVEL), ("b", "a", (1, 0, 0), LEVEL))
    history.take(loop, static=True)
    assert history.lookup("base_link", "a", ns(0)) is None


@pytest.mark.parametrize(
    ("xyz", "q", "words"),
    [
        ((np.inf, 0, 0), LEVEL, "NaN or infinity"),
        ((0, 0, 0), (0, 0, 0, 2), "norm 2; it must be 1"),
    ],
)
def test_transforms_that_are_none_are_refused(xyz, q, words):
    with pytest.raises(InvalidInput, match=words):
        TransformHistory().take(transforms(0, ("a", "b", xyz, q)), static=False)
