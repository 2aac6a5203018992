"""From a frame and a query to heatmap, candidates and ranking: everything but the motion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import inf
from time import perf_counter
from typing import TypeVar

import numpy as np

from affordance_grasp.candidates.belonging import on_objects
from affordance_grasp.candidates.generators import GraspGenerator, make_generator
from affordance_grasp.candidates.target import Target
from affordance_grasp.choice.chosen import Choice, choose, look, read_intent
from affordance_grasp.choice.families import RecogniserProtocol, load_recogniser
from affordance_grasp.choice.knowledge import NOTHING_KNOWN
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
from affordance_grasp.geometry import Floats
from affordance_grasp.grounding.regions import (
    GrounderProtocol,
    ground_scene,
    hottest_instance,
    region_of,
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

    ``object``: which one was chosen, and how sure that is. ``timings_ms``: ``scene``, with an arm
    ``obstacles``, ``look``, ``ground``, ``generate``, ``select`` and ``total``; grounding and
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
    object: str = ""

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
    recogniser: RecogniserProtocol | None = None,
) -> GraspPlan:
    """Segment the scene, choose the object, ground the query, propose grasps, and rank them.

    Args:
        frame: colour and aligned depth.
        query: what to do, and with which object; free text that the grounder understands.
        grounder: gives the heatmap; None only with a rule that ignores it.
        generator: gives the candidates; None for the antipodal one of the 2F-85.
        rule: a name of ``rules.RULES``.
        reach: tells why the arm cannot grasp at a pose, width and opening, or None when it can.
        max_width_m: widest opening of the gripper; infinite: whatever the candidates need.
        seed: of all random sampling.
        config: limits of the selection.
        at_once: ground and generate in two threads: lower latency where a core is free; one
            after the other takes less processor time.
        recogniser: tells the families of the objects; None: nothing is known of them, and names
            in the query tell no object from another.

    Raises:
        InvalidInput: the depth image is not usable, or the table lies elsewhere than the arm's
            settings say.
        NoObject: no object is on the table, or none can be grasped; AmbiguousObject: which one
            is meant is not clear; NotServed: what is there is known not to serve the query.
        UnknownName: the query or the rule is unknown.
    """
    if look_up("selection rule", rule, RULES).needs_heat and grounder is None:
        raise InvalidInput(f"rule {rule!r} ranks by the heatmap and needs a grounder")
    clock = _Clock()
    scene = clock("scene", lambda: segment_scene(frame, MAX_DISTANCE_M, seed))
    arm, obstacles = reach if isinstance(reach, ArmReach) else None, None
    if arm is not None:  # first: it tells whether the camera's pose can be right
        reach = among = clock("obstacles", lambda: arm.among(frame, scene))
        obstacles = among.obstacles
    choice = clock("look", lambda: _choose(frame, query, scene, recogniser))
    T_base_cam = None if arm is None else arm.T_base_cam
    asked = _Asked(frame, query, scene, choice, T_base_cam, seed)
    (heatmap, region), candidates = _propose(
        asked, grounder, generator or make_generator("antipodal"), clock, at_once
    )
    if heatmap.method != NO_METHOD:
        choice = choice.of(hottest_instance(heatmap, scene, choice.labels))
    candidates = on_objects(candidates, scene.cloud, choice.labels)
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
        str(choice),
    )


def _choose(
    frame: RgbdFrame,
    query: str,
    scene: TableScene,
    recogniser: RecogniserProtocol | None,
) -> Choice:
    """The object that is meant; none is looked at where any object will do."""
    intent = read_intent(query)
    needed = recogniser if recogniser is not None and intent.tells_apart else None
    knowledge = NOTHING_KNOWN if needed is None else needed.knowledge
    return choose(intent, look(frame, scene, needed), knowledge)


@dataclass(frozen=True, eq=False)
class _Asked:
    """A frame, its scene, and the objects that are meant in it."""

    frame: RgbdFrame
    query: str
    scene: TableScene
    choice: Choice
    T_base_cam: Floats | None
    seed: int

    def ground(self, grounder: GrounderProtocol | None) -> tuple[Heatmap, Region]:
        """The heatmap and its region; without a grounder all of the region is hot."""
        if grounder is not None:
            return ground_scene(self.frame, self.query, grounder, self.scene, self.choice.labels)
        region = region_of(self.scene.cloud.labels, self.choice.labels)
        values = np.zeros(self.frame.depth_m.shape, np.float32)
        values[region.slices] = 1.0
        return Heatmap(values, values, self.query, self.query, NO_METHOD, 0.0), region

    def target(self, grounded: tuple[Heatmap, Region] | None) -> Target:
        """What a generator is told: of several objects the hottest, where that is known."""
        labels, choice = self.scene.cloud.labels, self.choice
        told = Target(self.query, region_of(labels, choice.labels), choice.label, self.T_base_cam)
        if choice.label or grounded is None or grounded[0].method == NO_METHOD:
            return told
        heatmap, region = grounded
        label = hottest_instance(heatmap, self.scene, choice.labels)
        return replace(told, region=region, label=label)


def _propose(
    asked: _Asked,
    grounder: GrounderProtocol | None,
    generator: GraspGenerator,
    clock: "_Clock",
    at_once: bool,
) -> tuple[tuple[Heatmap, Region], GraspCandidates]:
    """The heatmap with its region, and the candidates, of the object that is meant."""
    return _both(
        lambda: clock("ground", lambda: asked.ground(grounder)),
        lambda grounded: clock(
            "generate",
            lambda: generator.generate(
                asked.frame, seed=asked.seed, scene=asked.scene, target=asked.target(grounded)
            ),
        ),
        at_once and (asked.choice.label > 0 or not generator.wants_target),
    )


@dataclass(frozen=True)
class Planner:
    """Everything that a plan needs but for the frame and the query; see :func:`load_planner`.

    ``grounder`` is None where the rule ignores the heatmap; ``recogniser`` where nothing is known
    of object families.
    """

    options: PlanningOptions
    robot: RobotConfig
    grounder: GrounderProtocol | None
    generator: GraspGenerator
    recogniser: RecogniserProtocol | None = None

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
            recogniser=self.recogniser,
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
    recogniser = load_recogniser(options.device)
    return Planner(options, robot, grounder, generator, recogniser)


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
