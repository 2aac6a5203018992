"""One seed: bring the graph to a stage, inject, watch, judge, and see that the graph recovers."""

from dataclasses import dataclass
from threading import Event
from time import monotonic

import numpy as np

from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.nodes.graph.processes import NODES
from affordance_grasp.nodes.ros.calls import NoAnswer
from campaign.bench import FAST, REAL, Asked, Bench
from campaign.faults import AFTER, BEFORE, DECIDING, LOSES_NODE, MOVING, Case
from campaign.injection import Injected, inject, undo
from campaign.journal import Verdict, commit
from campaign.judge import HEARS_S, Observed, blamed, tracebacks, unexplained, unsafe
from campaign.nodes import STACKS

REACH_S, ANSWER_S, EXTRA_S = 30.0, 45.0, 30.0
WATCH_S = 1.6
AFTER_S, RESUMED_S = 0.4, 1.2
FORGOTTEN_S = 5.0
"""Contradicting publishers are remembered for 3 s after the last contradiction."""
CHECKED = 3
"""Of so many seeds one is followed by a look whether the graph plans again."""
QUERIES = {
    "unknown": "sing a song about it",
    "negated": "do not touch the handle",
    "empty": "",
    "long": "hold " * 20_000,
    "control": "hold\x1b[2J\x00\n the mug",
    "foreign": "сними крышку",
}


class NotReached(Exception):
    """The grasp ended before the stage of the fault."""

    @classmethod
    def by(cls, asked: Asked) -> Exception:
        """Where the client gave up, another grasp may be under way: the graph is of no use."""
        return (AffordanceGraspError if asked.by_client else cls)(asked.message)


@dataclass
class LogMarks:
    """Where each log ended when the seed began."""

    ends: dict[str, int]

    @classmethod
    def of(cls, bench: Bench) -> "LogMarks":
        """Now."""
        return cls({path.stem: path.stat().st_size for path in bench.folder.glob("*.log")})

    def since(self, bench: Bench) -> list[tuple[str, str]]:
        """Name and new text of each log."""
        found = []
        for path in sorted(bench.folder.glob("*.log")):
            with open(path, "rb") as file:
                file.seek(self.ends.get(path.stem, 0))
                found.append((path.stem, file.read().decode(errors="replace")))
        return found


def run_trial(bench: Bench, case: Case) -> tuple[Verdict, bool]:
    """The verdict, and whether the graph may serve another seed."""
    begun_s = monotonic()
    _prepare(bench, case)
    logs = LogMarks.of(bench)
    bench.truth.mark()
    asked, done = _grasp(bench, case)
    if not asked.over.wait(max(0.1, ANSWER_S - (monotonic() - asked.sent_s))):
        for node in NODES:
            bench.nodes.send(node, STACKS)
    Event().wait(AFTER_S)
    undo(bench, done)
    Event().wait(RESUMED_S if done.resumed_s is not None else 0.0)
    found = unsafe(_observed(bench, asked, done))
    unsaid = _unsaid(bench, case, asked, done)
    used_up = case.family in (*LOSES_NODE, "second") or bool(unsaid)
    if not used_up and (stuck := _stuck(bench, case, asked)):
        unsaid.append(stuck)
    verdict = Verdict(
        seed=case.seed,
        half="faults",
        kind=case.kind,
        stage=case.stage,
        case=case.record() | {"stages": [name for name, _ in asked.stages]},
        unsafe=found,
        unexplained=tuple(unsaid),
        tracebacks=tracebacks(logs.since(bench)),
        told=asked.message[:600],
        seconds=round(monotonic() - begun_s, 2),
        commit=commit(),
    )
    return verdict, verdict.clean and not used_up


def _observed(bench: Bench, asked: Asked, done: Injected) -> Observed:
    """What the judge of safety looks at."""
    return Observed(
        truth=bench.truth.read(),
        sent_s=asked.sent_s,
        ended_s=asked.ended_s,
        planned_s=asked.begun_s("plan"),
        success=asked.success,
        dry_run=asked.dry_run,
        lost_s=done.lost_s,
        resumed_s=done.resumed_s,
        foreign_q=done.foreign_q,
        foreign_width_m=done.foreign_width_m,
        limits_radps=np.asarray(load_robot().arm.velocity),
    )


def _unsaid(bench: Bench, case: Case, asked: Asked, done: Injected) -> list[str]:
    """What was not explained, or wrongly."""
    if asked.over.is_set():
        unsaid = list(unexplained(asked.message))
    else:
        unsaid = [f"the goal had no answer after {ANSWER_S:g} s"]
    if case.family not in (*LOSES_NODE, "pause", "second"):
        unsaid += blamed(asked.message)
    return unsaid + _heard_late(case, asked, done) + _extra(done) + _codes(bench, case)


def _prepare(bench: Bench, case: Case) -> None:
    bench.check()
    if not bench.switch(joints="", camera="", gripper="", arm="", clock_s=0.0, speed=FAST):
        raise AffordanceGraspError("the cell does not answer")
    bench.client.reset(case.object, 100_000 + case.pose, case.pose)


def _grasp(bench: Bench, case: Case) -> tuple[Asked, Injected]:
    """Send the goal and inject at the stage of the case."""
    query = QUERIES[case.subject] if case.family == "query" else case.query
    if case.stage == AFTER:
        _await_success(bench.ask(case.query))
        bench.truth.mark()
    if case.stage in (BEFORE, AFTER):
        done = inject(bench, case)
        asked = bench.ask(query, dry_run=case.family == "dry")
        asked.over.wait(WATCH_S if _lively(case) else 0.0)
    else:
        asked = bench.ask(query)
        if not asked.reach(case.stage, REACH_S):
            raise NotReached.by(asked)
        if case.stage in MOVING:
            bench.switch(speed=REAL)
        asked.over.wait(case.delay_s)
        if asked.over.is_set():
            raise NotReached.by(asked)
        done = inject(bench, case)
        asked.over.wait(WATCH_S if case.stage not in DECIDING or _lively(case) else 0.0)
    if not asked.over.is_set():
        bench.switch(speed=FAST)
    return asked, done


def _lively(case: Case) -> bool:
    """Faults of the joints and the driver show while the arm moves in real time."""
    return case.family in ("arm", "second")


def _await_success(asked: Asked) -> None:
    asked.over.wait(ANSWER_S)
    if not asked.success:
        raise NotReached.by(asked)


def _heard_late(case: Case, asked: Asked, done: Injected) -> list[str]:
    asleep = case.subject == "controller" and case.stage not in MOVING  # nobody waits for it yet
    if done.lost_s is None or asked.ended_s is None or asleep or case.stage == BEFORE:
        return []
    heard_s = asked.ended_s - done.lost_s
    if heard_s <= HEARS_S or asked.success:
        return []
    return [f"the client heard {heard_s:.1f} s after {case.subject} was lost"]


def _extra(done: Injected) -> list[str]:
    """Answers to all other requests."""
    deadline, said, lost = monotonic() + EXTRA_S, [], []
    for what, answer in done.answers.items():
        if not answer.over.wait(max(0.0, deadline - monotonic())):
            lost.append(what)
        elif answer.result is not None and not answer.result.success:
            said += unexplained(str(answer.result.message), what)
    pause = Event()
    while monotonic() < deadline and not all(call.done() for call in done.calls):
        pause.wait(0.02)
    lost += [f"call {i}" for i, call in enumerate(done.calls) if not call.done()]
    if lost:
        all_of_them = len(done.answers) + len(done.calls)
        said.append(f"{lost[0]}: {len(lost)} of {all_of_them} had no answer in {EXTRA_S:g} s")
    return said[:5]


def _codes(bench: Bench, case: Case) -> list[str]:
    """Nodes that ended by themselves, and how one that was asked to end did."""
    said = []
    for name in NODES:
        process = bench.nodes.running[name]
        if name == case.subject and case.family in ("kill", "end"):
            process.join(8.0)
            if case.family == "end" and process.exitcode != 0:
                code = process.exitcode
                said.append(f"{name} ended with code {code}" if code else f"{name} did not end")
        elif process.exitcode is not None:
            said.append(f"{name} ended by itself with code {process.exitcode}")
    return said


def _stuck(bench: Bench, case: Case, asked: Asked) -> str:
    """Why the graph does not plan again once the fault is gone; empty when it does."""
    if asked.success or case.family in ("query", "dry") or case.seed % CHECKED:
        return ""
    try:
        bench.switch(speed=FAST)
        bench.client.reset(case.object, 100_000 + case.pose, case.pose)
        again = _asked_until_forgotten(bench, case)
    except (AffordanceGraspError, NoAnswer) as error:
        return f"with the fault gone: {error}"
    if not again.over.is_set():
        return "with the fault gone, a dry run had no answer"
    return "" if again.success else f"with the fault gone, a dry run failed: {again.message}"


def _asked_until_forgotten(bench: Bench, case: Case) -> Asked:
    """A dry run; once more where the graph still remembers the fault, as it does for seconds."""
    deadline = monotonic() + FORGOTTEN_S
    while True:
        again = bench.ask(case.query, dry_run=True)
        if not again.over.wait(ANSWER_S) or again.success or monotonic() > deadline:
            return again
