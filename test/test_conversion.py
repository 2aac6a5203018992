import numpy as np
import pytest
from grasp_answers import GRIPPER, scene, written_as

from affordance_grasp.candidates.external.conventions import CONVENTIONS
from affordance_grasp.candidates.external.conversion import GraspConversion
from affordance_grasp.candidates.external.external_grasps import external_grasps
from affordance_grasp.errors import ExternalFault
from affordance_grasp.geometry import pose


def convert(name, T, reach=None, **values):
    convention = CONVENTIONS[name]
    conversion = GraspConversion(convention, convention.tip_offset_m() if reach is None else reach)
    return conversion.convert(external_grasps(T, "test", **values), scene()[1], GRIPPER)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_good_grasps_survive_being_written_down_by_any_generator(name):
    """The built-in generator's grasps, in another convention, come back where they were."""
    known = scene()[2]
    convention = CONVENTIONS[name]
    depth = np.full(len(known), 0.02) if convention.adds_depth else None
    reach = convention.tip_offset_m() + (0.02 if convention.adds_depth else 0.0)
    converted = convert(
        name,
        written_as(name, known.T_cam_tcp, reach),
        width_m=known.width_m,
        depth_m=depth,
        score=np.linspace(0.1, 0.9, len(known)),
    )
    assert converted.examined == len(known)
    assert len(converted) > 0.9 * len(known)
    for T in converted.T_cam_tcp:
        apart = np.abs(known.T_cam_tcp - T).max(axis=(1, 2))
        assert apart.min() < 0.003  # drawn back by at most that for room above the table
    assert (np.diff(converted.quality) <= 0).all(), "best first"


def test_width_is_measured_where_none_is_given():
    known = scene()[2]
    T = written_as("graspgen", known.T_cam_tcp, 0.21196)
    converted = convert("graspgen", T)
    best = converted.T_cam_tcp[0]
    same = np.abs(known.T_cam_tcp - best).max(axis=(1, 2)).argmin()
    assert converted.width_m[0] == pytest.approx(known.width_m[same], abs=0.004)
    assert np.linalg.norm(converted.contact_cam[0] - known.contact_cam[same]) < 0.01


@pytest.mark.parametrize("width_m", [0.0, 0.01, 0.08])
def test_an_opening_says_nothing_about_what_is_between_the_fingers(width_m):
    """A bar of 30 mm: the hand never comes down less open than what is measured there."""
    known = scene()[2]
    T = written_as("graspnet", known.T_cam_tcp, 0.01)
    depth = np.full(len(known), 0.01)
    given = convert("graspnet", T, width_m=np.full(len(known), width_m), depth_m=depth)
    measured = convert("graspnet", T, depth_m=depth)
    np.testing.assert_array_equal(given.width_m, measured.width_m)
    assert len(given) > 0.9 * len(known)


def test_a_closure_counts_where_it_is_more_than_what_is_seen():
    known = scene()[2]
    measured = convert("tcp", known.T_cam_tcp)
    less = convert("tcp", known.T_cam_tcp, width_m=np.zeros(len(known)))
    np.testing.assert_array_equal(less.width_m, measured.width_m)
    more = convert("tcp", known.T_cam_tcp, width_m=np.full(len(known), 0.06))
    assert more.width_m.min() == pytest.approx(0.06)


def test_what_does_not_fit_is_counted_beside_what_does():
    known = scene()[2]
    T = np.concatenate([known.T_cam_tcp, known.T_cam_tcp[:1] @ pose(translation_m=[0, 0, -0.3])])
    T = np.concatenate([T, np.full((2, 4, 4), np.nan)])
    converted = convert("tcp", T)
    assert converted.examined == len(known) + 3
    assert converted.left_out["with a pose that holds NaN or infinity"] == 2
    assert converted.left_out["that close on nothing that is seen"] == 1
    assert len(converted) + sum(converted.left_out.values()) == converted.examined


def test_a_wrong_convention_is_told_rather_than_executed():
    known = scene()[2]
    T = written_as("graspgen", known.T_cam_tcp, 0.21196)
    with pytest.raises(ExternalFault, match=r"none of \d+ grasps fits .*check the convention"):
        convert("tcp", T)  # 0.21196 m too high: nothing between the fingers
    with pytest.raises(ExternalFault, match="hit the object|touch the table"):
        convert("graspgen", T, reach=0.292)  # 80 mm too deep


def test_a_hand_that_reaches_a_little_into_the_table_is_drawn_back():
    frame, understood, known = scene()
    down = known.T_cam_tcp[:, :3, 2] @ understood.table.normal_cam < -0.98
    T = known.T_cam_tcp[down].copy()
    height = understood.table.height_m(T[:, :3, 3])
    T[:, :3, 3] += (height + 0.004)[:, None] * T[:, :3, 2]  # tips 4 mm below the table
    converted = convert("tcp", T, width_m=known.width_m[down])
    assert len(converted) > 0
    assert understood.table.height_m(converted.T_cam_tcp[:, :3, 3]).min() > 0.0005


def test_scores_above_one_are_scaled_and_kept_in_order():
    known = scene()[2]
    score = np.linspace(0, 40, len(known))
    converted = convert("tcp", known.T_cam_tcp, width_m=known.width_m, score=score)
    assert converted.quality.max() == 1.0
    assert (np.diff(converted.quality) <= 0).all()


def test_a_generator_that_finds_nothing_is_not_at_fault():
    assert len(convert("tcp", [])) == 0


def test_poses_in_another_frame_are_told():
    known = scene()[2]
    T_base_cam = pose(translation_m=[0.5, 0.2, 0.4])
    with pytest.raises(ExternalFault, match="poses are in the optical frame"):
        convert("tcp", T_base_cam @ known.T_cam_tcp, width_m=known.width_m)
