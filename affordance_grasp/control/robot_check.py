"""What a robot's files describe, how well its arm is solved, and what is missing or wrong."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

import numpy as np

from affordance_grasp.configuration.read import read_settings
from affordance_grasp.control.arm.inverse import classify, inverse, within_limits
from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.arm.link_shapes import load_shapes, rigid_group
from affordance_grasp.control.arm.urdf import (
    MOVING,
    LinkShape,
    SerialArm,
    joined_link,
    load_arm,
    read_urdf,
)
from affordance_grasp.control.camera_mounting import load_hand_eye
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.control.motion.clearance import self_gap_m, shape_poses, table_gap_m
from affordance_grasp.control.motion.pick import reachable
from affordance_grasp.control.robot import RobotConfig, RobotSettings, load_robot, named_file
from affordance_grasp.datatypes import Reason
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.share import find_file

SOLVERS = {
    "three_parallel": "closed form (axes 2, 3, 4 parallel), every branch",
    "numeric": "damped least squares from 64 seeds, those solutions that it finds",
}
UPRIGHT_M, WIDTH_M = 0.03, 0.03
"""Height of the tcp above the table, and width, of the grasps from above of the reach map."""
_PLURAL = {"box": "boxes", "cylinder": "cylinders", "sphere": "spheres"}
T = TypeVar("T")


@dataclass
class RobotReport:
    """What was found: ``facts`` as names and values, and what is missing or wrong in sentences."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    robot: RobotConfig | None = None

    def attempt(self, part: Callable[..., T], *arguments: object) -> T | None:
        """What a part of the check gives; a refusal becomes a line of what is missing."""
        try:
            return part(*arguments)
        except AffordanceGraspError as error:
            self.missing.append(str(error))
            return None


@dataclass(frozen=True, eq=False)
class ReachMap:
    """Grasps from above over the workspace: ``x_m`` (X,), ``y_m`` (Y,) and why each fails.

    ``reasons[i][j]`` is None where the pick at ``x_m[i]``, ``y_m[j]`` can be planned from home
    with the fingers along x or along y.
    """

    x_m: Floats
    y_m: Floats
    reasons: tuple[tuple[Reason | None, ...], ...]

    @property
    def reached(self) -> tuple[int, int]:
        """How many places are reached, and of how many."""
        flat = [reason for row in self.reasons for reason in row]
        return flat.count(None), len(flat)


def check_robot(path: Path | str, base: str = "", tip: str = "", poses: int = 1000) -> RobotReport:
    """Examine a robot's settings file with all that it names, or a URDF alone.

    ``base`` and ``tip`` are the ends of the chain in a URDF; empty: its root, and ``tool0`` or
    else the last link of its longest chain. ``poses``: how many the inverse is tried with.
    """
    report, file = RobotReport(), find_file(path)
    if file.suffix in (".yaml", ".yml"):
        _check_settings(report, file)
        arm = report.robot.arm if report.robot else None
    else:
        root = read_urdf(file)
        ends = base or _root_link(root), tip or _longest_tip(root)
        arm = _check_urdf(report, file, *ends)
        frames = f"base_frame {ends[0]} and tool_frame {ends[1]}"
        report.facts.append(("settings", f"none; a copy of config/aubo_i5.yaml with {frames}"))
    if arm is not None and poses:
        _check_inverse(report, arm, poses)
    if report.robot:
        _check_home(report, report.robot)
    return report


def _check_settings(report: RobotReport, file: Path) -> None:
    settings = report.attempt(read_settings, RobotSettings, file)
    if settings is None:
        return
    with suppress(AffordanceGraspError):  # then part by part: each says what it lacks
        report.robot = load_robot(file)
    urdf = report.attempt(named_file, file, settings.urdf)
    if urdf is not None:
        arm = report.robot.arm if report.robot else None
        _check_urdf(report, urdf, settings.base_frame, settings.tool_frame, arm)
    if report.robot:
        report.facts += _of_robot(report.robot)
        return
    for load, name in ((load_gripper, settings.gripper), (load_hand_eye, settings.hand_eye)):
        named = report.attempt(named_file, file, name)
        if named is not None:
            report.attempt(load, named)
    if not report.missing:
        report.attempt(load_robot, file)


def _check_urdf(
    report: RobotReport, urdf: Path, base: str, tip: str, limited: SerialArm | None = None
) -> SerialArm | None:
    """The chain and its shapes; ``limited``: the arm with the limits of the settings as well."""
    report.facts.append(("URDF", str(urdf)))
    arm = limited or report.attempt(load_arm, urdf, base, tip)
    if arm is None:
        return None
    solver = classify(arm)
    report.facts += [
        ("chain", f"{base} -> {tip}, {arm.dof} joints"),
        *((f"  {name}", _limits(arm, i)) for i, name in enumerate(arm.joint_names)),
        ("inverse", f"{solver}: {SOLVERS[solver]}"),
    ]
    root = read_urdf(urdf)
    groups = [rigid_group(root, name, tip, urdf) for name in (base, *arm.link_names)]
    shapes = report.attempt(load_shapes, urdf, arm)
    if shapes is not None:
        for frame, group in enumerate(groups, start=-1):
            own = [shape for shape in shapes if shape.frame == frame]
            report.facts.append((f"  {' + '.join(group)}", _shapes(own)))
    _check_left_out(report, root, {name for group in groups for name in group}, tip)
    return arm


def _limits(arm: SerialArm, joint: int) -> str:
    low, high, speed = arm.lower[joint], arm.upper[joint], arm.velocity[joint]
    pace = f"{speed:.4g} rad/s" if speed > 0 else "no speed given"
    return f"{low:.4g} to {high:.4g} rad, {pace}"


def _shapes(shapes: Sequence[LinkShape]) -> str:
    counted = Counter(shape.kind for shape in shapes)
    each = (f"{count} {_PLURAL[kind] if count > 1 else kind}" for kind, count in counted.items())
    return ", ".join(each) or "no shape"


def _check_left_out(
    report: RobotReport, root: ElementTree.Element, taken: set[str], tip: str
) -> None:
    """Links with shapes that move by other joints than the arm's, before the tip."""
    parents = {
        joined_link(joint, "child"): joined_link(joint, "parent") for joint in root.iter("joint")
    }
    left = []
    for link in root.findall("link"):
        name = link.get("name", "")
        above = name
        while above and above not in taken and above != tip:
            above = parents.get(above, "")
        if name not in taken and above in taken and link.find("collision") is not None:
            left.append(name)
    if left:
        report.missing.append(
            f"{', '.join(left)}: not checked, as other joints move these links; shapes that must "
            "count belong to a link of the arm"
        )


def _root_link(root: ElementTree.Element) -> str:
    children = {joined_link(joint, "child") for joint in root.findall("joint")}
    return next(
        (n for n in (x.get("name", "") for x in root.iter("link")) if n not in children), ""
    )


def _longest_tip(root: ElementTree.Element) -> str:
    """``tool0``, or the link behind most turning joints, the nearest of several."""
    names = [link.get("name", "") for link in root.iter("link")]
    if "tool0" in names:
        return "tool0"
    above = {joined_link(joint, "child"): joint for joint in root.findall("joint")}

    def turning(name: str) -> tuple[int, int]:
        count = depth = 0
        while name in above and depth <= len(above):
            count += above[name].get("type") in MOVING
            depth, name = depth + 1, joined_link(above[name], "parent")
        return count, -depth

    return max(names, key=turning, default="")


def _of_robot(robot: RobotConfig) -> list[tuple[str, str]]:
    gripper, settings = robot.gripper, robot.settings
    stroke = f"{gripper.min_width_m * 1e3:.0f} to {gripper.max_width_m * 1e3:.0f} mm"
    low, high = settings.workspace_min_m, settings.workspace_max_m
    spans = (f"{a:g} to {b:g}" for a, b in zip(low, high, strict=True))
    return [
        ("gripper", f"{gripper.name}, {stroke}, {settings.grip_force_n:g} N"),
        ("workspace", f"x, y, z {', '.join(spans)} m; table at {settings.table_z_m:g} m"),
        ("speed", f"{settings.speed_scaling:.0%} of the limits"),
    ]


def _check_inverse(report: RobotReport, arm: SerialArm, poses: int) -> None:
    """Solve poses that joint vectors drawn within the limits reach; processor time of each."""
    lower, upper = np.maximum(arm.lower, -2 * np.pi), np.minimum(arm.upper, 2 * np.pi)
    drawn = np.random.default_rng(0).uniform(lower, upper, (poses, arm.dof))
    counts, times_ms = [], []
    for T_base_tip in forward(arm, drawn):
        started = time.process_time()
        found = inverse(arm, T_base_tip)
        times_ms.append((time.process_time() - started) * 1e3)
        counts.append(int(within_limits(arm, found).sum()))
    solved = sum(count > 0 for count in counts)
    report.facts.append(
        (
            "solved",
            f"{solved} of {poses} reachable poses within the limits, median "
            f"{np.median(counts):.0f} solutions in {np.median(times_ms):.3g} ms",
        )
    )
    if solved < poses:
        report.missing.append(f"the inverse misses {poses - solved} of {poses} reachable poses")


def _check_home(report: RobotReport, robot: RobotConfig) -> None:
    body = robot.body_with_gripper(robot.gripper.max_width_m)
    T_base_shape = shape_poses(body, joint_frames(robot.arm, robot.home_q[None]))
    own_m = float(self_gap_m(body, T_base_shape)[0]) - robot.settings.self_clearance_m
    table_m = float(table_gap_m(body, T_base_shape, robot.settings.table_z_m)[0])
    T_base_cam = robot.T_base_cam(robot.home_q)
    eye, ray = T_base_cam[:3, 3], T_base_cam[:3, 2]
    height_m = eye[2] - robot.settings.table_z_m
    report.facts.append(
        (
            "home",
            f"{own_m * 1e3:.0f} mm from touching itself, {table_m * 1e3:.0f} mm from the table; "
            f"camera {height_m:.2f} m above the table, looking "
            f"{np.degrees(np.arcsin(-ray[2])):.0f} degrees below the horizon",
        )
    )
    if min(own_m, table_m) < 0:
        report.missing.append("home_q_rad touches the arm itself or the table; choose another")
    seen = eye + ray * height_m / -min(ray[2], -1e-9)
    low, high = robot.settings.workspace_min_m, robot.settings.workspace_max_m
    if (
        height_m < 0
        or ray[2] > -0.2
        or not (low[0] < seen[0] < high[0] and low[1] < seen[1] < high[1])
    ):
        report.missing.append("the camera at home does not look at the table in the workspace")


def reach_map(robot: RobotConfig, step_m: float = 0.05) -> ReachMap:
    """Which grasps from above can be planned from home, in cells of ``step_m``."""
    low, high = (
        np.array(robot.settings.workspace_min_m),
        np.array(robot.settings.workspace_max_m),
    )
    x_m, y_m = (np.arange(low[i] + step_m / 2, high[i], step_m) for i in range(2))
    z_m = robot.settings.table_z_m + UPRIGHT_M
    rows = tuple(tuple(_reason(robot, np.array([x, y, z_m])) for y in y_m) for x in x_m)
    return ReachMap(x_m, y_m, rows)


def _reason(robot: RobotConfig, position_m: Floats) -> Reason | None:
    """Why no grasp from above is planned there; of the grasp along y where both fail."""
    reason = None
    for closing in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)):
        x, z = np.array(closing), np.array([0.0, 0.0, -1.0])
        T_base_tcp = pose(np.column_stack([x, np.cross(z, x), z]), position_m)
        reason = reachable(robot, robot.home_q, T_base_tcp, WIDTH_M)
        if reason is None:
            return None
    return reason
