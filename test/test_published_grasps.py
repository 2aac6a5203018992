"""Grasps that arrive on a topic: fresh ones only, in the right frame, in any convention."""

from threading import Timer
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.msg import ExternalGrasp, ExternalGrasps
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseArray
from grasp_answers import GRIPPER, scene, written_as
from std_msgs.msg import Header

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.errors import ExternalFault, UnknownName
from affordance_grasp.nodes.convert.conversions import from_pose
from affordance_grasp.nodes.inputs.published_grasps import (
    GraspInbox,
    PublishedGrasps,
    from_external_grasps,
    from_pose_array,
)

OPTICAL = "camera_color_optical_frame"


def header(stamp_s, frame=OPTICAL):
    return Header(stamp=Time(sec=int(stamp_s), nanosec=round(stamp_s % 1 * 1e9)), frame_id=frame)


def poses(T, stamp_s=100.0, frame=OPTICAL):
    return PoseArray(header=header(stamp_s, frame), poses=[from_pose(pose) for pose in T])


@pytest.fixture
def inbox():
    now = SimpleNamespace(nanoseconds=int(100.1e9))
    node = SimpleNamespace(
        create_subscription=lambda *arguments, **options: None,
        get_clock=lambda: SimpleNamespace(now=lambda: now),
        get_logger=lambda: SimpleNamespace(error=lambda text, **options: None),
    )
    return GraspInbox(node)


def test_grasps_of_another_clock_are_not_kept(inbox):
    inbox._take(poses(scene()[2].T_cam_tcp, stamp_s=3700.0))
    with pytest.raises(ExternalFault, match="no grasps arrived"):
        ask(inbox)


def ask(inbox, timeout_s=0.05, best_first=True, **settings):
    generator = PublishedGrasps(
        inbox,
        header(100.0),
        GRIPPER,
        ExternalSettings(timeout_s=timeout_s, **settings),
        max_age_s=0.5,
        best_first=best_first,
    )
    frame, understood, _ = scene()
    return generator.generate(frame, scene=understood)


def test_poses_of_another_convention_become_candidates(inbox):
    known = scene()[2]
    inbox._take(poses(written_as("gpd", known.T_cam_tcp, 0.06)))
    grasps = ask(inbox, convention="gpd")
    assert (grasps.generator, grasps.examined) == ("topic", len(known))
    assert len(grasps) > 0.9 * len(known)
    apart = np.abs(known.T_cam_tcp[0] - grasps.T_cam_tcp[0]).max()
    assert apart < 0.003, "the first pose that fits is the best"


def test_unordered_poses_are_judged_by_the_cloud(inbox):
    known = scene()[2]
    worst_first = np.argsort(known.quality)
    inbox._take(poses(known.T_cam_tcp[worst_first]))
    grasps = ask(inbox, best_first=False)
    apart = np.abs(known.T_cam_tcp - grasps.T_cam_tcp[0]).max(axis=(1, 2))
    assert known.quality[apart.argmin()] > np.median(known.quality)


def scored(known, convention, reach_m, **values):
    """A message with these grasps as a generator of that convention writes them."""
    T = written_as(convention, known.T_cam_tcp, reach_m)
    columns = {name: np.broadcast_to(value, len(T)) for name, value in values.items()}
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(len(T))]
    grasps = [ExternalGrasp(pose=from_pose(p), **row) for p, row in zip(T, rows, strict=True)]
    return ExternalGrasps(header=header(100.2), convention=convention, grasps=grasps)


def test_scores_widths_openings_and_depths_are_taken_from_a_message_that_has_them(inbox):
    known = scene()[2]
    score = np.linspace(-9, 3, len(known))
    inbox._take(scored(known, "graspnet", 0.02, depth_m=0.02, score=score, opening_m=0.07))
    grasps = ask(inbox, convention="")
    assert (grasps.generator, grasps.examined) == ("topic", len(known))
    assert len(grasps) > 0.9 * len(known)
    apart = np.abs(known.T_cam_tcp - grasps.T_cam_tcp[0]).max(axis=(1, 2))
    assert apart.min() < 0.003, "depths count"
    assert apart.argmin() >= 0.9 * len(known), "the highest score is the best"
    assert np.median(grasps.opening_m) == pytest.approx(0.07)
    inbox._take(scored(known, "tcp", 0.0, width_m=0.05))
    assert ask(inbox).width_m.min() == pytest.approx(0.05)


def test_a_convention_that_a_message_made_up_is_told(inbox):
    message = scored(scene()[2], "tcp", 0.0)
    message.convention = "mine"
    inbox._take(message)
    with pytest.raises(UnknownName, match="'mine'; known: tcp"):
        ask(inbox)


def test_grasps_that_are_under_way_are_waited_for(inbox):
    known = scene()[2]
    inbox._take(poses(known.T_cam_tcp, stamp_s=98.0))
    timer = Timer(0.1, inbox._take, [poses(known.T_cam_tcp, stamp_s=99.6)])
    timer.start()
    assert ask(inbox, timeout_s=5.0).examined == len(known)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (None, "no grasps arrived on grasp_candidates"),
        (poses([np.eye(4)], stamp_s=97.0), "2.5 s too old; the arm may have moved"),
        (poses([np.eye(4)], stamp_s=0.0), "have no stamp"),
        (poses([np.eye(4)], frame="base_link"), "in frame 'base_link' and the image in 'camera"),
        (poses([np.eye(4)]), "none of 1 grasps fits"),
    ],
)
def test_grasps_that_cannot_be_meant_are_refused(inbox, message, words):
    if message is not None:
        inbox._take(message)
    with pytest.raises(ExternalFault, match=words):
        ask(inbox)


def test_a_pose_that_is_none_is_left_out_and_counted():
    message = poses([np.eye(4)] * 2)
    message.poses[0].orientation.w = 0.0
    found = from_pose_array(message, best_first=True)
    np.testing.assert_allclose(found.score, [0.5])
    assert sum(found.left_out.values()) == 1
    message.poses[1].position.x = np.nan
    with pytest.raises(ExternalFault, match="none of 2 grasps is usable"):
        from_pose_array(message, best_first=True)


def test_scores_fall_along_the_array_or_are_unknown():
    message = poses([np.eye(4)] * 4)
    np.testing.assert_allclose(from_pose_array(message, True).score, [1, 0.75, 0.5, 0.25])
    assert np.isnan(from_pose_array(message, False).score).all()
    assert len(from_pose_array(poses([]), True)) == 0


ANY = st.floats(width=32)


@given(st.tuples(ANY, ANY, ANY, ANY, ANY, ANY))
def test_any_grasp_of_a_message_is_read_or_left_out(numbers):
    x, w, width_m, opening_m, depth_m, score = numbers
    grasp = ExternalGrasp(width_m=width_m, opening_m=opening_m, depth_m=depth_m, score=score)
    grasp.pose.position.x, grasp.pose.orientation.w = x, w
    good = ExternalGrasp(score=0.5)
    found = from_external_grasps(ExternalGrasps(grasps=[grasp, good]))
    assert found.proposed == 2
    assert np.isfinite(found.T_cam_external).all()
    assert not (found.width_m < 0).any() and not (found.opening_m < 0).any()
