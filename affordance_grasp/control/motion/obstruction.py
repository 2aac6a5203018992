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

from affordance_grasp.control.arm.kinematics import joint_frames
from affordance_grasp.control.arm.urdf import LinkShape
from affordance_grasp.control.motion.clearance import STANDING_FRAMES
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import Unreachable
from affordance_grasp.geometry import Floats, invert, transform_points
from affordance_grasp.scene.obstacles import CELL_M, Obstacles

RADIUS_STEP_M = 0.01
LOAD_STEP_M = 0.02
REACH_CELLS = 12
STEP_M = 0.015
CLOSING_STEPS = 4
LOAD = "the object in the gripper"


@dataclass(frozen=True, eq=False)
class PickStages:
    """Configurations (N, J) [rad] of the four stages of a pick, and its openings [m]."""

    approach: Floats
    descend: Floats
    lift: Floats
    retreat: Floats
    T_base_tcp: Floats
    width_m: float
    open_width_m: float


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
    """Points (N, 3) [m] about ``LOAD_STEP_M`` apart in all columns of a thing."""
    coarse = np.unique(np.round(thing.top_base / LOAD_STEP_M), axis=0) * LOAD_STEP_M
    count = np.maximum(np.ceil((coarse[:, 2] - table_z_m) / LOAD_STEP_M), 1).astype(int)
    level = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    points = np.repeat(coarse, count, axis=0)
    points[:, 2] -= LOAD_STEP_M * level
    return points


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


class Surroundings:
    """What a pick must not touch; remembers enlarged columns from grasp to grasp."""

    def __init__(self, obstacles: Obstacles, robot: RobotConfig) -> None:
        """Of one frame and robot."""
        self.obstacles, self._robot = obstacles, robot
        self._arm = cover(robot.body.shapes)
        self._columns: dict[int, Columns] = {}
        self._hands: dict[float, Spheres] = {}

    def check_hand(self, T_base_tcp: Floats, width_m: float, open_width_m: float) -> None:
        """Raise :class:`Unreachable` where the hand cannot descend, close and rise.

        That is the same for every configuration of the arm. The object itself does not count:
        candidates are made so that the hand fits around it.
        """
        robot, others = self._robot, self._of(self.obstacles.thing_at(T_base_tcp[:3, 3]))
        T_last_tcp = robot.arm.T_last_tip @ robot.gripper.T_tool0_tcp(width_m)
        T_base_last = T_base_tcp @ invert(T_last_tcp)
        back_m = -robot.settings.standoff_m * T_base_tcp[:3, 2]
        down, opened = self._straight(T_base_last, back_m)[::-1], self._hand(open_width_m)
        self._refuse(others, opened, down, "descent", "the gripper")
        for opening_m in np.linspace(width_m, open_width_m, CLOSING_STEPS)[:-1]:
            hand = self._hand(float(opening_m))
            self._refuse(others, hand, down[-1:], "closing", "the gripper")
        up = self._straight(T_base_last, np.array([0.0, 0.0, robot.settings.lift_m]))
        self._refuse(others, self._hand(width_m), up, "lift", "the gripper")
        self._refuse(others, self._load(T_base_tcp, T_base_last), up, "lift", LOAD)

    def check_arm(self, path: PickStages) -> None:
        """Raise :class:`Unreachable` where the arm, or on a free path what it holds, cannot pass.

        On the way to the grasp the object itself counts too.
        """
        everything, others = self._of(0), self._of(self.obstacles.thing_at(path.T_base_tcp[:3, 3]))
        opened, closed = self._hand(path.open_width_m), self._hand(path.width_m)
        approach = self._motion(path.approach, opened)
        self._refuse(everything, self._arm, approach, "approach", "the arm")
        self._refuse(everything, opened, approach, "approach", "the gripper")
        descend, lift = (joint_frames(self._robot.arm, q) for q in (path.descend, path.lift))
        self._refuse(everything, self._arm, descend, "descent", "the arm")
        self._refuse(others, self._arm, lift, "lift", "the arm")
        load = self._load(path.T_base_tcp, descend[-1, -1])
        retreat = self._motion(path.retreat, load if len(load.frame) else closed)
        for spheres, what in ((self._arm, "the arm"), (closed, "the gripper"), (load, LOAD)):
            self._refuse(others, spheres, retreat, "way home", what)

    def check_free(self, q: Floats, T_base_tcp: Floats, width_m: float, carried: bool) -> None:
        """Raise :class:`Unreachable` where a path (N, J) [rad] planned elsewhere comes too near.

        Args:
            q: the path.
            T_base_tcp: (4, 4) pose at closure of the grasp that it belongs to.
            width_m: distance of the fingertips.
            carried: the object is in the gripper, as it was at closure.
        """
        robot, others = self._robot, self._of(self.obstacles.thing_at(T_base_tcp[:3, 3]))
        hand = self._hand(width_m)
        T_last_tcp = robot.arm.T_last_tip @ robot.gripper.T_tool0_tcp(width_m)
        load = self._load(T_base_tcp, T_base_tcp @ invert(T_last_tcp))
        moved = [(self._arm, "the arm"), (hand, "the gripper"), *([(load, LOAD)] * carried)]
        frames = self._motion(q, load if carried and len(load.frame) else hand)
        for spheres, what in moved:
            self._refuse(others, spheres, frames, "planned path", what)

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
        """Spheres around the object, but for those that stand too near to something already."""
        target = self.obstacles.thing_at(T_base_tcp[:3, 3])
        arm, others = self._robot.arm, self._of(target)
        middles = fill(self.obstacles.seen_of(target), self._robot.settings.table_z_m)
        radii = np.full(len(middles), LOAD_STEP_M * np.sqrt(3) / 2)
        free = ~others.touched(middles[None], radii)[0]
        center = transform_points(invert(T_base_last), middles[free])
        return Spheres(np.full(len(center), arm.dof - 1), center, radii[free])

    def _straight(self, T_base_last: Floats, move_m: Floats) -> Floats:
        """Joint frames (N, J, 4, 4), of which only the last is set, on a line from a pose."""
        count = ceil(np.linalg.norm(move_m) / STEP_M)
        frames = np.zeros((count + 1, self._robot.arm.dof, 4, 4))
        frames[:, -1] = T_base_last
        frames[:, -1, :3, 3] += np.linspace(0, 1, count + 1)[:, None] * move_m
        return frames

    def _motion(self, q: Floats, tip: Spheres) -> Floats:
        """Joint frames (N, J, 4, 4) so dense that no sphere of ``tip`` moves more than a step."""
        frames = joint_frames(self._robot.arm, q)
        moved = np.linalg.norm(np.diff(tip.at(frames), axis=0), axis=-1).max(axis=1)
        at = np.concatenate([[0], np.cumsum(np.maximum(np.ceil(moved / STEP_M), 1))])
        if at[-1] == len(moved):
            return frames
        fine = np.arange(at[-1] + 1)
        dense = np.stack([np.interp(fine, at, joint) for joint in q.T], axis=1)
        return joint_frames(self._robot.arm, dense)

    def _refuse(
        self, columns: Columns, spheres: Spheres, frames: Floats, stage: str, what: str
    ) -> None:
        middles = spheres.at(frames)
        hit = columns.touched(middles, spheres.radius_m)
        if hit.any():
            x, y, z = middles[hit][0]
            raise Unreachable(
                Reason.OBSTACLE,
                f"on the {stage} {what} would come within {columns.clearance_m * 1e3:.0f} mm of "
                f"what stands on the table, near ({x:.2f}, {y:.2f}, {z:.2f}) m; move it aside",
            )
