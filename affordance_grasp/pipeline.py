"""From a frame and a query to heatmap, candidates and ranking: everything but the motion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import inf
from time import perf_counter
from typing import TypeVar

import numpy as np

from affordance_grasp.candidates.generators import GraspGenerator, make_generator
from affordance_grasp.candidates.target import Target
from affordance_grasp.control.motion.pick import ArmReach
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.datatypes import (
    GraspCandidates,
    Heatmap,
    RankedGrasp,
    Region,
    RgbdFrame,
    Selection,
)
from affordance_grasp.errors import InvalidInput, LowConfidence, look_up
from affordance_grasp.grounding.regions import (
    GrounderProtocol,
    ground_scene,
    hottest_instance,
    only_instance,
    scene_region,
)
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.query.resolve import resolve_query
from affordance_grasp.query.vocabulary import known_affordances
from affordance_grasp.rules import RULES
from affordance_grasp.scene.cloud import TableScene, segment_scene
from affordance_grasp.scene.obstacles import Obstacles
from affordance_grasp.scene.table import MAX_DISTANCE_M, TablePlane
from affordance_grasp.selection import Reach, SelectionConfig, select

NO_METHOD = "none"
"""Method of a heatmap that is 1 in the whole region of interest, made without a network."""

Result = TypeVar("Result")
Other = TypeVar("Other")


@dataclass(frozen=True)
class GraspPlan:
    """All results for one frame and one query.

    ``timings_ms``: ``scene``, ``ground``, ``generate``, ``select`` and ``total``; grounding and
    generation may run in parallel and then add up to more than the total. ``obstacles``: what
    stands on the table, None where the pose of the camera is not known.
    """

    frame: RgbdFrame
    heatmap: Heatmap
    candidates: GraspCandidates
    selection: Selection
    table: TablePlane
    region: Region
    rule: str
    timings_ms: dict[str, float] = field(default_factory=dict)
    obstacles: Obstacles | None = None

    @property
    def best(self) -> RankedGrasp | None:
        """The grasp to execute, or None; then ``refusal`` tells why."""
        return self.selection.best

    @property
    def not_ranked(self) -> dict[str, int]:
        """Reason -> number of proposals that are not ranked: left out, or rejected later."""
        left_out = {f"left out, {why}": n for why, n in self.candidates.left_out.items()}
        return left_out | self.selection.rejection_counts()

    @property
    def refusal(self) -> str:
        """Why there is no grasp to execute, with counts; empty where there is one."""
        if self.best is not None:
            return ""
        n, left_out = len(self.candidates), self.candidates.left_out
        counts = self.not_ranked if n else left_out
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        if n:
            return f"none of {n} grasps can be taken: {reasons}"
        return (
            f"no grasp was proposed: of {self.candidates.examined} hand poses that "
            f"{self.candidates.generator} examined none is a grasp"
            f"{f' (left out: {reasons})' if reasons else ''}"
        )


def plan_grasps(
    frame: RgbdFrame,
    query: str,
    grounder: GrounderProtocol | None,
    generator: GraspGenerator | None = None,
    *,
    rule: str = "bands",
    reach: Reach | None = None,
    max_width_m: float = inf,
    seed: int = 0,
    config: SelectionConfig | None = None,
    at_once: bool = True,
) -> GraspPlan:
    """Segment the scene, ground the query, propose grasps, and rank them.

    Args:
        frame: colour and aligned depth.
        query: what to do with the object; free text that the grounder understands.
        grounder: gives the heatmap; None only with a rule that ignores it.
        generator: gives the candidates; None for the antipodal one of the 2F-85.
        rule: a name of ``rules.RULES``.
        reach: tells why the arm cannot grasp at a pose, width and opening, or None when it can.
        max_width_m: widest opening of the gripper; infinite: whatever the candidates need.
        seed: of all random sampling.
        config: limits of the selection.
        at_once: ground and generate in two threads: lower latency where a core is free; one
            after the other takes less processor time.

    Raises:
        InvalidInput: the depth image is not usable, or the table lies elsewhere than the arm's
            settings say.
        NoObject: no object is on the table, or none can be grasped.
        UnknownName: the query or the rule is unknown.
    """
    if look_up("selection rule", rule, RULES).needs_heat and grounder is None:
        raise InvalidInput(f"rule {rule!r} ranks by the heatmap and needs a grounder")
    generator = generator or make_generator("antipodal")
    clock = _Clock()
    scene = clock("scene", lambda: segment_scene(frame, MAX_DISTANCE_M, seed))
    arm, obstacles = reach if isinstance(reach, ArmReach) else None, None
    if arm is not None:  # first: it tells whether the camera's pose can be right
        reach = among = clock("obstacles", lambda: arm.among(frame, scene))
        obstacles = among.obstacles
    target = Target(
        query, scene_region(scene), only_instance(scene), None if arm is None else arm.T_base_cam
    )
    (heatmap, region), candidates = _both(
        lambda: clock("ground", lambda: _ground(frame, query, grounder, scene)),
        lambda grounded: clock(
            "generate",
            lambda: generator.generate(
                frame, seed=seed, scene=scene, target=_meant(target, grounded, scene)
            ),
        ),
        at_once and (target.label > 0 or not generator.wants_target),
    )
    selection = clock(
        "select",
        lambda: select(
            frame,
            heatmap,
            candidates,
            rule=rule,
            table=scene.table,
            reach=reach,
            max_width_m=max_width_m,
            config=config,
        ),
    )
    return GraspPlan(
        frame,
        heatmap,
        candidates,
        selection,
        scene.table,
        region,
        rule,
        clock.timings_ms(),
        obstacles,
    )


@dataclass(frozen=True)
class Planner:
    """Everything that a plan needs but for the frame and the query; see :func:`load_planner`.

    ``grounder`` is None where the rule ignores the heatmap.
    """

    options: PlanningOptions
    robot: RobotConfig
    grounder: GrounderProtocol | None
    generator: GraspGenerator

    def plan(
        self,
        frame: RgbdFrame,
        query: str,
        reach: Reach | None = None,
        *,
        rule: str | None = None,
        at_once: bool = True,
    ) -> GraspPlan:
        """Plan as the options say, or by another ``rule``; see :func:`plan_grasps`."""
        return plan_grasps(
            frame,
            query,
            self.grounder,
            self.generator,
            rule=rule or self.options.rule,
            reach=reach,
            max_width_m=self.robot.gripper.max_width_m,
            seed=self.options.seed,
            at_once=at_once,
        )


def load_planner(
    options: PlanningOptions, query: str, speed_scaling: float | None = None
) -> Planner:
    """The robot, the generator and the grounder that the options name.

    Args:
        options: the settings of the plan.
        query: refused where it is none that the grounder knows.
        speed_scaling: takes the place of the robot's own.
    """
    robot = load_robot(options.robot_file, speed_scaling)
    generator = make_generator(options.generator, robot.gripper, options.generator_options)
    grounder = options.load() if RULES[options.rule].needs_heat else None
    if grounder is None:
        resolve_query(query, known_affordances())
    else:
        grounder.resolve(query)
    return Planner(options, robot, grounder, generator)


def check_confidence(heatmap: Heatmap, least: float) -> None:
    """Raise :class:`LowConfidence` when a heatmap's confidence is below ``least`` (0..1)."""
    if heatmap.confidence < least:
        raise LowConfidence(
            f"the heatmap for {heatmap.affordance!r} has confidence {heatmap.confidence:.2f}, "
            f"below the required {least:g}; the arm does not move: show the object from nearer or "
            "from another side, or change the query"
        )


def _both(
    first: Callable[[], Result], second: Callable[[Result | None], Other], at_once: bool
) -> tuple[Result, Other]:
    """Both results; the second step gets that of the first where it is not done beside it."""
    if not at_once:
        done = first()
        return done, second(done)
    with ThreadPoolExecutor(max_workers=1) as pool:
        other = pool.submit(second, None)
        return first(), other.result()


def _meant(target: Target, grounded: tuple[Heatmap, Region] | None, scene: TableScene) -> Target:
    """The target, told by the heatmap where that is known."""
    if target.label or grounded is None or grounded[0].method == NO_METHOD:
        return target
    heatmap, region = grounded
    return replace(target, region=region, label=hottest_instance(heatmap, scene))


def _ground(
    frame: RgbdFrame, query: str, grounder: GrounderProtocol | None, scene: TableScene
) -> tuple[Heatmap, Region]:
    if grounder is not None:
        return ground_scene(frame, query, grounder, scene)
    region = scene_region(scene)
    values = np.zeros(frame.depth_m.shape, np.float32)
    values[region.slices] = 1.0
    return Heatmap(values, values, query, query, NO_METHOD, 0.0), region


class _Clock:
    """Times named steps; total since it was made."""

    def __init__(self) -> None:
        self._start = perf_counter()
        self._steps: dict[str, float] = {}

    def __call__(self, name: str, step: Callable[[], Result]) -> Result:
        start = perf_counter()
        result = step()
        self._steps[name] = (perf_counter() - start) * 1e3
        return result

    def timings_ms(self) -> dict[str, float]:
        return {**self._steps, "total": (perf_counter() - self._start) * 1e3}
