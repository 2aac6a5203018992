"""The result of one frame, and the file of results, one JSON line per frame."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from affordance_grasp.configuration.documents import parse_json
from affordance_grasp.errors import InvalidInput, writing

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


class ResultsFile:
    """Appends results so that a killed run loses at most the frame it was writing."""

    def __init__(self, path: Path) -> None:
        """Cut off an unfinished line and keep the last complete one."""
        self.path = path
        self.last: FrameResult | None = None
        self.count = 0
        whole = 0
        if path.exists():
            with path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self.last = _parsed(line, path)
                    self.count += 1
                    whole += len(line)
        self._file = path.open("ab")
        self._file.truncate(whole)

    def append(self, result: FrameResult) -> None:
        """Write one line and flush it."""
        line = json.dumps(asdict(result), separators=(",", ":"), allow_nan=False)
        with writing(self.path):
            self._file.write(line.encode() + b"\n")
            self._file.flush()
        self.last = result
        self.count += 1

    def clear(self) -> None:
        """Remove all results."""
        self._file.truncate(0)
        self.last, self.count = None, 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_results(path: Path) -> Iterator[FrameResult]:
    """The results of a finished or unfinished run, in order, one at a time."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _parsed(line, path)


def _parsed(line: bytes, path: Path) -> FrameResult:
    try:
        return FrameResult(**parse_json(line, "result"))
    except (InvalidInput, TypeError) as error:
        raise InvalidInput(
            f"{path} is not the results file of a replay; use another folder or start afresh"
        ) from error
