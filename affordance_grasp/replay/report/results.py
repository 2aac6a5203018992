"""The result of one frame, a line of the replay's journal."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

from affordance_grasp.batch.journal import read_journal
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.report.plan_report import ReportedGrasp

Kind = Literal["planned", "nothing", "broken"]
PLANNED: Kind
NOTHING: Kind
BROKEN: Kind
PLANNED, NOTHING, BROKEN = KINDS = get_args(Kind)
PICTURES, SCENES = "frames", "scenes"
PICTURE = re.compile(rf"{PICTURES}/\d+\.jpg")


class Lost(TypedDict, total=False):
    """What was left out, and the first reason."""

    unpaired: int
    broken: int
    first: str


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
    kind: Kind
    message: str = ""
    fault: bool = False
    affordance: str = ""
    confidence: float = 0.0
    peak_uv: tuple[int, int] | None = None
    candidates: int = 0
    ranked: int = 0
    grasps: list[ReportedGrasp] = field(default_factory=list)
    base: dict[str, Any] | None = None
    view: str | None = None
    no_view: str = ""
    rejected: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] | None = None
    on_part: bool | None = None
    picture: str | None = None
    depth_gap_ms: float = 0.0
    lost: Lost = field(default_factory=Lost)

    def __post_init__(self) -> None:
        """Refuse a line that only looks like a result."""
        if self.kind == PLANNED and "total" not in self.latency_ms:
            raise InvalidInput(f"result of frame {self.index} has no latency_ms: total")
        if self.picture and not PICTURE.fullmatch(self.picture):
            raise InvalidInput(f"result of frame {self.index} has picture {shown(self.picture)}")


def read_results(path: Path) -> Iterator[FrameResult]:
    """The results of a finished or unfinished replay, in order, one at a time."""
    return read_journal(path, FrameResult)


def scene_name(index: int) -> str:
    """The 3-D page of a frame, from the folder of the replay."""
    return f"{SCENES}/{index:06d}.html"
