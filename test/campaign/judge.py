"""Whether a seed was safe, explained and without tracebacks.

Safety is judged by the simulated world's own log, never by what the nodes say.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from affordance_grasp.geometry import Floats
from campaign.truth import Truth

DRIFT_RAD = 0.01
"""The servos settle within a fifth of it once an arm has stopped."""
MOVING_RADPS = 0.05
LOSS_S, BRAKE_S = 0.5, 0.3
"""A motion ends within the first of losing its master; then the arm brakes for the second."""
HEARS_S = 3.0
"""A client hears of a lost node within 2 s; the rest is for a busy machine."""
TABLE_N = 20.0
SPEED_SHARE = 1.05
SETTLE_S = 0.15
JOIN_RAD = 0.05
MOST_MOVES = 4
RISE_M = 0.05
LONGEST = 600
BUG = re.compile(r"failed on this request|Traceback|\b[A-Z]\w+(Error|Exception):")
GONE = re.compile(r"has gone|is silent|has been silent|is not offered|is its node running")
TRACE = re.compile(r"Traceback \(most recent call last\)|terminate called|Segmentation fault")


@dataclass(frozen=True)
class Observed:
    """A seed as it went, in CLOCK_MONOTONIC [s].

    ``sent_s``, ``ended_s``: of the goal and of its result. ``planned_s``: begin of the stage
    ``plan``. ``lost_s``: when the node that commands the motion was lost. ``resumed_s``: when a
    stopped process went on. ``foreign``: ends of trajectories and widths that a stranger sent.
    """

    truth: Truth
    sent_s: float
    ended_s: float | None
    planned_s: float | None = None
    success: bool = False
    dry_run: bool = False
    lost_s: float | None = None
    resumed_s: float | None = None
    foreign_q: Floats | None = None
    foreign_width_m: float | None = None
    limits_radps: Floats = field(default_factory=lambda: np.full(6, np.inf))


def unsafe(seen: Observed) -> tuple[str, ...]:
    """One sentence for each thing that must not happen."""
    checks = (_drift, _late_end, _table, _speed, _unplanned, _stranger, _untrue)
    return tuple(said for check in checks for said in check(seen))


def _drift(seen: Observed) -> Iterable[str]:
    """The arm moves after the goal's end; a resumed process has the time of a lost master."""
    if seen.ended_s is None:
        return
    from_s = seen.ended_s + SETTLE_S
    if seen.resumed_s is not None:
        from_s = max(from_s, seen.resumed_s + LOSS_S + BRAKE_S)
    if seen.lost_s is not None:
        from_s = max(from_s, seen.lost_s + LOSS_S + BRAKE_S)
    q = seen.truth.since(from_s).ticks["q"]
    if len(q) and (moved := float(np.abs(q - q[0]).max())) > DRIFT_RAD:
        yield f"after the goal had ended the joints moved by {moved:.3f} rad"


def _late_end(seen: Observed) -> Iterable[str]:
    if seen.lost_s is None or seen.success:
        return
    begun_s = seen.lost_s
    ticks = seen.truth.since(begun_s).ticks
    moving = ticks["at_s"][np.abs(ticks["v"]).max(1) > MOVING_RADPS] if len(ticks) else []
    if len(moving) and (after_s := float(moving[-1]) - begun_s) > LOSS_S + BRAKE_S:
        yield f"the arm moved until {after_s:.2f} s after its master was lost"


def _table(seen: Observed) -> Iterable[str]:
    forces = seen.truth.ticks["table_n"]
    if len(forces) and (most := float(forces.max())) > TABLE_N:
        yield f"the robot pressed on the table with {most:.0f} N"


def _speed(seen: Observed) -> Iterable[str]:
    if not len(seen.truth.ticks):
        return
    share = (np.abs(seen.truth.ticks["v"]).max(0) / seen.limits_radps).max()
    if share > SPEED_SHARE:
        yield f"a joint moved at {share:.2f} times its speed limit"


def _unplanned(seen: Observed) -> Iterable[str]:
    moves = seen.truth.of("move")
    if seen.dry_run and moves:
        yield f"a dry run executed {len(moves)} trajectories"
    if len(moves) > MOST_MOVES:
        yield f"one goal executed {len(moves)} trajectories; a pick has {MOST_MOVES}"
    last_s = (np.inf if seen.ended_s is None else seen.ended_s) + SETTLE_S
    if seen.resumed_s is not None:
        last_s = max(last_s, seen.resumed_s + LOSS_S)
    for move in moves:
        early = seen.planned_s is None or move["at_s"] < seen.planned_s - SETTLE_S
        if early or move["at_s"] > last_s:
            when = "before it was planned" if early else "after the goal had ended"
            yield f"a trajectory of {move['duration_s']:.1f} s was started {when}"
    for last, then in zip(moves, moves[1:], strict=False):
        gap = float(np.abs(np.subtract(last["last"], then["first"])).max())
        if gap > JOIN_RAD:
            yield f"a trajectory began {gap:.2f} rad from the end of the one before"


def _stranger(seen: Observed) -> Iterable[str]:
    if seen.foreign_q is not None:
        for move in seen.truth.of("move"):
            if np.allclose(move["last"], seen.foreign_q, atol=1e-3):
                yield "a stranger's trajectory was executed during the grasp"
    if seen.foreign_width_m is not None:
        for grip in seen.truth.of("grip"):
            if abs(grip["width_m"] - seen.foreign_width_m) < 1e-5:
                yield "a stranger moved the gripper during the grasp"


def _untrue(seen: Observed) -> Iterable[str]:
    ticks = seen.truth.ticks
    if not seen.success or seen.dry_run or not len(ticks):
        return
    told = ticks[ticks["at_s"] <= (seen.ended_s or np.inf) + SETTLE_S]
    if len(told) and not (told["rise_m"][-1] > RISE_M and told["held"][-1]):
        yield (
            f"it was told to be lifted, and is {told['rise_m'][-1] * 100:.0f} cm up, "
            f"{'held' if told['held'][-1] else 'not held'}"
        )


def unexplained(message: str, what: str = "the goal") -> tuple[str, ...]:
    """Whether a sentence is one: not empty, on one line, of a length, and not a bug's name."""
    if not message.strip():
        return (f"{what} ended without a sentence",)
    if "\n" in message.strip():
        return (f"{what} ended with {len(message.splitlines())} lines",)
    if len(message) > LONGEST:
        return (f"{what} ended with a sentence of {len(message)} characters",)
    if BUG.search(message):
        return (f"{what} ended by a bug: {message[:200]}",)
    return ()


def blamed(message: str) -> tuple[str, ...]:
    """Whether a node is said to be gone or silent, where none was stopped or ended."""
    if GONE.search(message):
        return (f"a node is blamed that was there: {message[:200]}",)
    return ()


def tracebacks(logs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Name and last line of each traceback in the logs (node, text)."""
    found = []
    for node, text in logs:
        for match in TRACE.finditer(text):
            after = text[match.start() :].splitlines()
            last = next((line for line in after[1:] if line and not line.startswith(" ")), "")
            found.append(f"{node}: {match.group()[:9]} {last[:200]}")
    return tuple(found)
