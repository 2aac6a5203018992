import numpy as np
import pytest

from affordance_grasp.datatypes import (
    CameraIntrinsics,
    GraspCandidates,
    Heatmap,
    Reason,
    RgbdFrame,
)
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.scene.table import TablePlane
from affordance_grasp.selection import RULES, SelectionConfig, contact_heat, select

K = CameraIntrinsics(100, 100, 50, 50, width=101, height=101)
DEPTH = 0.5


def frame(depth=None):
    depth = np.full((101, 101), DEPTH, np.float32) if depth is None else depth
    return RgbdFrame(np.zeros((101, 101, 3), np.uint8), depth, K)


def heatmap(values=None):
    """Heat that falls from 1 at the left border to 0 at the right."""
    if values is None:
        values = np.tile(np.linspace(1, 0, 101), (101, 1))
    return Heatmap(values.astype(np.float32), values, "hold", "hold", "test", 1.0)


def at(*uv, quality=None, width=0.02, height_m=0.1):
    """Candidates whose contacts project to pixels; tcp ``height_m`` nearer than the table."""
    uv = np.array(uv, float)
    contact = np.column_stack([(uv - 50) / 100 * DEPTH, np.full(len(uv), DEPTH)])
    T = np.tile(np.eye(4), (len(uv), 1, 1))
    T[:, :3, 3] = contact
    T[:, 2, 3] = 1.0 - height_m
    quality = np.ones(len(uv)) if quality is None else np.array(quality, float)
    return GraspCandidates(T, np.broadcast_to(width, len(uv)) * 1.0, contact, quality, "test")


def chosen(selection):
    return [grasp.candidate for grasp in selection.ranked]


def test_argmax_takes_the_hottest_whatever_its_quality():
    candidates = at((40, 50), (10, 50), (20, 50), quality=[1, 0.1, 1])
    assert chosen(select(frame(), heatmap(), candidates, rule="argmax")) == [1, 2, 0]


def test_bands_take_the_better_grasp_among_nearly_as_hot_ones():
    candidates = at((10, 50), (15, 50), (40, 50), quality=[0.1, 0.5, 1])
    assert chosen(select(frame(), heatmap(), candidates, rule="bands")) == [1, 0, 2]


def test_quality_ignores_heat():
    candidates = at((10, 50), (90, 50), quality=[0.1, 0.5])
    selection = select(frame(), heatmap(), candidates, rule="quality")
    assert chosen(selection) == [1, 0]
    assert not selection.rejected


def test_heat_and_pixel_of_the_contact_are_reported():
    grasp = select(frame(), heatmap(), at((30, 60)), rule="argmax").best
    assert grasp.contact_uv == pytest.approx((30, 60))
    assert grasp.heat == pytest.approx(0.7, abs=1e-6)


def test_heat_is_averaged_over_the_strip_under_the_fingers():
    step = np.zeros((101, 101))
    step[50:] = 1.0  # the strip is along y; half of it lies on the hot side
    values = contact_heat(frame(), heatmap(step), at((50, 50)), breadth_m=0.1, window_px=1)
    assert values[0] == pytest.approx(0.6)
    assert contact_heat(frame(), heatmap(step), at((50, 50)), 0.0, 1)[0] == 1


def test_where_nothing_is_no_heat_is_missed():
    depth = np.full((101, 101), DEPTH, np.float32)
    depth[:50] = 0.7  # beside the object one sees the floor
    step = np.zeros((101, 101))
    step[50:] = 1.0
    values = contact_heat(frame(depth), heatmap(step), at((50, 50)), breadth_m=0.1, window_px=1)
    assert values[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("candidates", "reason"),
    [
        (at((150, 50)), Reason.OFF_IMAGE),
        (at((-3, 50)), Reason.OFF_IMAGE),
        (at((20, 80)), Reason.NO_DEPTH),
        (at((95, 50)), Reason.COLD),
        (at((20, 50), width=0.09), Reason.TOO_WIDE),
        (at((20, 50), height_m=0.0005), Reason.TABLE),
    ],
)
def test_every_rejection_has_its_reason(candidates, reason):
    depth = np.full((101, 101), DEPTH, np.float32)
    depth[70:] = 0
    table = TablePlane(np.array([0, 0, -1.0]), 1.0)
    selection = select(frame(depth), heatmap(), candidates, table=table, max_width_m=0.085)
    assert selection.rejected == {0: reason}
    assert selection.best is None


@pytest.mark.parametrize("rule", RULES)
def test_every_candidate_is_either_ranked_or_rejected(rule):
    rng = np.random.default_rng(0)
    candidates = at(*rng.uniform(-20, 120, (50, 2)), quality=rng.uniform(0, 1, 50))
    selection = select(frame(), heatmap(), candidates, rule=rule)
    assert sorted([*chosen(selection), *selection.rejected]) == list(range(50))


def test_unreachable_ones_are_skipped_and_named():
    asked = []

    def reach(T_cam_tcp, width_m, opening_m):
        assert opening_m == 0
        asked.append(round(float(T_cam_tcp[0, 3]), 3))
        return Reason.NO_IK if T_cam_tcp[0, 3] < -0.12 else None

    candidates = at((10, 50), (30, 50), (20, 50), (40, 50), (50, 50), (45, 50))
    config = SelectionConfig(reachable=2)
    selection = select(frame(), heatmap(), candidates, rule="argmax", reach=reach, config=config)
    assert chosen(selection) == [1, 3, 5, 4]
    assert selection.rejected == {0: Reason.NO_IK, 2: Reason.NO_IK}
    assert len(asked) == 4  # no more were asked for than needed


def test_nothing_reachable_leaves_nothing():
    selection = select(
        frame(), heatmap(), at((10, 50), (30, 50)), reach=lambda *_: Reason.JOINT_LIMIT
    )
    assert selection.best is None
    assert selection.rejection_counts() == {"joint limit": 2}


def test_no_candidates_give_an_empty_selection():
    empty = GraspCandidates(
        np.zeros((0, 4, 4)), np.zeros(0), np.zeros((0, 3)), np.zeros(0), "test"
    )
    for rule in RULES:
        assert select(frame(), heatmap(), empty, rule=rule).best is None


def test_unknown_rule_lists_the_known():
    with pytest.raises(UnknownName, match="bands, argmax, quality"):
        select(frame(), heatmap(), at((10, 50)), rule="hottest")


def test_heatmap_of_another_size_is_refused():
    with pytest.raises(InvalidInput, match="size of the colour image"):
        select(frame(), heatmap(np.ones((50, 50))), at((10, 50)))


@pytest.mark.parametrize(
    "changes", [{"min_heat": 2}, {"band": 0}, {"heat_window_px": 4}, {"reachable": 0}]
)
def test_unusable_configuration_is_refused(changes):
    with pytest.raises(InvalidInput, match="selection"):
        SelectionConfig(**changes)
