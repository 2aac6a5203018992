"""The path of one pick through joint space, checked densely; timing comes later."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.inverse import follow, inverse, within_limits
from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.motion.clearance import Body, self_gap_m, shape_poses, table_gap_m
from affordance_grasp.control.motion.detour import Check, Detours, is_free, joint_line
from affordance_grasp.control.motion.obstruction import Passage, Surroundings
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import InvalidInput, Unreachable
from affordance_grasp.geometry import Floats, invert, pose

HALF_TURN = pose(Rotation.from_euler("z", np.pi).as_matrix().round())
COMFORT_RAD = 0.25
MARGIN_WEIGHT = 2.0
CLOSING_STEPS = 6
CLOSE_STEP_M = 0.001
SQUEEZE_M = 0.006
BRANCHES = 3
"""Configurations at the grasp for which ways round are searched."""
NEAR_M = 1e-3


@dataclass(frozen=True, eq=False)
class JointPath:
    """Waypoints (N, J) [rad] of the four stages of a pick, each starting where the last ended.

    ``T_base_tcp`` is the pose at closure that is executed: the one asked for, or the same grasp
    turned by pi about the approach.
    """

    approach: Floats
    descend: Floats
    lift: Floats
    retreat: Floats
    T_base_tcp: Floats
    open_width_m: float


def find_path(
    robot: RobotConfig,
    q_now: Floats,
    T_base_tcp: Floats,
    width_m: float,
    around: Surroundings | None = None,
    *,
    opening_m: float = 0.0,
    detours: Detours | None = None,
) -> JointPath:
    """The best configuration for a grasp and the checked path there and back.

    Inverse kinematics of both turns of the gripper is tried in the order of joint travel from
    ``q_now`` and margin to the joint limits. The motions to the pregrasp and home are straight in
    joint space where that is free for any configuration; else ``detours`` searches ways round for
    the first few. Raises :class:`Unreachable` with the reason that stopped the first
    configuration.
    """
    T, width_m = _checked(robot, T_base_tcp, width_m)
    open_width_m = _opened_m(robot, width_m, opening_m)
    _check_closing(robot, T, width_m, open_width_m)
    if around is not None:
        around.check_hand(T, width_m, open_width_m)
    count = (lambda: None) if detours is None else detours.count_path
    count()
    T_tcp_tool0 = invert(robot.gripper.T_tool0_tcp(width_m))
    failures: list[Unreachable] = []
    blocked: list[tuple[JointPath, _Checks]] = []
    of_turn: dict[bytes, _Checks] = {}  # many configurations, but two poses: what each needs, once
    for q_grasp, T_grasp in _configurations(robot, q_now, T, T_tcp_tool0):
        checks = of_turn.setdefault(
            T_grasp.tobytes(), _Checks(robot, around, T_grasp, width_m, open_width_m)
        )
        try:
            checks.at_grasp(q_grasp)
            count()
            stages = _stages(robot, q_now, q_grasp, T_grasp @ T_tcp_tool0)
            path = JointPath(*stages, T_grasp, open_width_m)
            checks.straights(path.descend, path.lift)
            blocked.append((path, checks))
            checks.approach(path.approach)
            checks.retreat(path.retreat)
        except Unreachable as error:
            failures.append(error)
            continue
        return path
    if detours is None:
        raise failures[0]
    for path, checks in blocked[:BRANCHES]:
        round_about = _round(path, checks, detours)
        if round_about is not None:
            return round_about
    raise Unreachable(failures[0].reason, f"{failures[0]}{detours.remark}")


@dataclass(frozen=True, eq=False)
class _Checks:
    """What each stage of a pick at one pose must keep to; all raise ``Unreachable``."""

    robot: RobotConfig
    around: Surroundings | None
    T_base_tcp: Floats
    width_m: float
    open_width_m: float

    @cached_property
    def _opened(self) -> tuple[Body, Passage | None]:
        passage = None if self.around is None else self.around.coming(self.open_width_m)
        return self.robot.body_with_gripper(self.open_width_m), passage

    @cached_property
    def _closed(self) -> tuple[Body, Passage | None]:
        width_m, passage = self.width_m, None
        if self.around is not None:
            passage = self.around.carrying(self.T_base_tcp, width_m, width_m)
        return self.robot.body_with_gripper(width_m), passage

    def at_grasp(self, q: Floats) -> None:
        """Whether the arm can stand there; asked first, as paths cost ten times as much."""
        _check_clear(self.robot, self._opened[0], q[None], "grasp")
        if self.around is not None:
            self.around.check_links(q[None], q[None], self.T_base_tcp)

    def approach(self, q: Floats, spare_m: float = 0.0) -> None:
        body, passage = self._opened
        _check_clear(self.robot, body, q, "path to the grasp", spare_m)
        if passage is not None:
            passage.check(q, "approach", spare_m)

    def retreat(self, q: Floats, spare_m: float = 0.0) -> None:
        body, passage = self._closed
        _check_clear(self.robot, body, q, "path back", spare_m)
        if passage is not None:
            passage.check(q, "way home", spare_m)

    def straights(self, descend: Floats, lift: Floats) -> None:
        _check_clear(self.robot, self._opened[0], descend, "path to the grasp")
        _check_clear(self.robot, self._closed[0], lift, "path back")
        _check_workspace(self.robot, np.vstack([descend, lift]), self.width_m)
        if self.around is not None:
            self.around.check_links(descend, lift, self.T_base_tcp)


def _round(path: JointPath, checks: _Checks, detours: Detours) -> JointPath | None:
    """The same straight stages, between others to the pregrasp and home; None: there are none."""
    legs = ((path.approach, checks.approach), (path.retreat, checks.retreat))
    ends = ((line[i : i + 1], check) for line, check in legs for i in (0, len(line) - 1))
    if not all(is_free(check, end) for end, check in ends):
        return None
    found: list[Floats] = []
    for line, check in legs:
        bounded = _contained(checks, line[[0, -1]], check)
        leg = line if is_free(check, line) else detours.around(line, bounded)
        if leg is None:
            return None
        found.append(leg)
    return replace(path, approach=found[0], retreat=found[1])


def _contained(checks: _Checks, ends: Floats, check: Check) -> Check:
    """The same, and that the tcp stays in the workspace, or no farther out than at the ends."""
    robot = checks.robot
    T_tool0_tcp = robot.gripper.T_tool0_tcp(checks.width_m)
    at_ends = (forward(robot.arm, ends) @ T_tool0_tcp)[:, :3, 3]
    low = np.minimum(robot.settings.workspace_min_m, at_ends.min(axis=0)) - NEAR_M
    high = np.maximum(robot.settings.workspace_max_m, at_ends.max(axis=0)) + NEAR_M

    def checked(q: Floats, spare_m: float) -> None:
        tcp = (forward(robot.arm, q) @ T_tool0_tcp)[:, :3, 3]
        if ((tcp < low) | (tcp > high)).any() or not within_limits(robot.arm, q).all():
            raise Unreachable(Reason.PATH, "a way round leaves the workspace or the joint limits")
        check(q, spare_m)

    return checked


def _checked(robot: RobotConfig, T_base_tcp: Floats, width_m: float) -> tuple[Floats, float]:
    T = np.asarray(T_base_tcp, float)
    if T.shape != (4, 4) or not np.isfinite(T).all() or not np.isfinite(width_m) or width_m < 0:
        raise InvalidInput("a grasp needs one finite 4x4 pose and a finite width >= 0")
    if width_m > robot.gripper.max_width_m:
        raise Unreachable(
            Reason.TOO_WIDE,
            f"the grasp is {width_m * 1e3:.0f} mm wide and {robot.gripper.name} opens to "
            f"{robot.gripper.max_width_m * 1e3:.0f} mm",
        )
    if _outside(robot, T[:3, 3]):
        low, high = robot.settings.workspace_min_m, robot.settings.workspace_max_m
        where = ", ".join(f"{x:.4g}" for x in T[:3, 3])
        raise Unreachable(
            Reason.NO_IK, f"the grasp at ({where}) m lies outside the workspace {low} .. {high} m"
        )
    return T, robot.gripper.clamp_width(width_m)


def _opened_m(robot: RobotConfig, width_m: float, opening_m: float) -> float:
    """The opening [m] with which the hand descends: as asked; 0: by the gripper's clearance."""
    if opening_m == 0:
        return robot.gripper.open_width_m(width_m)
    if not np.isfinite(opening_m) or opening_m < width_m:
        raise InvalidInput(
            f"a hand opened to {opening_m * 1e3:.1f} mm cannot come down around what is "
            f"{width_m * 1e3:.1f} mm wide; an opening is wider than the grasp, or 0: not given"
        )
    return robot.gripper.clamp_width(opening_m)


def check_path(robot: RobotConfig, q: Floats, width_m: float) -> None:
    """Raise :class:`Unreachable` unless a joint path (N, J) [rad] planned elsewhere is free.

    It must keep the joint limits and, with the fingers ``width_m`` apart, the clearances.
    """
    if not within_limits(robot.arm, q).all():
        raise Unreachable(Reason.JOINT_LIMIT, "the planned path leaves the joint limits")
    _check_clear(robot, robot.body_with_gripper(width_m), q, "planned path")


def _outside(robot: RobotConfig, points_base: Floats) -> bool:
    """Whether any of the points (..., 3) [m] lies outside the box where the tcp may be sent."""
    low, high = robot.settings.workspace_min_m, robot.settings.workspace_max_m
    return bool(((points_base < low) | (points_base > high)).any())


def _check_workspace(robot: RobotConfig, q: Floats, width_m: float) -> None:
    """On the straight paths to the grasp and up from it the tcp stays in the workspace."""
    T_base_tcp = forward(robot.arm, q) @ robot.gripper.T_tool0_tcp(width_m)
    if _outside(robot, T_base_tcp[:, :3, 3]):
        raise Unreachable(
            Reason.PATH, "the straight path to the grasp or up from it leaves the workspace"
        )


def close_width_m(robot: RobotConfig, T_base_tcp: Floats, width_m: float) -> float:
    """Width [m] to which the fingers may close at a grasp whose path was found.

    With nothing between them they stop before their tips, which move down an arc while closing,
    come too near to the table.
    """
    T_base_tool0 = T_base_tcp @ invert(robot.gripper.T_tool0_tcp(width_m))
    shut_m, fine_m = robot.gripper.min_width_m, _squeezed_m(robot, width_m)
    for opening_m in (*np.arange(fine_m, shut_m, -CLOSE_STEP_M), shut_m):
        if _lowest_m(robot, T_base_tool0, opening_m) < robot.settings.tip_clearance_m:
            break
        fine_m = float(opening_m)
    return fine_m


def _check_closing(robot: RobotConfig, T: Floats, width_m: float, open_width_m: float) -> None:
    """The tips, which move down an arc while closing, stay clear of the table."""
    T_base_tool0 = T @ invert(robot.gripper.T_tool0_tcp(width_m))
    openings_m = np.linspace(_squeezed_m(robot, width_m), open_width_m, CLOSING_STEPS)
    lowest_m = min(_lowest_m(robot, T_base_tool0, opening_m) for opening_m in openings_m)
    if lowest_m < robot.settings.tip_clearance_m:
        raise Unreachable(
            Reason.TABLE,
            f"the gripper would come to {lowest_m * 1e3:.1f} mm above the table while closing; at "
            f"least {robot.settings.tip_clearance_m * 1e3:.1f} mm is required",
        )


def _squeezed_m(robot: RobotConfig, width_m: float) -> float:
    """The closing target [m] that at least is needed to squeeze an object of this width."""
    return max(robot.gripper.min_width_m, width_m - SQUEEZE_M)


def _lowest_m(robot: RobotConfig, T_base_tool0: Floats, opening_m: float) -> float:
    """Height of the gripper's lowest point above the table at an opening."""
    T_base_opening = T_base_tool0 @ robot.gripper.T_tool0_tcp(opening_m)
    heights_m = []
    for box in robot.gripper.boxes(opening_m):
        extent_m = np.abs(T_base_opening[2, :3]) @ np.array(box.half_size_m)
        center_m = T_base_opening[2, :3] @ np.array(box.center_m) + T_base_opening[2, 3]
        heights_m.append(center_m - extent_m)
    return float(min(heights_m)) - robot.settings.table_z_m


def _configurations(
    robot: RobotConfig, q_now: Floats, T: Floats, T_tcp_tool0: Floats
) -> list[tuple[Floats, Floats]]:
    """Configurations within the limits, each with its tcp pose, least cost first; at least one."""
    arm = robot.arm
    scored: list[tuple[float, Floats, Floats]] = []
    found = 0
    for T_grasp in (T, T @ HALF_TURN):
        solutions = inverse(arm, T_grasp @ T_tcp_tool0, q_now)
        found += len(solutions)
        for q in solutions[within_limits(arm, solutions)]:
            travel = np.abs(q - q_now).max()
            margin = np.minimum(q - arm.lower, arm.upper - q).min()
            cost = travel + MARGIN_WEIGHT * max(0.0, COMFORT_RAD - margin)
            scored.append((float(cost), q, T_grasp))
    if not found:
        raise Unreachable(Reason.NO_IK, "inverse kinematics has no solution at the grasp")
    if not scored:
        raise Unreachable(
            Reason.JOINT_LIMIT,
            f"all {found} solutions at the grasp lie beyond the joint limits",
        )
    return [(q, T_grasp) for _, q, T_grasp in sorted(scored, key=lambda entry: entry[0])]


def _stages(
    robot: RobotConfig, q_now: Floats, q_grasp: Floats, T_base_tool0: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    settings = robot.settings
    back = -settings.standoff_m * T_base_tool0[:3, 2]
    out = _straight(robot, q_grasp, T_base_tool0, back, "approach")
    lift = _straight(robot, q_grasp, T_base_tool0, np.array([0, 0, settings.lift_m]), "lift")
    approach = joint_line(q_now, out[-1], settings.path_step_rad)
    retreat = joint_line(lift[-1], robot.home_q, settings.path_step_rad)
    return approach, out[::-1], lift, retreat


def _straight(
    robot: RobotConfig, q_grasp: Floats, T_base_tool0: Floats, move_m: Floats, name: str
) -> Floats:
    """Configurations along a straight line of the tool from the grasp, all on its branch."""
    count = int(np.ceil(np.linalg.norm(move_m) / robot.settings.path_step_m))
    poses = np.tile(T_base_tool0, (count, 1, 1))
    poses[:, :3, 3] += np.arange(1, count + 1)[:, None] / count * move_m
    q = follow(robot.arm, poses, q_grasp, robot.settings.max_jump_rad)
    lost = np.isnan(q).any(axis=1)
    if lost.any():
        done_m = lost.argmax() / count * np.linalg.norm(move_m)
        raise Unreachable(
            Reason.PATH, f"the straight {name} breaks off {done_m * 1e3:.0f} mm from the grasp"
        )
    if not within_limits(robot.arm, q).all():
        raise Unreachable(Reason.JOINT_LIMIT, f"the straight {name} runs into a joint limit")
    return np.vstack([q_grasp, q])


def _check_clear(
    robot: RobotConfig, body: Body, q: Floats, name: str, spare_m: float = 0.0
) -> None:
    """Table and self clearance all along a path, with so much to spare."""
    T_base_shape = shape_poses(body, joint_frames(robot.arm, q))
    gap_m = table_gap_m(body, T_base_shape, robot.settings.table_z_m).min()
    if gap_m < spare_m:
        raise Unreachable(
            Reason.TABLE, f"on the {name} the robot comes {-gap_m * 1e3:.0f} mm too low"
        )
    if self_gap_m(body, T_base_shape).min() < robot.settings.self_clearance_m + spare_m:
        raise Unreachable(Reason.PATH, f"on the {name} the robot touches itself")
