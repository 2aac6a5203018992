"""Whether a path enters the columns of what stands on the table.

Arm, hand and load are covered by spheres. Columns are enlarged by a sphere once per radius, after
which a sphere touches one where its middle lies below the enlarged height in its cell.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from affordance_grasp.control.arm.kinematics import joint_frames
from affordance_grasp.control.arm.urdf import LinkShape
from affordance_grasp.control.motion.clearance import APART, STANDING_FRAMES
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import Unreachable
from affordance_grasp.geometry import Floats, invert, transform_points
from affordance_grasp.scene.obstacles import CELL_M, Obstacles

RADIUS_STEP_M = 0.01
LOAD_STEP_M = 0.02
LOAD_RADIUS_M = LOAD_STEP_M * np.sqrt(3) / 2
REACH_CELLS = 12
STEP_M = 0.015
CLOSING_STEPS = 4
LOAD = "the object in the gripper"


@dataclass(frozen=True, eq=False)
class Spheres:
    """M spheres that cover a body.

    ``frame`` (M,): index of the joint that moves each; ``center`` (M, 3) [m] in the frame that it
    moves; ``radius_m`` (M,).
    """

    frame: NDArray[np.int_]
    center: Floats
    radius_m: Floats

    def at(self, frames: Floats) -> Floats:
        """Middles (N, M, 3) [m] in the base, from joint frames (N, J, 4, 4)."""
        middles = np.empty((len(frames), len(self.frame), 3))
        for joint in np.unique(self.frame):
            of, T = self.frame == joint, frames[:, joint]
            middles[:, of] = self.center[of] @ T[:, :3, :3].swapaxes(1, 2) + T[:, None, :3, 3]
        return middles

    def where(self, rows: NDArray[np.bool_]) -> "Spheres":
        """Some of the spheres."""
        return Spheres(self.frame[rows], self.center[rows], self.radius_m[rows])


NOTHING = Spheres(np.zeros(0, int), np.zeros((0, 3)), np.zeros(0))


def cover(shapes: tuple[LinkShape, ...]) -> Spheres:
    """Spheres that contain every moving shape."""
    moving = [shape for shape in shapes if shape.frame not in STANDING_FRAMES]
    parts = [_cover(shape) for shape in moving]
    frames = np.repeat([shape.frame for shape in moving], [len(centers) for centers, _ in parts])
    centers = [
        transform_points(shape.T_link_shape, centers)
        for shape, (centers, _) in zip(moving, parts, strict=True)
    ]
    radii = [np.full(len(centers), radius) for centers, radius in parts]
    return Spheres(frames.astype(int), np.concatenate(centers), np.concatenate(radii))


def _cover(shape: LinkShape) -> tuple[Floats, float]:
    """Middles (M, 3) [m] in the shape's frame and one radius [m]."""
    half = np.array(shape.half_size)
    if shape.kind == "sphere":
        return np.zeros((1, 3)), float(half[0])
    cell = min(max(half.min(), 0.012), 0.016)
    count = np.maximum(np.ceil(half / cell - 1e-9), 1).astype(int)
    if shape.kind == "cylinder":
        count[:2] = 1
        count[2] = max(ceil(half[2] / half[0] * 2 - 1e-9), 1)
    side = half / count
    axes = [np.linspace(-h + s, h - s, n) for h, s, n in zip(half, side, count, strict=True)]
    centers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    across = half[0] if shape.kind == "cylinder" else float(np.hypot(side[0], side[1]))
    return centers, float(np.hypot(across, side[2]))


def fill(thing: Obstacles, table_z_m: float) -> Floats:
    """Points (N, 3) [m] about ``LOAD_STEP_M`` apart in all columns of a thing, none inside it."""
    coarse = np.unique(np.round(thing.top_base / LOAD_STEP_M), axis=0) * LOAD_STEP_M
    count = np.maximum(np.ceil((coarse[:, 2] - table_z_m) / LOAD_STEP_M), 1).astype(int)
    level = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    points = np.repeat(coarse, count, axis=0)
    points[:, 2] -= LOAD_STEP_M * level
    return points[~_inside(np.round(points / LOAD_STEP_M).astype(int))]


def _inside(cells: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Which cells (N, 3) have others on all six sides."""
    at = tuple((cells - cells.min(axis=0, initial=0) + 1).T)
    full = np.zeros([2 + i.max(initial=0) for i in at], bool)
    full[at] = True
    return np.asarray(binary_erosion(full)[at])


@dataclass(eq=False)
class Columns:
    """Columns as heights over a grid, enlarged by spheres on demand."""

    obstacles: Obstacles
    clearance_m: float
    _enlarged: dict[int, Floats] = field(default_factory=dict)

    @cached_property
    def _corner(self) -> NDArray[np.int_]:
        return np.asarray(self._cells.min(axis=0) - REACH_CELLS)

    @cached_property
    def _cells(self) -> NDArray[np.int_]:
        return np.floor(self.obstacles.top_base[:, :2] / CELL_M).astype(int)

    @cached_property
    def _heights(self) -> Floats:
        heights = np.full(self._cells.max(axis=0) + REACH_CELLS + 1 - self._corner, -np.inf)
        at = tuple((self._cells - self._corner).T)
        np.maximum.at(heights, at, self.obstacles.top_base[:, 2])
        return heights

    def touched(self, middles: Floats, radius_m: Floats) -> NDArray[np.bool_]:
        """Which spheres, middles (N, M, 3) and radii (M,) [m], come nearer than the clearance."""
        hit = np.zeros(middles.shape[:2], bool)
        if not len(self.obstacles.thing):
            return hit
        reach_m = radius_m + self.clearance_m
        low = middles[..., 2] - reach_m < self.obstacles.top_base[:, 2].max()
        sizes = np.ceil(reach_m / RADIUS_STEP_M - 1e-6).astype(int)
        for size in np.unique(sizes):
            n, m = np.nonzero(low & (sizes == size))
            cell = np.floor(middles[n, m, :2] / CELL_M).astype(int) - self._corner
            on = ((cell >= 0) & (cell < self._heights.shape)).all(axis=1)
            n, m, cell = n[on], m[on], cell[on]
            if not len(n):
                continue
            hit[n, m] = middles[n, m, 2] < self._enlarge(int(size))[cell[:, 0], cell[:, 1]]
        return hit

    def _enlarge(self, size: int) -> Floats:
        """Heights below which the middle of a sphere of ``size`` radius steps touches a column."""
        if size not in self._enlarged:
            radius, heights = size * RADIUS_STEP_M, self._heights
            reach, (rows, columns) = int(radius / CELL_M), heights.shape
            out = np.full(heights.shape, -np.inf)
            for i, j in product(range(-reach, reach + 1), repeat=2):
                rise = radius**2 - (i * i + j * j) * CELL_M**2
                if rise < 0:
                    continue
                to = slice(max(i, 0), rows + min(i, 0)), slice(max(j, 0), columns + min(j, 0))
                source = heights[max(-i, 0) : rows - max(i, 0), max(-j, 0) : columns - max(j, 0)]
                np.maximum(out[to], source + np.sqrt(rise), out=out[to])
            self._enlarged[size] = out
        return self._enlarged[size]


def own_spheres(robot: RobotConfig, q: Floats) -> tuple[Floats, Floats]:
    """Middles (M, 3) [m] in the base and radii (M,) [m] that cover the robot with open fingers."""
    spheres = cover(robot.body_with_gripper(robot.gripper.max_width_m).shapes)
    return spheres.at(joint_frames(robot.arm, q)[None])[0], spheres.radius_m


@dataclass(frozen=True, eq=False)
class Passage:
    """The robot, and what it carries, among the columns that all of it must keep away from."""

    robot: RobotConfig
    columns: Columns
    arm: Spheres
    hand: Spheres
    load: Spheres

    def check(self, q: Floats, stage: str, spare_m: float = 0.0) -> None:
        """Raise :class:`Unreachable` where a path (N, J) [rad] comes too near to anything.

        ``spare_m`` more than the clearance is kept of the columns, and steps are wider by twice as
        much.
        """
        frames = self._dense(q, STEP_M + 2 * spare_m)
        for spheres, what in (
            (self.arm, "the arm"),
            (self.hand, "the gripper"),
            (self.load, LOAD),
        ):
            refuse(self.columns, spheres, frames, stage, what, spare_m=spare_m)
        if len(self.load.frame):
            self._check_load(frames, stage)

    def _check_load(self, frames: Floats, stage: str) -> None:
        """What is carried touches neither the table nor the links that do not carry it."""
        middles, settings = self.load.at(frames), self.robot.settings
        if middles[..., 2].min() - LOAD_RADIUS_M < settings.table_z_m:
            raise Unreachable(Reason.TABLE, f"on the {stage} {LOAD} would touch the table")
        links = self.arm.where(self.arm.frame <= self.robot.arm.dof - 1 - APART)
        gap_m = settings.self_clearance_m + LOAD_RADIUS_M + links.radius_m
        center, at = middles.mean(axis=1, keepdims=True), links.at(frames)
        size_m = np.linalg.norm(middles[0] - center[0], axis=-1).max()
        for n in np.flatnonzero((_apart_m(at, center) < gap_m + size_m).any(axis=1)):
            if (_apart_m(middles[n][:, None], at[n]) < gap_m).any():
                raise Unreachable(Reason.PATH, f"on the {stage} {LOAD} would touch the arm")

    def _dense(self, q: Floats, step_m: float) -> Floats:
        """Joint frames (N, J, 4, 4) so dense that no sphere at the tip moves more than a step."""
        tip = self.load if len(self.load.frame) else self.hand
        frames = joint_frames(self.robot.arm, q)
        moved = np.linalg.norm(np.diff(tip.at(frames), axis=0), axis=-1).max(axis=1)
        at = np.concatenate([[0], np.cumsum(np.maximum(np.ceil(moved / step_m), 1))])
        if at[-1] == len(moved):
            return frames
        fine = np.arange(at[-1] + 1)
        dense = np.stack([np.interp(fine, at, joint) for joint in q.T], axis=1)
        return joint_frames(self.robot.arm, dense)


def _apart_m(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.linalg.norm(first - second, axis=-1))


class Surroundings:
    """What a pick must not touch; remembers enlarged columns from grasp to grasp."""

    def __init__(self, obstacles: Obstacles, robot: RobotConfig) -> None:
        self.obstacles, self._robot = obstacles, robot
        self._arm = cover(robot.body.shapes)
        self._columns: dict[int, Columns] = {}
        self._hands: dict[float, Spheres] = {}

    def check_hand(self, T_base_tcp: Floats, width_m: float, open_width_m: float) -> None:
        """Raise :class:`Unreachable` where the hand cannot descend, close and rise.

        That is the same for every configuration of the arm. The object itself does not count:
        candidates are made so that the hand fits around it.
        """
        robot, others = self._robot, self._of(self._target(T_base_tcp))
        T_last_tcp = robot.arm.T_last_tip @ robot.gripper.T_tool0_tcp(width_m)
        T_base_last = T_base_tcp @ invert(T_last_tcp)
        back_m = -robot.settings.standoff_m * T_base_tcp[:3, 2]
        down, opened = self._straight(T_base_last, back_m)[::-1], self._hand(open_width_m)
        refuse(others, opened, down, "descent", "the gripper")
        for opening_m in np.linspace(width_m, open_width_m, CLOSING_STEPS)[:-1]:
            hand = self._hand(float(opening_m))
            refuse(others, hand, down[-1:], "closing", "the gripper")
        up = self._straight(T_base_last, np.array([0.0, 0.0, robot.settings.lift_m]))
        refuse(others, self._hand(width_m), up, "lift", "the gripper")
        refuse(others, self._load(T_base_tcp, T_base_last), up, "lift", LOAD)

    def check_links(self, descend: Floats, lift: Floats, T_base_tcp: Floats) -> None:
        """Raise :class:`Unreachable` where the arm cannot follow the hand (N, J) [rad].

        On the way down the object itself counts too.
        """
        ways = ((descend, 0, "descent"), (lift, self._target(T_base_tcp), "lift"))
        for q, left_out, stage in ways:
            frames = joint_frames(self._robot.arm, q)
            refuse(self._of(left_out), self._arm, frames, stage, "the arm")

    def coming(self, width_m: float) -> Passage:
        """The robot with its fingers ``width_m`` apart, on its way to an object."""
        return Passage(self._robot, self._of(0), self._arm, self._hand(width_m), NOTHING)

    def carrying(self, T_base_tcp: Floats, width_m: float, opening_m: float) -> Passage:
        """The robot with the object that it holds as it was at closure.

        Args:
            T_base_tcp: (4, 4) pose at closure.
            width_m: distance of the fingertips at closure.
            opening_m: their distance now.
        """
        T_last_tcp = self._robot.arm.T_last_tip @ self._robot.gripper.T_tool0_tcp(width_m)
        load = self._load(T_base_tcp, T_base_tcp @ invert(T_last_tcp))
        others = self._of(self._target(T_base_tcp))
        return Passage(self._robot, others, self._arm, self._hand(opening_m), load)

    def _target(self, T_base_tcp: Floats) -> int:
        return self.obstacles.thing_at(T_base_tcp[:3, 3])

    def _of(self, left_out: int) -> Columns:
        if left_out not in self._columns:
            clearance_m = self._robot.settings.obstacle_clearance_m
            kept = self.obstacles.where(self.obstacles.thing != left_out)
            self._columns[left_out] = Columns(kept, clearance_m)
        return self._columns[left_out]

    def _hand(self, width_m: float) -> Spheres:
        if width_m not in self._hands:
            shapes = self._robot.body_with_gripper(width_m).shapes
            self._hands[width_m] = cover(shapes[len(self._robot.body.shapes) :])
        return self._hands[width_m]

    def _load(self, T_base_tcp: Floats, T_base_last: Floats) -> Spheres:
        """Spheres around the object; what is too near to something already comes no nearer."""
        target = self._target(T_base_tcp)
        arm, others = self._robot.arm, self._of(target)
        middles = fill(self.obstacles.seen_of(target), self._robot.settings.table_z_m)
        radii = np.full(len(middles), LOAD_RADIUS_M)
        while (near := others.touched(middles[None], radii)[0]).any():
            radii[near] -= RADIUS_STEP_M
            kept = radii > -others.clearance_m
            middles, radii = middles[kept], radii[kept]
        center = transform_points(invert(T_base_last), middles)
        return Spheres(np.full(len(center), arm.dof - 1), center, radii)

    def _straight(self, T_base_last: Floats, move_m: Floats) -> Floats:
        """Joint frames (N, J, 4, 4), of which only the last is set, on a line from a pose."""
        count = ceil(np.linalg.norm(move_m) / STEP_M)
        frames = np.zeros((count + 1, self._robot.arm.dof, 4, 4))
        frames[:, -1] = T_base_last
        frames[:, -1, :3, 3] += np.linspace(0, 1, count + 1)[:, None] * move_m
        return frames


def refuse(
    columns: Columns,
    spheres: Spheres,
    frames: Floats,
    stage: str,
    what: str,
    *,
    spare_m: float = 0.0,
) -> None:
    """Raise :class:`Unreachable` where spheres, at joint frames (N, J, 4, 4), touch columns."""
    middles = spheres.at(frames)
    hit = columns.touched(middles, spheres.radius_m + spare_m)
    if hit.any():
        x, y, z = middles[hit][0]
        raise Unreachable(
            Reason.OBSTACLE,
            f"on the {stage} {what} would come within {columns.clearance_m * 1e3:.0f} mm of "
            f"what stands on the table, near ({x:.2f}, {y:.2f}, {z:.2f}) m; move it aside",
        )
