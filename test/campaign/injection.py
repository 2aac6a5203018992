"""Injects the fault of a case into a running graph, one function per family of faults."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any

import numpy as np
from affordance_grasp.action import AffordanceGrasp, ExecuteGrasp, FollowTrajectory, MoveGripper
from affordance_grasp.srv import SelectGrasp

from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.nodes.convert.conversions import from_trajectory
from campaign.bench import REAL, Answer, Bench, in_flood
from campaign.faults import Case

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "end": signal.SIGTERM}
MASTERS = ("selector", "controller")
LOST_S = 0.8
"""A pause of less need not be noticed."""
FLOOD = 50
FOREIGN_WIDTH_M = 0.0345
FOREIGN_STEP_RAD = 0.02


@dataclass
class Injected:
    """What was done: for the judge, and to be answered or undone."""

    at_s: float = field(default_factory=monotonic)
    lost_s: float | None = None
    resumed_s: float | None = None
    resume: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[Any] = field(default_factory=list)
    foreign_q: Any = None
    foreign_width_m: float | None = None
    added: str = ""


def inject(bench: Bench, case: Case) -> Injected:
    """Do it now."""
    done = Injected()
    FAMILIES[case.family](bench, case, done)
    return done


def _signal(bench: Bench, case: Case, done: Injected) -> None:
    bench.nodes.send(case.subject, SIGNALS[case.family])
    if case.subject in MASTERS:
        done.lost_s = done.at_s
    if case.family == "stop":
        done.resume = case.subject


def _pause(bench: Bench, case: Case, done: Injected) -> None:
    bench.nodes.send(case.subject, signal.SIGSTOP)
    Event().wait(case.pause_s)
    bench.nodes.send(case.subject, signal.SIGCONT)
    done.resumed_s = monotonic()
    if case.subject in MASTERS and case.pause_s > LOST_S:
        done.lost_s = done.at_s


def _switch(bench: Bench, case: Case, done: Injected) -> None:
    bench.switch(**{case.family: case.subject})


def _clock(bench: Bench, case: Case, done: Injected) -> None:
    bench.switch(clock_s=float(case.subject))


def _cancel(bench: Bench, case: Case, done: Injected) -> None:
    for _ in range({"once": 1, "thrice": 3}[case.subject]):
        bench.cancel()


def _foreign(bench: Bench, case: Case, done: Injected) -> None:
    if case.subject == "trajectory":
        q = bench.truth.read().ticks["q"][-1]
        done.foreign_q = q + FOREIGN_STEP_RAD
        goal = FollowTrajectory.Goal(trajectory=from_trajectory(_nudge(bench, q)))
        done.answers["a stranger's trajectory"] = Answer(bench.arm.send_goal_async(goal))
    elif case.subject == "gripper":
        done.foreign_width_m = FOREIGN_WIDTH_M
        goal = MoveGripper.Goal(width_m=FOREIGN_WIDTH_M, force_n=20.0)
        done.answers["a stranger's grip"] = Answer(bench.gripper.send_goal_async(goal))
    else:
        done.answers["a stranger's execute"] = Answer(
            bench.executes.send_goal_async(_some_grasp())
        )


def _nudge(bench: Bench, q: Any) -> JointTrajectory:
    """From where the arm is, by a little, in half a second."""
    from affordance_grasp.control.robot import load_robot

    positions = np.stack([q, q + FOREIGN_STEP_RAD])
    names = load_robot().arm.joint_names
    return JointTrajectory(names, np.array([0.0, 0.5]), positions, np.zeros_like(positions))


def _some_grasp(dry_run: bool = False) -> ExecuteGrasp.Goal:
    goal = ExecuteGrasp.Goal(dry_run=dry_run)
    goal.grasp.header.frame_id = "base_link"
    place = goal.grasp.pose
    place.position.x, place.position.y, place.position.z = 0.5, 0.0, 0.05
    place.orientation.x, place.orientation.w = 1.0, 0.0
    goal.grasp.width_m = 0.03
    return goal


def _second(bench: Bench, case: Case, done: Injected) -> None:
    if case.subject == "goal":
        sent = bench.goals.send_goal_async(AffordanceGrasp.Goal(query="hold"))
        done.answers["a second goal"] = Answer(sent)
        return
    done.added = f"second_{case.subject}"
    bench.nodes.start(case.subject, done.added)


def _flood(bench: Bench, case: Case, done: Injected) -> None:
    if case.subject == "selects":
        request = SelectGrasp.Request(query="hold")
        done.calls = [bench.selects.call_async(request) for _ in range(FLOOD)]
        return
    if case.subject == "goals":
        client, goal = bench.goals, AffordanceGrasp.Goal(query="hold", dry_run=True)
    else:
        client, goal = bench.executes, _some_grasp(dry_run=True)
    flood = in_flood(FLOOD, lambda: client.send_goal_async(goal))
    done.answers = {f"goal {i} of {FLOOD}": answer for i, answer in enumerate(flood)}


def _nothing(bench: Bench, case: Case, done: Injected) -> None:
    """The fault is in the request itself, or there is none."""


FAMILIES: dict[str, Callable[[Bench, Case, Injected], None]] = {
    "kill": _signal,
    "stop": _signal,
    "end": _signal,
    "pause": _pause,
    "joints": _switch,
    "camera": _switch,
    "gripper": _switch,
    "arm": _switch,
    "clock": _clock,
    "cancel": _cancel,
    "foreign": _foreign,
    "second": _second,
    "flood": _flood,
    "query": _nothing,
    "dry": _nothing,
    "again": _nothing,
    "none": _nothing,
}


def undo(bench: Bench, done: Injected) -> None:
    """Let a stopped process go on, and switch all faults of the cell off."""
    if done.resume:
        bench.nodes.send(done.resume, signal.SIGCONT)
        done.resumed_s = monotonic()
    bench.switch(joints="", camera="", gripper="", arm="", clock_s=0.0, speed=REAL)
