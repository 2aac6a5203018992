import numpy as np
import pytest
from tabletop import Block, Can, looking_down, tabletop, to_world

from affordance_grasp.candidates.antipodal.closing import (
    BIN_M,
    BINS,
    CENTER_BIN,
    FREE,
    Neighbors,
    close_hands,
    envelope,
)
from affordance_grasp.candidates.antipodal.generator import AntipodalConfig, AntipodalGenerator
from affordance_grasp.candidates.generators import GENERATORS, make_generator
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.errors import InvalidInput, NoObject, UnknownName

GRIPPER = load_gripper()
R_WORLD_CAM = looking_down()[:3, :3]


def grasps(*things, **changes):
    frame = tabletop(*things, **changes)
    return AntipodalGenerator(GRIPPER).generate(frame)


def best(candidates):
    return int(candidates.quality.argmax())


def corners_height(T_cam_tcp, width_m):
    """Lowest height of the fingertips' corners at closure."""
    x = width_m / 2 + GRIPPER.tip_thickness_m
    y = GRIPPER.finger_breadth_m / 2
    corners = np.array([[sx * x, sy * y, 0, 1] for sx in (-1, 1) for sy in (-1, 1)])
    return to_world((T_cam_tcp @ corners.T)[:3].T)[:, 2].min()


def test_a_bar_is_closed_on_across_its_width():
    found = grasps(Block(0, 0, (0.18, 0.03, 0.03), yaw_deg=25))
    i = best(found)
    closing = R_WORLD_CAM @ found.T_cam_tcp[i, :3, 0]
    across = np.array([-np.sin(np.radians(25)), np.cos(np.radians(25)), 0])
    assert abs(closing @ across) > np.cos(np.radians(10))
    assert found.width_m[i] == pytest.approx(0.03, abs=0.003)
    assert (R_WORLD_CAM @ found.T_cam_tcp[i, :3, 2])[2] < -0.9
    middle = to_world(found.T_cam_tcp[i, :3, 3])
    assert abs(middle[:2] @ across[:2]) < 0.003


def test_poses_are_rigid_and_values_in_range():
    found = grasps(Block(0, 0, (0.12, 0.04, 0.05)))
    R = found.T_cam_tcp[:, :3, :3]
    assert np.allclose(R @ np.swapaxes(R, 1, 2), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(R), 1)
    assert ((found.quality >= 0) & (found.quality <= 1)).all()
    assert ((found.width_m > 0) & (found.width_m <= GRIPPER.max_width_m)).all()


def test_many_hand_poses_are_examined():
    assert grasps(Block(0, 0, (0.12, 0.04, 0.05))).examined >= 2000


@pytest.mark.parametrize("thickness", [0.003, 0.004])
def test_thin_things_are_grasped_above_the_table(thickness):
    found = grasps(Block(0, 0, (0.18, 0.014, thickness), yaw_deg=-40))
    assert len(found) > 20
    for T, width in zip(found.T_cam_tcp, found.width_m, strict=True):
        assert corners_height(T, width) > 0.0008
    assert found.width_m[best(found)] == pytest.approx(0.014, abs=0.004)
    assert to_world(found.T_cam_tcp[best(found), :3, 3])[2] < thickness


def test_no_fingertip_reaches_into_the_table():
    found = grasps(Can(0, 0, 0.025, 0.06))
    heights = [corners_height(T, w) for T, w in zip(found.T_cam_tcp, found.width_m, strict=True)]
    assert min(heights) > 0.0008


def test_candidates_cover_the_whole_length():
    found = grasps(Block(0, 0, (0.2, 0.025, 0.02)))
    along = to_world(found.contact_cam)[:, 0]
    counts, _ = np.histogram(along, bins=np.linspace(-0.1, 0.1, 9))
    assert (counts > 0).all()


def test_contacts_lie_on_the_visible_surface():
    found = grasps(Block(0, 0, (0.16, 0.03, 0.04)))
    contact = to_world(found.contact_cam)
    assert (np.abs(contact[:, 1]) < 0.018).all()
    assert (contact[:, 2] < 0.043).all()


def test_too_wide_things_get_no_grasp_across():
    found = grasps(Block(0, 0, (0.13, 0.13, 0.03)))
    middle = np.abs(to_world(found.T_cam_tcp[:, :3, 3])[:, :2]).max(axis=1)
    assert (middle > 0.02).all()


def test_no_finger_goes_into_a_neighbor():
    # 8 mm between the two: too little for a finger of 11 mm
    found = grasps(Block(0, 0.019, (0.12, 0.03, 0.06)), Block(0, -0.019, (0.12, 0.03, 0.06)))
    for T, width in zip(found.T_cam_tcp, found.width_m, strict=True):
        finger = to_world((T @ [width / 2 + 0.005, 0, -0.002, 1])[:3])
        other = to_world((T @ [-width / 2 - 0.005, 0, -0.002, 1])[:3])
        for tip in (finger, other):
            assert not (abs(tip[1]) < 0.003 and abs(tip[0]) < 0.055 and tip[2] < 0.05)


@pytest.mark.parametrize(("wall_y", "room"), [(0.067, False), (0.115, True)])
def test_a_wall_beside_a_low_bar_leaves_room_for_the_hand_or_not(wall_y, room):
    # across a 20 mm bar the opened hand reaches 56 mm to either side, above the fingertips
    found = grasps(Block(0, 0, (0.16, 0.02, 0.02)), Block(0, wall_y, (0.2, 0.03, 0.14)))
    on_bar = to_world(found.contact_cam)[:, 1] < 0.012
    assert on_bar.any() == room


def test_a_tall_can_can_be_taken_from_the_side():
    found = grasps(Can(0, 0, 0.03, 0.16))
    approach = found.T_cam_tcp[:, :3, 2] @ R_WORLD_CAM.T
    low = to_world(found.contact_cam)[:, 2] < 0.1
    assert (low & (np.abs(approach[:, 2]) < 0.6)).any()


def test_same_frame_same_candidates():
    frame = tabletop(Block(0, 0, (0.12, 0.04, 0.05)))
    first, second = (AntipodalGenerator(GRIPPER).generate(frame, seed=1) for _ in range(2))
    assert np.array_equal(first.T_cam_tcp, second.T_cam_tcp)
    assert np.array_equal(first.quality, second.quality)


def test_bare_table_is_refused():
    with pytest.raises(NoObject):
        grasps()


def test_fingers_may_not_touch_the_table_by_configuration():
    with pytest.raises(InvalidInput, match="table_clearance_m is 0; it must be a number >= 0.001"):
        AntipodalConfig(table_clearance_m=0)


def test_generators_by_name():
    assert make_generator("antipodal", GRIPPER).name == "antipodal"
    assert "antipodal" in GENERATORS
    with pytest.raises(UnknownName, match="antipodal"):
        make_generator("gpt")


def test_envelope_is_the_first_obstacle_in_the_slab():
    offset = np.array([[0.0001, 0.0001, 0.0001, 0.02], [0, 0, 0.03, 0], [0.01, 0.004, -0.05, 0.1]])
    points = Neighbors(np.zeros(4, np.intp), offset.astype(np.float32), 1)
    first = envelope(points.turned(0.0), 0.0, 0.011)
    assert first[0, CENTER_BIN] == pytest.approx(0.004)
    assert first[0, CENTER_BIN + 10] == pytest.approx(0.1)
    assert (first == FREE).sum() == BINS - 2


def test_envelope_of_a_turned_and_tilted_hand():
    # turned by 90 degrees, the hand's x is the frame's y; tilted about x, z leans towards -y
    offset = np.array([[0.0], [0.031], [0.02]], np.float32)
    columns = Neighbors(np.zeros(1, np.intp), offset, 1).turned(np.pi / 2)
    first = envelope(columns, np.radians(30), 0.011)
    occupied = int(np.flatnonzero(first[0] < FREE)[0])
    assert occupied == CENTER_BIN + 15
    assert first[0, occupied] == pytest.approx(0.02 * np.cos(np.radians(30)))


def test_envelope_leaves_out_what_lies_further_aside_than_its_bins():
    offset = np.array([[0.09, -0.09, 0.0695], [0, 0, 0], [0.01, 0.01, 0.01]], np.float32)
    columns = Neighbors(np.array([0, 1, 1]), offset, 2).turned(0.0)
    assert (envelope(columns, 0.0, 0.011) == FREE).all()


def ridge(low, high, height):
    """An envelope with one ridge between two bins, relative to the middle."""
    first = np.full((1, BINS), FREE)
    first[0, CENTER_BIN + low : CENTER_BIN + high] = height
    return first


def test_closing_finds_the_edges_and_the_engagement():
    closed = close_hands(ridge(-5, 6, 0.0), np.array([[0.02]]), 0.014, 0.085)
    assert len(closed.anchor) == 1
    assert closed.x_low[0] == pytest.approx(-5 * BIN_M)
    assert closed.x_high[0] == pytest.approx(6 * BIN_M)
    assert closed.engagement[0] == pytest.approx(0.02)


def test_closing_refuses_what_is_too_wide_or_not_reached():
    wide = close_hands(ridge(-24, 24, 0.0), np.array([[0.02]]), 0.014, 0.085)
    short = close_hands(ridge(-5, 6, 0.03), np.array([[0.02]]), 0.014, 0.085)
    untried = close_hands(ridge(-5, 6, 0.0), np.array([[np.nan]]), 0.014, 0.085)
    assert len(wide.anchor) == len(short.anchor) == len(untried.anchor) == 0


def test_a_gap_narrower_than_a_finger_belongs_to_the_object():
    first = np.minimum(ridge(-5, 0, 0.0), ridge(4, 9, 0.0))
    closed = close_hands(first, np.array([[0.02]]), 0.014, 0.085)
    assert closed.x_low[0] == pytest.approx(-5 * BIN_M)
    assert closed.x_high[0] == pytest.approx(9 * BIN_M)
