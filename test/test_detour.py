"""Ways round, judged by MuJoCo's distances between the exact shapes and the box in the way."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from test_obstruction import DOWN, ROBOT, WIDTH_M, columns

from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.motion import detour
from affordance_grasp.control.motion.clearance import shape_poses
from affordance_grasp.control.motion.detour import Detours, joint_line, rounded
from affordance_grasp.control.motion.obstruction import Surroundings
from affordance_grasp.control.motion.path import find_path
from affordance_grasp.control.motion.pick import plan_pick
from affordance_grasp.control.motion.trajectory import resample, time_parameterise
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import MissingPackage, Unreachable
from affordance_grasp.geometry import invert, pose
from affordance_grasp.scene.obstacles import CELL_M

CLEARANCE_M = ROBOT.settings.obstacle_clearance_m
HEIGHT_M, HALF_M = 0.32, 0.04
TARGET_HALF_M = (0.015, 0.03, 0.035)
# x, y and yaw of the grasp, x and y of the box: each was found by trying places at random
BLOCKED = [
    (0.437, -0.171, -2.174, 0.36, 0.11),
    (0.386, 0.164, -2.854, 0.43, 0.00),
    (0.573, 0.186, -2.463, 0.46, 0.00),
]


def scene(x, y, yaw, box_x, box_y):
    """A block to be grasped, and a box of 32 cm in the way of it, which fills whole cells."""
    target = (x - 0.015, x + 0.015, y - 0.03, y + 0.03, 0.07)
    low, high = CELL_M / 2 - HALF_M, HALF_M
    box = (box_x + low, box_x + high, box_y + low, box_y + high, HEIGHT_M)
    return pose(Rotation.from_euler("z", yaw).as_matrix() @ DOWN, [x, y, 0.05]), columns(
        target, box
    )


class ExactDistances:
    """Distances between the robot's own shapes, with the target in its fingers, and a box."""

    def __init__(self, width_m, box_xy, T_last_target=None):
        self.mujoco = mujoco = pytest.importorskip("mujoco", reason="no MuJoCo here")
        self.body, self.T_last_target = ROBOT.body_with_gripper(width_m), T_last_target
        self.moving = [s for s, shape in enumerate(self.body.shapes) if shape.frame > 0]
        kinds = {
            "box": mujoco.mjtGeom.mjGEOM_BOX,
            "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
            "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
        }
        sizes = []
        for s in self.moving:
            shape, half = self.body.shapes[s], self.body.shapes[s].half_size
            size = (half[0], half[2], 0) if shape.kind == "cylinder" else half
            sizes.append((kinds[shape.kind], size))
        if T_last_target is not None:
            sizes.append((kinds["box"], TARGET_HALF_M))
        spec = mujoco.MjSpec()
        center = (*box_xy, HEIGHT_M / 2)
        spec.worldbody.add_geom(type=kinds["box"], size=(HALF_M, HALF_M, HEIGHT_M / 2), pos=center)
        for kind, size in sizes:
            spec.worldbody.add_body(mocap=True).add_geom(type=kind, size=size)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)

    def least_m(self, q):
        """Of all configurations (N, J)."""
        frames = joint_frames(ROBOT.arm, q)
        T = list(shape_poses(self.body, frames)[:, self.moving].swapaxes(0, 1))
        if self.T_last_target is not None:
            T.append(frames[:, -1] @ self.T_last_target)
        least = np.inf
        for at in np.stack(T, axis=1):
            self.data.mocap_pos[:] = at[:, :3, 3]
            for i, R in enumerate(at[:, :3, :3]):
                self.mujoco.mju_mat2Quat(self.data.mocap_quat[i], R.ravel())
            self.mujoco.mj_kinematics(self.model, self.data)
            for geom in range(1, self.model.ngeom):
                apart = self.mujoco.mj_geomDistance(self.model, self.data, 0, geom, 0.5, None)
                least = min(least, apart)
        return least


@pytest.mark.parametrize("place", BLOCKED)
def test_a_box_between_home_and_grasp_is_passed_by(place):
    pytest.importorskip("ompl", reason="ompl is not installed: pip install ompl")
    T, obstacles = scene(*place)
    with pytest.raises(Unreachable, match="what stands on the table"):
        find_path(ROBOT, ROBOT.home_q, T, WIDTH_M, Surroundings(obstacles, ROBOT))
    plan = plan_pick(ROBOT, ROBOT.home_q, T, WIDTH_M, obstacles)
    T_base_last = forward(ROBOT.arm, plan.q_grasp) @ invert(ROBOT.arm.T_last_tip)
    x, y = place[:2]
    T_last_target = invert(T_base_last) @ pose(translation_m=(x, y, TARGET_HALF_M[2]))
    box_xy = place[3:]
    for name, motion in plan.stages():
        coming = name in ("approach", "descend")
        width_m = plan.open_width_m if coming else WIDTH_M
        exact = ExactDistances(width_m, box_xy, None if coming else T_last_target)
        assert exact.least_m(resample(motion, 0.01)[0]) >= CLEARANCE_M
        check_limits(motion, ROBOT.velocity, ROBOT.acceleration)
    again = plan_pick(ROBOT, ROBOT.home_q, T, WIDTH_M, obstacles)
    for (_, first), (_, second) in zip(plan.stages(), again.stages(), strict=True):
        np.testing.assert_array_equal(first.positions, second.positions)


def check_limits(motion, velocity, acceleration):
    """By finite differences of the positions."""
    dt = motion.times_s[1] - motion.times_s[0]
    np.testing.assert_allclose(np.diff(motion.times_s), dt)
    speed = np.diff(motion.positions, axis=0) / dt
    rate = np.diff(speed, axis=0) / dt
    jerk = np.diff(rate, axis=0) / dt
    assert (np.abs(speed) <= velocity * 1.001).all()
    assert (np.abs(rate) <= acceleration * 1.001).all()
    assert (np.abs(jerk) <= 4 * acceleration / 0.1).all()


@pytest.mark.parametrize("seed", range(6))
def test_rounded_corners_are_timed_within_all_limits(seed):
    rng = np.random.default_rng(seed)
    corners = ROBOT.home_q + rng.uniform(-1, 1, (rng.integers(3, 7), 6))
    path = rounded(corners, detour.ROUNDING_RAD[seed % 4])
    names = ROBOT.arm.joint_names
    motion = time_parameterise(path, ROBOT.velocity, ROBOT.acceleration, names)
    check_limits(motion, ROBOT.velocity, ROBOT.acceleration)


def test_rounding_keeps_ends_and_straight_pieces_and_stays_near_its_corners():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0]])
    for window_rad in detour.ROUNDING_RAD:
        path = rounded(corners, window_rad)
        np.testing.assert_array_equal(path[[0, -1]], corners[[0, -1]])
        away = np.minimum(np.abs(path[:, 1]), np.abs(path[:, 0] - 1))
        assert 0 < away.max() < window_rad / 4
        far = np.linalg.norm(path - corners[1], axis=1) > window_rad
        assert away[far].max() < 1e-12
    straight = rounded(corners[:2], 0.8)
    np.testing.assert_allclose(straight, joint_line(*corners[:2], detour.SPACING_RAD), atol=1e-12)


def test_without_the_extra_the_refusal_names_it_once(monkeypatch):
    def absent(module, wanted_by):
        raise MissingPackage(f"{wanted_by} needs ompl: pip install 'affordance_grasp[motion]'")

    monkeypatch.setattr(detour, "require", absent)
    T, obstacles = scene(*BLOCKED[0])
    with pytest.raises(Unreachable, match="what stands on the table") as caught:
        plan_pick(ROBOT, ROBOT.home_q, T, WIDTH_M, obstacles)
    assert caught.value.reason == Reason.OBSTACLE
    assert str(caught.value).count("affordance_grasp[motion]") == 1


def test_searches_end_with_their_budget_and_say_so():
    """A wall through the whole space of a joint leaves no way round."""
    pytest.importorskip("ompl", reason="ompl is not installed: pip install ompl")
    checked = 0

    def walled(q, spare_m):
        nonlocal checked
        checked += len(q)
        if (np.abs(q[:, 0] - ROBOT.home_q[0] - 0.3) < 0.05 + spare_m).any():
            raise Unreachable(Reason.OBSTACLE, "a wall")

    line = joint_line(ROBOT.home_q, ROBOT.home_q + [0.6, 0, 0, 0, 0, 0], 0.05)
    detours = Detours(ROBOT, budget=5_000)
    for _ in range(3):
        assert detours.around(line, walled) is None
    assert checked < 6_000
    assert "no way round" in detours.remark
