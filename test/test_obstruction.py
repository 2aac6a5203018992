import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tabletop import Block, Can, tabletop

from affordance_grasp.control.arm.kinematics import joint_frames
from affordance_grasp.control.arm.urdf import LinkShape
from affordance_grasp.control.motion.clearance import shape_poses
from affordance_grasp.control.motion.detour import Detours
from affordance_grasp.control.motion.obstruction import (
    Columns,
    Surroundings,
    cover,
    fill,
    own_spheres,
)
from affordance_grasp.control.motion.pick import ArmReach, plan_pick, reach_from, reachable
from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import Unreachable
from affordance_grasp.geometry import invert, pose, transform_points
from affordance_grasp.pipeline import plan_grasps
from affordance_grasp.scene.obstacles import CELL_M, Obstacles

ROBOT = load_robot(speed_scaling=0.5)
DOWN = np.diag([1.0, -1.0, -1.0])
WIDTH_M = 0.03


def columns(*blocks) -> Obstacles:
    """Things 1, 2, ... that fill rectangles: (x from, x to, y from, y to, height) [m]."""
    rows, things = [], []
    for number, (x0, x1, y0, y1, height) in enumerate(blocks, start=1):
        x, y = np.meshgrid(np.arange(x0, x1, CELL_M), np.arange(y0, y1, CELL_M))
        rows.append(np.column_stack([x.ravel(), y.ravel(), np.full(x.size, height)]))
        things.append(np.full(x.size, number))
    thing = np.concatenate(things).astype(np.int32)
    return Obstacles(np.concatenate(rows), thing, np.ones(len(thing), bool))


def grasp(x=0.5, y=0.0, z=0.05):
    return pose(DOWN, [x, y, z])


def refusal(obstacles, T=None):
    with pytest.raises(Unreachable) as caught:
        plan_pick(ROBOT, ROBOT.home_q, grasp() if T is None else T, WIDTH_M, obstacles)
    assert caught.value.reason == Reason.OBSTACLE
    return str(caught.value)


TARGET = (0.485, 0.515, -0.03, 0.03, 0.07)


@pytest.mark.parametrize(
    ("kind", "half"),
    [
        ("cylinder", (0.05, 0.05, 0.2)),
        ("cylinder", (0.06, 0.06, 0.02)),
        ("box", (0.046, 0.032, 0.052)),
        ("box", (0.006, 0.011, 0.019)),
        ("sphere", (0.04, 0.04, 0.04)),
    ],
)
def test_spheres_contain_their_shape_and_little_more(kind, half):
    T = pose(Rotation.from_euler("xyz", [0.3, 0.5, 0.7]).as_matrix(), [0.1, 0.2, 0.3])
    spheres = cover((LinkShape(kind, 3, T, half),))
    rng = np.random.default_rng(0)
    p = rng.uniform(-1, 1, (20_000, 3)) * half
    if kind != "box":
        flat = p / half if kind == "sphere" else p[:, :2] / half[0]
        p = p[np.linalg.norm(flat, axis=1) <= 1]
    away = np.linalg.norm(transform_points(T, p)[:, None] - spheres.center, axis=-1)
    assert (away.min(axis=1) <= spheres.radius_m[0] + 1e-9).all()
    assert set(spheres.frame) == {3}
    assert spheres.radius_m[0] < max(1.2 * half[0], 0.03)


def test_a_sphere_touches_a_column_at_its_radius_and_clearance():
    one = Columns(columns((0.5, 0.505, 0.0, 0.005, 0.2)), clearance_m=0.01)
    middles = np.array([[[0.5, 0.0, z] for z in (0.235, 0.28)]])
    beside = np.array([[[0.5, y, 0.1] for y in (0.035, 0.08)]])
    radii = np.full(2, 0.03)
    np.testing.assert_array_equal(one.touched(middles, radii), [[True, False]])
    np.testing.assert_array_equal(one.touched(beside, radii), [[True, False]])
    far = np.array([[[3.0, 3.0, 0.1]]])
    assert not one.touched(far, radii[:1]).any()


def test_the_object_itself_may_be_grasped_but_not_as_a_neighbour():
    obstacles = columns(TARGET)
    plan = plan_pick(ROBOT, ROBOT.home_q, grasp(), WIDTH_M, obstacles)
    assert plan.around is not None
    beside = columns(TARGET, (0.54, 0.56, -0.03, 0.03, 0.07))
    assert "descent the gripper" in refusal(beside)


@pytest.mark.parametrize(
    ("wall", "words"),
    [
        ((0.26, 0.28, -0.05, -0.04, 0.30), "approach the gripper"),
        ((0.45, 0.55, 0.06, 0.10, 0.25), "descent the gripper"),
        ((0.10, 0.30, -0.3, 0.3, 0.60), "the arm"),
    ],
)
def test_what_is_in_the_way_is_told_with_the_stage(wall, words):
    assert words in refusal(columns(TARGET, wall))


def test_after_many_blocked_paths_the_rest_is_not_tried():
    around = Surroundings(columns(TARGET, (0.26, 0.28, -0.05, -0.04, 0.30)), ROBOT)
    detours = Detours(ROBOT, budget=0, paths=20)
    reach = ArmReach(ROBOT, ROBOT.home_q, np.eye(4), around, detours)
    answers = [reach(grasp(), WIDTH_M) for _ in range(25)]
    tried = answers.index(Reason.NOT_TRIED)
    assert 1 < tried <= 20 and set(answers[tried:]) == {Reason.NOT_TRIED}
    assert set(answers[:tried]) == {Reason.OBSTACLE}


def test_a_low_wall_is_passed_over():
    plan_pick(ROBOT, ROBOT.home_q, grasp(), WIDTH_M, columns(TARGET, (0.3, 0.35, -0.2, 0.2, 0.1)))


def test_what_is_carried_must_pass_too():
    """A bar of 40 cm across the way home of the hand, and a pole that only the bar meets."""
    bar, pole = (0.49, 0.51, -0.2, 0.2, 0.06), (0.42, 0.44, 0.15, 0.17, 0.30)
    plan_pick(ROBOT, ROBOT.home_q, grasp(), WIDTH_M, columns(TARGET, pole))
    assert "the object in the gripper" in refusal(columns(bar, pole))


def inside_m(body, q, points):
    """How deep the deepest of the points (K, 3) is in the shapes, at q (N, J): exact."""
    T = shape_poses(body, joint_frames(ROBOT.arm, q))
    deepest = -np.inf
    for s, shape in enumerate(body.shapes):
        if shape.frame < 1:
            continue
        for T_base_shape in T[:, s]:
            p, half = np.abs(transform_points(invert(T_base_shape), points)), shape.half_size
            if shape.kind == "box":
                depth = (np.array(half) - p).min(axis=1)
            else:
                depth = np.minimum(half[0] - np.hypot(p[:, 0], p[:, 1]), half[2] - p[:, 2])
            deepest = max(deepest, float(depth.max()))
    return deepest


def test_a_planned_pick_leaves_every_pole_alone():
    """Poles at random: what is planned is measured with the exact shapes; some are refused."""
    rng = np.random.default_rng(5)
    refused, tried = 0, 20
    for _ in range(tried):
        x, y = rng.uniform(0.3, 0.65), rng.choice([-1, 1]) * rng.uniform(0.03, 0.13)
        height = rng.uniform(0.12, 0.4)
        obstacles = columns(TARGET, (x, x + 0.005, y, y + 0.005, height))
        try:
            plan = plan_pick(ROBOT, ROBOT.home_q, grasp(), WIDTH_M, obstacles)
        except Unreachable as error:
            assert error.reason == Reason.OBSTACLE
            refused += 1
            continue
        pole = np.column_stack([np.full(40, x), np.full(40, y), np.linspace(0, height, 40)])
        for stage, trajectory in plan.stages():
            width_m = plan.open_width_m if stage in ("approach", "descend") else WIDTH_M
            q = resample(trajectory, 0.03)[0]
            assert inside_m(ROBOT.body_with_gripper(width_m), q, pole) < 0
    assert 5 < refused < tried - 5


def test_columns_are_filled_down_to_the_table():
    points = fill(columns((0.5, 0.505, 0.0, 0.005, 0.1)), 0.0)
    assert points[:, 2].max() == pytest.approx(0.1)
    assert 0 < points[:, 2].min() < 0.03
    assert len(fill(columns(TARGET).seen_of(7), 0.0)) == 0


def test_the_arms_own_spheres_are_where_the_arm_is():
    middles, radii = own_spheres(ROBOT, ROBOT.home_q)
    eye = ROBOT.T_base_cam(ROBOT.home_q)[:3, 3]
    assert (np.linalg.norm(middles - eye, axis=1) < radii + 0.03).any()


def test_candidates_are_ranked_by_what_the_arm_can_reach_among_the_things():
    T_base_cam = ROBOT.T_base_cam(ROBOT.home_q)
    thing = Block(0.5, 0.0, (0.03, 0.16, 0.04))
    alone = tabletop(thing, T_world_cam=T_base_cam)
    beside = tabletop(thing, Can(0.5, 0.14, 0.035, 0.22), T_world_cam=T_base_cam)
    reach = reach_from(ROBOT, ROBOT.home_q)
    plans = [
        plan_grasps(frame, "hold", None, rule="quality", reach=reach) for frame in (alone, beside)
    ]
    counts = [plan.selection.rejection_counts() for plan in plans]
    assert "obstacle" not in counts[0] and plans[0].best is not None
    for plan in plans:
        assert plan.obstacles is not None and "obstacles" in plan.timings_ms
        if plan.best is not None:
            T = T_base_cam @ plan.best.T_cam_tcp
            plan_pick(ROBOT, ROBOT.home_q, T, plan.best.width_m, plan.obstacles)
    unknown = plan_grasps(
        beside,
        "hold",
        None,
        rule="quality",
        reach=lambda T, w, _: reachable(ROBOT, ROBOT.home_q, T_base_cam @ T, w),
    )
    assert unknown.obstacles is None
