"""``affordance-grasp demo``: the whole loop through the ROS graph, in simulation."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from affordance_grasp.errors import AffordanceGraspError, InvalidInput, MissingPackage
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.table import method_package
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.replay.bags.recorder import STORAGES
from affordance_grasp.report.plan_report import make_folder, write_report
from affordance_grasp.simulation.dataset.functional_parts import functional_parts
from affordance_grasp.simulation.objects import TRIAL_SEED_START, make_object
from affordance_grasp.vocabulary import AFFORDANCES, resolve_query

if TYPE_CHECKING:
    from affordance_grasp.nodes.graph.client import GraspClient, PickVerdict
    from affordance_grasp.nodes.graph.processes import Graph

READY_TIMEOUT_S = 180.0
PHOTO_TIMEOUT_S = 10.0
PHOTO_RATE_HZ = 5.0
REPORTED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--query", default="hold", help="what to do with the object (hold)")
    parser.add_argument("--object", default="mug", help="family of the object on the table (mug)")
    parser.add_argument("--method", default="plsp", help="grounding method (plsp)")
    parser.add_argument("--checkpoint", type=Path, help="default: the one in the package")
    parser.add_argument("--seed", type=int, default=0, help="instance and place of the object (0)")
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), help="folder for the report (demo)"
    )
    parser.add_argument("--record", type=Path, metavar="DIR", help="record a bag for 'replay'")
    parser.add_argument(
        "--record-storage", default="mcap", choices=STORAGES, help="storage of the bag (mcap)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


@dataclass
class Account:
    """Tells what happens while it happens, and keeps it for the report."""

    stream: Any = field(default_factory=lambda: sys.stdout)
    begun: float = field(default_factory=monotonic)

    def say(self, stage: str, detail: str = "") -> None:
        """One line: the time since the beginning [s], the stage, what it was about."""
        print(f"{monotonic() - self.begun:6.1f} s  {stage:<9} {detail}".rstrip(), file=self.stream)
        self.stream.flush()


def run(arguments: argparse.Namespace) -> int:
    """Pick one object; 0 when it was lifted and held by a part that serves the query."""
    _check(arguments)
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
    logs = arguments.out / "log"
    try:
        with Graph(logs, parameters=_parameters(arguments)) as graph, GraspClient() as client:
            summary = _pick(arguments, account, graph, client)
    except AffordanceGraspError as error:
        if isinstance(error, NodeDied) and error.told:
            raise
        account.say("failed", f"{error} (what the nodes said is in {logs}/)")
        return 1
    if arguments.record:
        account.say("recorded", f"affordance-grasp replay {arguments.record} --query ...")
    if arguments.json:
        print(json.dumps(summary, indent=2))
    return 0 if summary["success"] else 1


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is started."""
    if arguments.seed < 0:
        raise InvalidInput(f"--seed is {arguments.seed}; it must be >= 0")
    if arguments.record and arguments.record.exists():
        raise InvalidInput(f"--record {arguments.record} exists already; name a new folder")
    make_folder(arguments.out)
    make_object(arguments.object, 0)
    method_package(arguments.method)
    if arguments.checkpoint:
        load_checkpoint(arguments.checkpoint)
    functional_parts(resolve_query(arguments.query, AFFORDANCES), arguments.object)


def _parameters(arguments: argparse.Namespace) -> dict[str, dict[str, object]]:
    return {
        "simulator": {
            "object": arguments.object,
            "seed": TRIAL_SEED_START + arguments.seed,
            "pose_seed": arguments.seed,
            "photo_width": 640,
            "photo_rate_hz": PHOTO_RATE_HZ,
            "record": arguments.record.resolve() if arguments.record else "",
            "record_storage": arguments.record_storage,
        },
        "grounder": {"method": arguments.method, "checkpoint": arguments.checkpoint or ""},
    }


def _pick(
    arguments: argparse.Namespace, account: Account, graph: "Graph", client: "GraspClient"
) -> dict[str, Any]:
    """Have it taken, judge it, write the report; returns what report.json says."""
    account.say("start", f"the ROS graph, with a {arguments.object} on the simulated table")
    client.wait_until_ready(READY_TIMEOUT_S, graph.check)
    account.say("ready", f"asking for {arguments.query!r}")
    client.watch()
    outcome = client.grasp(arguments.query, False, account.say, graph.check)
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
        "object": {"family": arguments.object, "seed": TRIAL_SEED_START + arguments.seed},
        "message": outcome.message,
        "position_base_link": [round(float(x), 4) for x in outcome.T_base_tcp[:3, 3]],
        "final_width_m": round(outcome.final_width_m, 5),
        "verdict": asdict(verdict),
        "stages_s": {name: round(s, 3) for name, s in outcome.timings_s.items()},
    }
    return _report(arguments.out, account, plan, client, extra)


def _report(
    folder: Path,
    account: Account,
    plan: GraspPlan,
    client: "GraspClient",
    extra: dict[str, Any],
) -> dict[str, Any]:
    account.say("chosen", _reasons(plan))
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
    account.say("SUCCESS" if extra["success"] else "FAILURE")
    return dict(json.loads(written["report"].read_text(encoding="utf-8")))


def _reasons(plan: GraspPlan) -> str:
    counts = plan.selection.rejection_counts()
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
    part = "a part that serves the query" if verdict.functional else "not as the query wants"
    return f"the object is {lifted}; the fingers touch {parts}: {part}"
