"""Which faults there are, at which stages of a grasp each is injected, and the draw of a seed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

BEFORE, AFTER = "before", "after"
DECIDING = ("look", "decide")
MOVING = ("open", "approach", "descend", "close", "lift", "retreat", "hold")
STAGES = (BEFORE, *DECIDING, *MOVING, AFTER)
NOMINAL_S = {
    "look": 0.3,
    "decide": 0.6,
    "open": 0.5,
    "approach": 1.4,
    "descend": 0.7,
    "close": 0.4,
    "lift": 0.8,
    "retreat": 1.4,
    "hold": 0.5,
}
"""Duration of each stage in real time, of which a share passes before the fault [s]."""

CAMERA_STAGES = (BEFORE, *DECIDING, "approach")
JOINT_STAGES = (BEFORE, *DECIDING, "approach", "descend", "close", "lift", "retreat")
DRIVEN = ("open", "approach", "descend", "close", "lift", "retreat")
LONG = ("decide", "approach", "close", "lift")
CAMERA_FAULTS = (
    *("stopped", "colour_stopped", "depth_stopped", "info_stopped"),
    *("depth_zero", "depth_full", "depth_nan", "depth_half_size", "depth_half_seen"),
    *("depth_late", "info_of_sensor", "info_of_other_size", "info_zero", "info_nan"),
    *("colour_black", "colour_torn", "other_frame", "old", "future", "zero_stamps"),
)
JOINT_FAULTS = (
    *("stopped", "nan", "three", "foreign", "short"),
    *("jumped", "frozen", "doubled", "old", "future"),
)
KINDS: dict[str, tuple[str, ...]] = {
    **{
        f"{how} {node}": (BEFORE, *DECIDING, *MOVING)
        for how in ("kill", "stop")
        for node in ("simulator", "selector", "controller")
    },
    **{
        f"{how} {node}": (BEFORE, *DECIDING, "approach")
        for how in ("kill", "stop", "end", "pause")
        for node in ("grounder", "candidates")
    },
    **{f"end {node}": (BEFORE, *LONG) for node in ("simulator", "selector", "controller")},
    **{
        f"pause {node}": (BEFORE, "decide", *DRIVEN)
        for node in ("simulator", "selector", "controller")
    },
    **{f"camera {name}": CAMERA_STAGES for name in CAMERA_FAULTS},
    **{f"joints {name}": JOINT_STAGES for name in JOINT_FAULTS},
    **{
        f"gripper {name}": (BEFORE, "approach", "lift")
        for name in ["early", "late", "never", "ghost", "nan", "refuses"]
    },
    **{
        f"arm {name}": (BEFORE, "approach", "close", "lift")
        for name in ["early", "late", "never", "half", "ghost", "refuses"]
    },
    **{f"clock {jump_s}": JOINT_STAGES for jump_s in ("+10", "-10", "+0.3", "-0.3", "+3600")},
    **{f"foreign {action}": DRIVEN for action in ("trajectory", "gripper", "execute")},
    **{f"second {node}": (BEFORE, "approach") for node in ("controller", "selector", "grounder")},
    "second goal": ("decide", *DRIVEN),
    **{f"flood {name}": (BEFORE, *LONG) for name in ("goals", "selects", "executes")},
    "cancel once": (*DECIDING, *MOVING),
    "cancel thrice": (*DECIDING, *MOVING),
    **{
        f"query {name}": (BEFORE,)
        for name in ("unknown", "negated", "empty", "long", "control", "foreign")
    },
    "dry run": (BEFORE,),
    "again grasp": (AFTER,),
    "none": (BEFORE,),
}
"""Fault -> the stages at which it is injected. ``end``: SIGTERM; ``stop``: SIGSTOP for good;
``pause``: SIGSTOP and SIGCONT."""

OBJECTS = ("mug", "spoon", "wrench", "screwdriver", "hammer", "knife", "pan", "fork")
QUERIES = ("hold", "grab it", "pick it up by the handle")
LOSES_NODE = ("kill", "end", "stop")


@dataclass(frozen=True)
class Case:
    """All that is drawn for a seed.

    ``share``: of the stage's duration that passes before the fault. ``pause_s``: of a paused
    process. ``pose``: seed of the object's instance and place.
    """

    seed: int
    kind: str
    stage: str
    share: float
    pause_s: float
    object: str
    pose: int
    query: str

    @property
    def family(self) -> str:
        """First word of the kind."""
        return self.kind.split()[0]

    @property
    def subject(self) -> str:
        """What it befalls, or how."""
        return self.kind.partition(" ")[2]

    @property
    def delay_s(self) -> float:
        """From the stage's begin to the fault [s]."""
        return self.share * NOMINAL_S.get(self.stage, 0.0)

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


@cache
def cells() -> tuple[tuple[str, str], ...]:
    """Every kind with each of its stages, shuffled once and for all."""
    listed = [(kind, stage) for kind, stages in KINDS.items() for stage in stages]
    return tuple(listed[i] for i in np.random.default_rng(10).permutation(len(listed)))


def draw(seed: int, attempt: int = 0) -> Case:
    """The case of a seed; seeds go through all cells in turn, so that none is left out.

    ``attempt``: another object and place, where a grasp ended before the stage was reached.
    """
    kind, stage = cells()[seed % len(cells())]
    rng = np.random.default_rng([seed, attempt])
    return Case(
        seed=seed,
        kind=kind,
        stage=stage,
        share=round(float(rng.uniform(0.05, 0.7)), 3),
        pause_s=round(float(rng.uniform(0.05, 1.2)), 3),
        object=str(rng.choice(OBJECTS)),
        pose=int(rng.integers(0, 1000)),
        query=str(rng.choice(QUERIES)),
    )


def drawn(kinds: str, seeds: range) -> Iterator[int]:
    """Those of some seeds whose kind begins with a word; all for an empty one."""
    return (seed for seed in seeds if draw(seed).kind.startswith(kinds))
