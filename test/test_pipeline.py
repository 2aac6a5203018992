import threading
from dataclasses import replace

import numpy as np
import pytest
from tabletop import Block, Can, looking_down, tabletop, to_world

from affordance_grasp import pipeline
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.choice.knowledge import Knowledge
from affordance_grasp.control.motion.pick import reach_from
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import Heatmap, Reason
from affordance_grasp.errors import (
    AmbiguousObject,
    InvalidInput,
    LowConfidence,
    NoObject,
    NotServed,
    UnknownName,
)
from affordance_grasp.geometry import project
from affordance_grasp.grounding.regions import object_region
from affordance_grasp.pipeline import check_confidence, plan_grasps
from affordance_grasp.scene.cloud import segment_scene


class EndIsHot:
    """A grounder for which one end of the object is hot."""

    def __init__(self, end_world):
        self.end_cam = looking_down()[:3, :3].T @ (np.array(end_world) - looking_down()[:3, 3])
        self.regions = []

    def ground(self, color, query, region=None):
        self.regions.append(region)
        u, v = project(self.end_cam, [[615, 0, 320], [0, 615, 240], [0, 0, 1]])
        rows, columns = np.indices(color.shape[:2])
        heat = np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 2 / 30**2).astype(np.float32)
        return Heatmap(heat, heat, query, "hold", "test", 0.5)


@pytest.fixture(scope="module")
def frame():
    return tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20))


@pytest.fixture(scope="module")
def generator():
    return make_generator("antipodal")


def end(sign):
    return np.array([np.cos(np.radians(20)), np.sin(np.radians(20)), 0]) * 0.08 * sign


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_grasp_is_where_the_heat_is(frame, generator, sign):
    plan = plan_grasps(frame, "grab", EndIsHot(end(sign)), generator)
    place = to_world(plan.best.contact_cam)
    assert np.linalg.norm(place[:2] - end(sign)[:2]) < 0.03
    assert plan.heatmap.query == "grab"
    assert plan.best.candidate == plan.selection.ranked[0].candidate


def test_grounder_looks_at_a_square_around_the_object(frame, generator):
    grounder = EndIsHot(end(1))
    plan = plan_grasps(frame, "hold", grounder, generator)
    region = grounder.regions[0]
    assert region == plan.region == object_region(frame)
    assert region.right - region.left == region.bottom - region.top
    uv = project(plan.candidates.contact_cam, frame.intrinsics.K)
    assert ((uv > (region.left, region.top)) & (uv < (region.right, region.bottom))).all()


def test_region_of_a_large_thing_stays_in_the_image():
    region = object_region(tabletop(Can(0, 0, 0.15, 0.1)))
    assert (region.top, region.bottom) == (0, 480)
    assert 0 <= region.left < region.right <= 640


def test_crumbs_do_not_widen_the_region():
    thing = Block(-0.05, 0, (0.1, 0.1, 0.05))
    alone = object_region(tabletop(thing))
    with_crumb = object_region(tabletop(thing, Can(0.14, 0, 0.009, 0.02)))
    assert abs(with_crumb.right - alone.right) < 8


def test_every_step_is_timed_by_itself(frame, generator, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(pipeline, "perf_counter", lambda: now_s[0])

    def takes(ms, step):
        def slow(*arguments, **named):
            now_s[0] += ms / 1e3
            return step(*arguments, **named)

        return slow

    class Slow:
        name = "slow"
        ground = staticmethod(takes(30, EndIsHot(end(1)).ground))
        generate = staticmethod(takes(50, generator.generate))

    monkeypatch.setattr(pipeline, "segment_scene", takes(7, pipeline.segment_scene))
    monkeypatch.setattr(pipeline, "select", takes(2, pipeline.select))
    plan = plan_grasps(frame, "hold", Slow(), Slow(), at_once=False)
    expected = {"scene": 7, "look": 0, "ground": 30, "generate": 50, "select": 2, "total": 89}
    assert plan.timings_ms == pytest.approx(expected)


def test_grounding_and_generation_run_at_the_same_time(frame, generator):
    both_here = threading.Barrier(2, timeout=20)

    class Waiting:
        name = "waiting"

        def generate(self, frame, seed=0, scene=None, target=None):
            both_here.wait()
            return generator.generate(frame, seed, scene)

        def ground(self, color, query, region=None):
            both_here.wait()
            return EndIsHot(end(1)).ground(color, query, region)

    assert plan_grasps(frame, "hold", Waiting(), Waiting()).best is not None


def test_grounding_and_generation_one_after_the_other_give_the_same(frame, generator):
    threads = set()

    class Noting:
        name = "noting"

        def generate(self, frame, seed=0, scene=None, target=None):
            threads.add(threading.get_ident())
            return generator.generate(frame, seed, scene)

    plans = [
        plan_grasps(frame, "hold", EndIsHot(end(1)), Noting(), at_once=at_once)
        for at_once in (False, True)
    ]
    assert len(threads) == 2
    assert threading.get_ident() in threads
    assert (plans[0].best.T_cam_tcp == plans[1].best.T_cam_tcp).all()


@pytest.mark.parametrize("left_is_hot", [False, True])
def test_a_generator_is_told_which_of_several_objects_is_meant(left_is_hot):
    frame = tabletop(Block(-0.08, 0.0, (0.06, 0.03, 0.05)), Block(0.08, 0.0, (0.05, 0.03, 0.05)))
    labels = segment_scene(frame).cloud.labels
    hot = labels[:, :320] if left_is_hot else labels[:, 320:]
    told = []

    class Told:
        name, wants_target = "told", True

        def generate(self, frame, seed=0, scene=None, target=None):
            told.append(target)
            return make_generator("antipodal").generate(frame, seed, scene)

        def ground(self, color, query, region=None):
            values = np.zeros(labels.shape, np.float32)
            half = np.s_[:, :320] if left_is_hot else np.s_[:, 320:]
            values[half] = 1.0
            return Heatmap(values, values, query, query, "half", 1.0)

    both = Told()
    plan = plan_grasps(frame, "hold", both, both)
    assert told[0].label == np.bincount(hot[hot > 0]).argmax()
    assert (told[0].query, told[0].region) == ("hold", plan.region)
    plan_grasps(frame, "hold", None, both, rule="quality")
    assert told[1].label == 0, "without a heatmap any may be meant"


def test_the_only_object_is_meant_and_the_arm_says_where_up_is(frame, generator):
    told = []

    class Told:
        name = "told"

        def generate(self, frame, seed=0, scene=None, target=None):
            told.append(target)
            return generator.generate(frame, seed, scene)

    robot = load_robot()
    reach = reach_from(robot, robot.home_q)
    plan_grasps(frame, "hold", None, Told(), rule="quality", reach=reach)
    assert told[0].label == 1
    np.testing.assert_array_equal(told[0].T_base_cam, robot.T_base_cam(robot.home_q))
    np.testing.assert_allclose(
        told[0].T_base_cam[:3, :3] @ told[0].gravity_cam, [0, 0, -1], atol=1e-12
    )


def test_without_a_grounder_quality_decides(frame, generator):
    plan = plan_grasps(frame, "hold", None, generator, rule="quality")
    qualities = [grasp.quality for grasp in plan.selection.ranked]
    assert qualities == sorted(qualities, reverse=True)
    with pytest.raises(InvalidInput, match="needs a grounder"):
        plan_grasps(frame, "hold", None, generator, rule="bands")


def test_reach_reaches_the_selection(frame, generator):
    plan = plan_grasps(frame, "hold", EndIsHot(end(1)), generator, reach=lambda *_: Reason.NO_IK)
    assert plan.best is None
    assert plan.selection.rejection_counts()["no IK"] > 0


def test_every_proposal_that_is_not_ranked_is_counted(frame, generator):
    class OneLeftOut:
        def generate(self, *arguments, **options):
            found = generator.generate(*arguments, **options)
            return replace(found, left_out={"with a width of 3 m": 2})

    plan = plan_grasps(frame, "hold", EndIsHot(end(1)), OneLeftOut())
    assert plan.not_ranked.pop("left out, with a width of 3 m") == 2
    assert plan.not_ranked
    assert sum(plan.selection.rejection_counts().values()) + len(plan.selection.ranked) == len(
        plan.candidates
    )


def test_errors_come_through(frame, generator):
    class Broken:
        def ground(self, color, query, region=None):
            raise UnknownName("query", query, ("hold",))

    with pytest.raises(UnknownName, match="fly"):
        plan_grasps(frame, "fly", Broken(), generator)
    with pytest.raises(UnknownName, match="rule"):
        plan_grasps(frame, "hold", Broken(), generator, rule="nothing")
    with pytest.raises(NoObject):
        plan_grasps(tabletop(), "hold", Broken(), generator)


def test_of_several_things_the_hot_one_is_looked_at_again(generator):
    left, right = Block(-0.12, 0, (0.03, 0.1, 0.03)), Block(0.12, 0, (0.03, 0.1, 0.03))
    frame = tabletop(left, right)
    grounder = EndIsHot(np.array([0.12, 0.0, 0.03]))
    plan = plan_grasps(frame, "hold", grounder, generator)
    first, second = grounder.regions
    assert first == object_region(frame)
    assert plan.region == second
    assert second.right - second.left < 0.6 * (first.right - first.left)
    u, v = project(grounder.end_cam, frame.intrinsics.K)
    assert second.left < u < second.right and second.top < v < second.bottom
    assert np.linalg.norm(to_world(plan.best.contact_cam)[:2] - [0.12, 0.0]) < 0.06


def test_nothing_is_taken_by_a_vague_heatmap():
    values = np.ones((4, 4), np.float32)
    heatmap = Heatmap(values, values, "take it", "hold", "plsp", 0.31)
    check_confidence(heatmap, 0.31)
    with pytest.raises(LowConfidence, match="'hold' has confidence 0.31, below .* 0.4"):
        check_confidence(heatmap, 0.4)


@pytest.fixture(scope="module")
def coloured():
    """A red block on the left and a blue one on the right."""
    seen = tabletop(Block(-0.1, 0, (0.03, 0.12, 0.02)), Block(0.1, 0, (0.03, 0.12, 0.02)))
    color = seen.color.copy()
    color[:, :320], color[:, 320:] = (200, 20, 20), (20, 20, 200)
    return replace(seen, color=color)


@pytest.mark.parametrize(("query", "side"), [("hold the blue one", 1), ("hold the left one", -1)])
@pytest.mark.parametrize("sees", [True, False])
def test_grasps_are_on_the_object_that_is_meant(coloured, generator, query, side, sees):
    grounder = EndIsHot(np.array([side * 0.1, 0.0, 0.02])) if sees else None
    rule = "bands" if sees else "quality"
    plan = plan_grasps(coloured, query, grounder, generator, rule=rule)
    places = [to_world(grasp.contact_cam)[0] for grasp in plan.selection.ranked]
    assert places and all(np.sign(x) == side for x in places)
    assert ("blue" if side > 0 else "red") in plan.object


def test_which_of_two_is_asked_and_nothing_is_proposed(coloured):
    class Unasked:
        wants_target = False

        def generate(self, *_, **__):
            raise AssertionError("grasps were sought though it is not known of what")

    with pytest.raises(AmbiguousObject, match=r"ambiguous: .*red object"):
        plan_grasps(coloured, "hold the block", None, Unasked(), rule="quality")


def test_what_is_known_not_to_serve_is_refused(frame, generator):
    class AllMugs:
        knowledge = Knowledge({"mug": frozenset({"hold"}), "knife": frozenset({"cut_with"})})

        def recognise(self, frame, scene, instances):
            return tuple(replace(i, families={"mug": 1.0}, known=True) for i in instances)

    with pytest.raises(NotServed, match="nothing on the table serves 'cut with'"):
        plan_grasps(frame, "cut with", EndIsHot(end(1)), generator, recogniser=AllMugs())
    held = plan_grasps(frame, "hold", EndIsHot(end(1)), generator, recogniser=AllMugs())
    assert held.best is not None
