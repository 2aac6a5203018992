import numpy as np
import pytest

from affordance_grasp.candidates.antipodal.hands import (
    Hands,
    collides,
    measure,
    open_width,
    quality,
    table_room,
)
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.geometry import pose
from affordance_grasp.scene.table import TablePlane

GRIPPER = load_gripper()
TABLE = TablePlane(np.array([0, 0, -1.0]), 0.5)


class Bar:
    """The top and two sides of a bar 20 mm wide along y, 30 mm high, seen from above."""

    def __init__(self):
        x, y = np.meshgrid(np.linspace(-0.01, 0.01, 11), np.linspace(-0.03, 0.03, 31))
        top = np.stack([x, y, np.full(x.shape, 0.47)], -1).reshape(-1, 3)
        z, y = np.meshgrid(np.linspace(0.472, 0.5, 15), np.linspace(-0.03, 0.03, 31))
        sides = [np.stack([np.full(z.shape, s), y, z], -1).reshape(-1, 3) for s in (-0.01, 0.01)]
        self.points_cam = np.concatenate([top, *sides])
        count = len(sides[0])
        self.normals_cam = np.concatenate(
            [
                np.tile([0, 0, -1.0], (len(top), 1)),
                np.tile([-1.0, 0, 0], (count, 1)),
                np.tile([1.0, 0, 0], (count, 1)),
            ]
        )


def hand(tip_z=0.49, x=0.0, yaw=0.0, width=0.02):
    R = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    one = np.ones(1)
    return Hands(
        pose(R, [x, 0, tip_z])[None], one * width, np.zeros((1, 3)), one * 0.02, one * 0, one, one
    )


def measured(yaw=0.0, x=0.0):
    R = hand(yaw=yaw).T_cam_tcp[:, :3, :3]
    center = np.array([[x, 0, 0.49]])
    return measure(R, center, np.array([[-0.03, 0.03]]), Bar(), 0.022)


def test_a_hand_is_centred_on_what_it_closes_on():
    hands = measured(x=0.004)
    assert hands.width_m[0] == pytest.approx(0.02)
    assert hands.T_cam_tcp[0, :3, 3] == pytest.approx([0, 0, 0.49], abs=1e-6)
    assert hands.cover[0] == 1
    assert hands.slope[0] == pytest.approx(0)
    assert hands.facing[0] == pytest.approx(1)


def test_contact_is_the_surface_on_the_approach_axis():
    assert measured().contact_cam[0] == pytest.approx([0, 0, 0.47])


def test_a_slanted_hand_has_slanted_edges():
    assert measured(yaw=np.radians(20)).slope[0] > 0.2


def test_table_room_counts_the_lowest_corner():
    upright = hand(tip_z=0.49, width=0.085)
    assert table_room(upright, TABLE, GRIPPER)[0] == pytest.approx(0.01)
    tilted = hand(tip_z=0.49, width=0.085)
    c, s = np.cos(0.3), np.sin(0.3)
    tilted.T_cam_tcp[0, :3, :3] = [[1, 0, 0], [0, c, -s], [0, s, c]]
    assert table_room(tilted, TABLE, GRIPPER)[0] == pytest.approx(0.01 - 0.011 * s)


def test_table_room_knows_that_closing_swings_the_tips_forward():
    closed = hand(tip_z=0.499, width=0.0)
    assert table_room(closed, TABLE, GRIPPER)[0] < 0.001 - 1e-5


@pytest.mark.parametrize(
    ("point", "hit"),
    [
        ([0.030, 0, 0.45], True),  # where the right finger is, 12 mm clear of a 20 mm object
        ([0.015, 0, 0.45], False),  # between object and finger
        ([0, 0, 0.46], False),  # between the fingers
        ([0, 0, 0.40], True),  # in the palm
        ([0.030, 0, 0.495], False),  # beyond the tips
        ([0.030, 0.02, 0.47], False),  # beside the finger
    ],
)
def test_collisions_with_fingers_and_palm(point, hit):
    assert collides(hand(), np.array([point]), GRIPPER)[0] == hit


def test_opening_is_that_of_the_gripper_and_limited_by_the_stroke():
    widths = np.array([0.02, 0.08])
    assert open_width(GRIPPER, widths) == pytest.approx([0.044, 0.085])
    assert open_width(GRIPPER, widths) == pytest.approx([GRIPPER.open_width_m(w) for w in widths])


def test_quality_prefers_square_narrow_upright_grasps():
    def score(**changes):
        hands = Hands(**{**vars(hand()), **changes})
        return quality(hands, TABLE, np.array([0, 0, 0.49]), 0.085)[0]

    sideways = hand().T_cam_tcp.copy()
    sideways[0, :3, :3] = [[1, 0, 0], [0, 0.5, -0.866], [0, 0.866, 0.5]]
    plain = score()
    assert 0.8 < plain <= 1
    assert score(slope=np.array([0.4])) < 0.5 * plain
    assert score(facing=np.array([0.2])) < plain
    assert score(engagement_m=np.array([0.002])) < plain
    assert score(width_m=np.array([0.08])) < plain
    assert score(cover=np.array([1 / 3])) < plain
    assert score(T_cam_tcp=sideways) < plain
