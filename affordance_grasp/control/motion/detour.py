"""Ways round what blocks the straight joint path between two configurations.

RRT-Connect (Kuffner and LaValle 2000, OMPL's) finds a path of straight pieces, which is shortened,
rounded off at its corners, and checked again as a whole.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np

from affordance_grasp.control.arm.inverse import classify
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import MissingPackage, Unreachable
from affordance_grasp.extras import require
from affordance_grasp.geometry import Floats

WANTED_BY = "a way round an obstacle"
BUDGET = 12_000
"""Configurations that may be checked for one frame's grasps, or for one pick."""
PATHS = {"three_parallel": 1_000, "numeric": 200}
"""Inverse kinematics and straight paths to a configuration that may be sought for one frame's
grasps, by the arm's solver: 5 to 15 s, or 60 grasps that are blocked however the arm stands."""
SEARCH, SHORTENING = 5_000, 1_500
"""The same for one search, and for shortening what it found."""
SPARE_M = 0.01
"""What is searched keeps so much more than the clearances, for corners to be rounded off."""
SEED = 1
RANGE_RAD = 0.8
ROOM_RAD = 1.2
"""How far beyond its ends a way round may lead each joint."""
TRIES = 20
REUSED = 3
"""How many of the last ways round are tried for the next: those of alike grasps are alike."""
ROUNDING_RAD = (0.8, 0.4, 0.2, 0.1)
"""Lengths of path over which corners are averaged, the first that is free."""
SPACING_RAD = 0.01
_SEARCHING = Lock()  # OMPL's random seed belongs to the process

Check = Callable[[Floats, float], None]
"""Raises :class:`Unreachable` where a path (N, J) [rad] does not keep its clearances and as much
[m] to spare."""


def is_free(check: Check, q: Floats, spare_m: float = 0.0) -> bool:
    """Whether a path (N, J) [rad] keeps its clearances and as much to spare."""
    try:
        check(q, spare_m)
    except Unreachable:
        return False
    return True


def joint_line(q_from: Floats, q_to: Floats, step_rad: float) -> Floats:
    """Configurations (N, J) on a straight joint path, both ends included."""
    count = max(int(np.ceil(np.abs(q_to - q_from).max() / step_rad)), 1)
    return q_from + np.linspace(0, 1, count + 1)[:, None] * (q_to - q_from)


class Detours:
    """Searches that share one budget of checks, so that they end; alike for alike questions."""

    def __init__(self, robot: RobotConfig, budget: int = BUDGET, paths: int | None = None) -> None:
        """Within the robot's joint limits, by the resolution of its settings."""
        self._arm, self._step_rad = robot.arm, robot.settings.path_step_rad
        self._left = budget
        self._paths_left = PATHS[classify(robot.arm)] if paths is None else paths
        self._found: list[Floats] = []
        self.remark = ""
        """What a refusal should say of the searches: empty where there was none."""

    def count_path(self) -> None:
        """One more is sought."""
        self._paths_left -= 1

    @property
    def spent(self) -> bool:
        """Whether no more paths are to be sought."""
        return self._paths_left <= 0

    def around(self, line: Floats, check: Check) -> Floats | None:
        """Another path than a straight one (N, J) [rad] between its ends; None: none was found."""
        corners = self._search(line[[0, -1]], check)
        if corners is None:
            return None
        for window_rad in ROUNDING_RAD:
            path = rounded(corners, window_rad)
            self._left -= len(path)
            if is_free(check, path):
                return path
        return None

    def _search(self, ends: Floats, check: Check) -> Floats | None:
        """Corners (N, J) of a free path of straight pieces between two configurations (2, J)."""
        try:
            ompl = [require(f"ompl.{part}", WANTED_BY) for part in ("base", "geometric", "util")]
        except MissingPackage as error:
            self.remark = f"; {error}"
            return None
        self.remark = "; no way round it was found"
        allowed = min(self._left, SEARCH + SHORTENING)
        if allowed <= 0:
            return None
        checked = _Checked(check, self._step_rad, allowed)
        if not all(checked.free(end, end) for end in ends):
            checked.spare_m = 0.0
        corners = self._like_another(ends, checked)
        if corners is None:
            with _SEARCHING:
                corners = _rrt_connect(ompl, ends, self._bounds(ends), checked)
        self._left -= allowed - checked.left
        if corners is not None:
            self._found.insert(0, corners[1:-1])
        return corners

    def _like_another(self, ends: Floats, checked: "_Checked") -> Floats | None:
        """One of the last corners found, there or back, between these ends."""
        for between in self._found[:REUSED]:
            for middle in (between, between[::-1]):
                corners = np.vstack([ends[:1], middle, ends[1:]])
                if all(checked.free(a, b) for a, b in zip(corners, corners[1:], strict=False)):
                    return corners
        return None

    def _bounds(self, ends: Floats) -> tuple[Floats, Floats]:
        low = np.maximum(ends.min(axis=0) - ROOM_RAD, self._arm.lower)
        return low, np.minimum(ends.max(axis=0) + ROOM_RAD, self._arm.upper)


class _Checked:
    """Whether straight pieces are free, until as many configurations as allowed were checked."""

    def __init__(self, check: Check, step_rad: float, left: int) -> None:
        self._check, self._step_rad, self.left = check, step_rad, left
        self.spare_m = SPARE_M

    def free(self, q_from: Floats, q_to: Floats) -> bool:
        line = joint_line(q_from, q_to, self._step_rad)
        self.left -= len(line)
        return self.left >= 0 and is_free(self._check, line, self.spare_m)


def rounded(corners: Floats, window_rad: float) -> Floats:
    """Points (M, J) along straight pieces whose corners are averaged, twice, over a window.

    Both ends stay; the path leaves the pieces within the window of a corner only, where its
    curvature is continuous.
    """
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1)))
    count = max(int(np.ceil(along[-1] / SPACING_RAD)), 2)
    at = np.linspace(0, along[-1], count + 1)
    fine = np.stack([np.interp(at, along, joint) for joint in corners.T], axis=1)
    reach = max(int(window_rad / (2 * SPACING_RAD)), 1)
    box = np.full(reach + 1, 1 / (reach + 1))
    padded = np.pad(fine, ((reach, reach), (0, 0)), "reflect", reflect_type="odd")
    tent = np.convolve(box, box)
    smooth = np.stack([np.convolve(joint, tent, "valid") for joint in padded.T], axis=1)
    smooth[[0, -1]] = corners[[0, -1]]
    return smooth


def _rrt_connect(
    ompl: Sequence[Any], ends: Floats, bounds: tuple[Floats, Floats], pieces: _Checked
) -> Floats | None:
    """Corners (N, J) of a path between two configurations (2, J), shortened; None: none found."""
    base, geometric, util = ompl
    dof = ends.shape[1]

    class Pieces(base.MotionValidator):  # type: ignore[name-defined]
        def checkMotion(self, a: Any, b: Any) -> bool:
            return pieces.free(np.array(a[0:dof]), np.array(b[0:dof]))

    util.setLogLevel(util.LOG_NONE)
    util.RNG.setSeed(SEED)
    space, limits = base.RealVectorStateSpace(dof), base.RealVectorBounds(dof)
    for joint, (low, high) in enumerate(zip(*bounds, strict=True)):
        limits.setLow(joint, float(low))
        limits.setHigh(joint, float(high))
    space.setBounds(limits)
    information = base.SpaceInformation(space)
    information.setStateValidityChecker(lambda state: True)
    information.setMotionValidator(Pieces(information))
    information.setup()
    problem, states = base.ProblemDefinition(information), [space.allocState() for _ in ends]
    for state, q in zip(states, ends, strict=True):
        state[0:dof] = q.tolist()
    problem.setStartAndGoalStates(*states)
    planner = geometric.RRTConnect(information)
    planner.setRange(RANGE_RAD)
    planner.setProblemDefinition(problem)
    planner.setup()
    planner.solve(base.PlannerTerminationCondition(lambda: pieces.left < SHORTENING))
    if not problem.hasExactSolution():
        return None
    path, shorter = problem.getSolutionPath(), geometric.PathSimplifier(information)
    shorter.reduceVertices(path, TRIES, TRIES)
    shorter.partialShortcutPath(path, TRIES, TRIES)
    shorter.reduceVertices(path, TRIES, TRIES)
    return np.array([path.getState(i)[0:dof] for i in range(path.getStateCount())])
