"""``affordance-grasp demo``: the whole loop through the ROS graph, in simulation."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import (
    Seed,
    Word,
    about,
    record,
    settings_of,
)
from affordance_grasp.errors import AffordanceGraspError, InvalidInput, MissingPackage
from affordance_grasp.nodes.parameters import (
    BagStorage,
    CandidatesParameters,
    SelectorParameters,
    SimulatorParameters,
)
from affordance_grasp.planning import GrounderOptions, PlanningOptions, RobotOptions

if TYPE_CHECKING:
    from affordance_grasp.nodes.graph.client import GraspClient, PickVerdict
    from affordance_grasp.nodes.graph.processes import Graph
    from affordance_grasp.pipeline import GraspPlan

READY_TIMEOUT_S = 180.0
PHOTO_TIMEOUT_S = 10.0
PHOTO_RATE_HZ = 5.0
REPORTED = 20
PAGE = "plan.html"


@dataclass(frozen=True)
class DemoOptions(PlanningOptions, title="demo"):
    """Which object is grasped, and how; ``seed`` is that of its instance and its placement."""

    query: Annotated[str, about("what to do with the object")] = "hold"
    object: Annotated[Word, about("on the table: a family, or an imported ycb:025_mug")] = "mug"
    seed: Annotated[Seed, about("of the object's instance and placement")] = 0
    neighbours: Annotated[int, Meta(ge=0, le=4), about("tall things beside the object")] = 0
    out: Annotated[Path, about("folder for the report")] = Path("demo")
    record: Annotated[Path | None, about("new folder for a bag for replay")] = None
    record_storage: Annotated[BagStorage, about("storage of the bag")] = "mcap"

    def check(self) -> None:
        """Refuse what cannot work, before anything is started."""
        if self.record and self.record.exists():
            raise InvalidInput(f"--record {self.record} exists already; name a new folder")
        from affordance_grasp.query.resolve import resolve_query
        from affordance_grasp.query.vocabulary import known_affordances
        from affordance_grasp.simulation.dataset.functional_parts import functional_parts
        from affordance_grasp.simulation.objects import make_object

        make_object(self.object, 0)
        functional_parts(resolve_query(self.query, known_affordances()), self.object)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_flags(parser, DemoOptions, leave_out=("top",))
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


@dataclass
class Account:
    """Prints the stages as they happen, and records them for the report."""

    stream: Any = field(default_factory=lambda: sys.stdout)
    begun: float = field(default_factory=monotonic)

    def say(self, stage: str, detail: str = "") -> None:
        """One line: the time since the start [s], the stage, details."""
        print(f"{monotonic() - self.begun:6.1f} s  {stage:<9} {detail}".rstrip(), file=self.stream)
        self.stream.flush()


def run(arguments: argparse.Namespace) -> int:
    """Pick one object; 0 when it was lifted and held by a part that serves the query."""
    from affordance_grasp.methods.checkpoint import load_checkpoint
    from affordance_grasp.report.plan_report import make_folder

    options = read_flags(DemoOptions, arguments)
    make_folder(options.out)
    if options.checkpoint:
        load_checkpoint(options.checkpoint)
    try:
        from affordance_grasp.nodes.graph.client import GraspClient
        from affordance_grasp.nodes.graph.processes import Graph, NodeDied, isolate
    except ImportError as error:
        raise MissingPackage(
            f"the ROS side is not there ({str(error).splitlines()[0]}); run 'make setup' and then "
            "'source .ros/install/setup.bash', or use 'make demo'"
        ) from error
    account = Account(sys.stderr if arguments.json else sys.stdout)
    isolate()
    logs = options.out / "log"
    try:
        with Graph(logs, parameters=_parameters(options)) as graph, GraspClient() as client:
            summary = _pick(options, account, graph, client)
    except AffordanceGraspError as error:
        if isinstance(error, NodeDied) and error.told:
            raise
        account.say("failed", f"{error} (the nodes' output is in {logs}/)")
        return 1
    recorded = options.record is None or _recorded(options.record, account, logs)
    if arguments.json:
        print(json.dumps(summary, indent=2))
    return 0 if summary["success"] and recorded else 1


def _recorded(bag: Path, account: Account, logs: Path) -> bool:
    """Whether the bag was closed, so that it can be read; says so."""
    from affordance_grasp.replay.bags.storage import METADATA

    closed = (bag / METADATA).is_file()
    hint = f"affordance-grasp replay {bag} --query ..."
    broken = f"{bag} was not closed and cannot be read (the simulator's output is in {logs}/)"
    account.say("recorded" if closed else "failed", hint if closed else broken)
    return closed


NODES = {
    "simulator": SimulatorParameters,
    "grounder": GrounderOptions,
    "candidates": CandidatesParameters,
    "selector": SelectorParameters,
    "controller": RobotOptions,
}
"""The parameters of each node that follow from the options."""


def _parameters(options: DemoOptions) -> dict[str, dict[str, Any]]:
    """The nodes' parameters that are options too, and those of the simulated scene."""
    from affordance_grasp.simulation.objects import TRIAL_SEED_START
    from affordance_grasp.simulation.objects.imported import absolute

    shared = record(options.generator_options) | record(options)
    given = {name: "" if value is None else value for name, value in shared.items()}
    nodes: dict[str, dict[str, Any]] = {
        node: {each.name: given[each.name] for each in settings_of(kind) if each.name in given}
        for node, kind in NODES.items()
    }
    nodes["selector"]["seed"] = 0
    nodes["simulator"] |= {
        "object": absolute(options.object),
        "seed": TRIAL_SEED_START + options.seed,
        "pose_seed": options.seed,
        "photo_width": 640,
        "photo_rate_hz": PHOTO_RATE_HZ,
        "record": options.record.resolve() if options.record else "",
    }
    return nodes


def _pick(
    options: DemoOptions, account: Account, graph: "Graph", client: "GraspClient"
) -> dict[str, Any]:
    """Grasp, judge, write the report; returns the content of report.json."""
    from affordance_grasp.simulation.objects import TRIAL_SEED_START

    account.say("start", f"the ROS graph, with a {options.object} on the simulated table")
    client.wait_until_ready(READY_TIMEOUT_S, graph.check)
    account.say("ready", f"asking for {options.query!r}")
    client.watch()
    outcome = client.grasp(options.query, False, account.say, graph.check)
    plan = client.plan()
    if plan is None:
        raise InvalidInput(outcome.message)
    verdict = client.judge(plan.heatmap.affordance)
    client.await_photo(PHOTO_TIMEOUT_S)
    success = outcome.success and verdict.functional
    account.say("robot", outcome.message)
    account.say("simulator", _described(verdict))
    extra = {
        "success": success,
        "object": {"family": options.object, "seed": TRIAL_SEED_START + options.seed},
        "message": outcome.message,
        "position_base_link": [round(float(x), 4) for x in outcome.T_base_tcp[:3, 3]],
        "final_width_m": round(outcome.final_width_m, 5),
        "verdict": asdict(verdict),
        "stages_s": {name: round(s, 3) for name, s in outcome.timings_s.items()},
    }
    return _report(options, account, plan, client, extra)


def _report(
    options: DemoOptions,
    account: Account,
    plan: "GraspPlan",
    client: "GraspClient",
    extra: dict[str, Any],
) -> dict[str, Any]:
    from affordance_grasp.report.plan_report import write_report

    account.say("chosen", _reasons(plan))
    folder = options.out
    photos = client.photos()
    written = write_report(
        folder,
        plan,
        lifted_photo=photos[-1] if photos else None,
        photos=photos,
        photo_rate_hz=client.photo_rate_hz(),
        extra=extra,
        top=REPORTED,
    )
    account.say("report", f"{folder}/: " + ", ".join(path.name for path in written.values()))
    account.say("page", _page(plan, options))
    account.say("SUCCESS" if extra["success"] else "FAILURE")
    return dict(read_json(written["report"], "report"))


def _page(plan: "GraspPlan", options: DemoOptions) -> str:
    """Write the plan in 3-D; its address, or why there is none.

    The arm looks from home. What stands beside the object is not known here, so that no motion is
    drawn there.
    """
    from affordance_grasp.control.robot import load_robot
    from affordance_grasp.view.html_file import write_html
    from affordance_grasp.view.planned import Planned, arm_pose, with_motion

    robot = load_robot(options.robot_file)
    pose = arm_pose(robot, robot.home_q)
    planned = Planned(robot, options.query, plan, pose, why_no_pick="")
    if not options.neighbours:
        planned = with_motion(robot, options.query, plan, pose)
    try:
        return write_html(options.out / PAGE, planned).resolve().as_uri()
    except MissingPackage as error:
        return f"not written: {error}"


def _reasons(plan: "GraspPlan") -> str:
    counts = plan.not_ranked
    rejected = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    best = plan.best
    heat = "none" if best is None else f"heat {best.heat:.2f}, quality {best.quality:.2f}"
    return (
        f"{heat}; {plan.candidates.examined} hands examined, {len(plan.candidates)} proposed, "
        f"rejected: {rejected or 'none'}"
    )


def _described(verdict: "PickVerdict") -> str:
    parts = ", ".join(verdict.parts_held) or "nothing"
    lifted = f"{verdict.height_m * 100:.0f} cm up" if verdict.lifted else "not lifted"
    part = (
        "a part that serves the query"
        if verdict.functional
        else "not a part that serves the query"
    )
    return f"the object is {lifted}; the fingers touch {parts}: {part}"
