"""The result of one frame, a line of the replay's journal."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affordance_grasp.batch.journal import read_journal

PLANNED, NOTHING, BROKEN = "planned", "nothing", "broken"
KINDS = (PLANNED, NOTHING, BROKEN)


@dataclass(frozen=True)
class FrameResult:
    """One frame as plain data.

    ``kind``: ``planned``; ``nothing``: no table or object was found, ``message`` is the reason;
    ``broken``: the messages could not be used. ``fault``: nothing was found because an external
    generator failed on the frame. ``grasps``: the best, in the optical frame, as
    ``plan`` reports them; ``base``: the first of them in the robot's base frame, where the pose
    of the camera is known, by ``view``, else ``no_view`` is the reason. ``scores``: kld, sim and
    nss where there is ground truth; ``on_part``: whether the first grasp's contact lies on it.
    ``depth_gap_ms``: how far the depth's stamp is from the colour image's. ``lost``: what was left
    out between the frame before and this one.
    """

    index: int
    stamp_ns: int
    bag_ns: int
    kind: str
    message: str = ""
    fault: bool = False
    affordance: str = ""
    confidence: float = 0.0
    peak_uv: tuple[int, int] | None = None
    candidates: int = 0
    ranked: int = 0
    grasps: list[dict[str, Any]] = field(default_factory=list)
    base: dict[str, Any] | None = None
    view: str | None = None
    no_view: str = ""
    rejected: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] | None = None
    on_part: bool | None = None
    picture: str | None = None
    depth_gap_ms: float = 0.0
    lost: dict[str, Any] = field(default_factory=dict)


def read_results(path: Path) -> Iterator[FrameResult]:
    """The results of a finished or unfinished replay, in order, one at a time."""
    return read_journal(path, FrameResult)
