"""Statistics of a replay: summary.json and frames.csv."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affordance_grasp.errors import writing
from affordance_grasp.replay.report.results import KINDS, PLANNED, FrameResult, Lost

SCORES = ("kld", "sim", "nss")
MOST_MESSAGES = 5
DIGITS = 4
COLUMNS = (
    "index",
    "stamp_ns",
    "kind",
    "confidence",
    "peak_u",
    "peak_v",
    "candidates",
    "ranked",
    "heat",
    "quality",
    "width_m",
    "x",
    "y",
    "z",
    "view",
    "latency_ms",
    *SCORES,
    "on_part",
    "message",
)


@dataclass
class Tally:
    """Accumulates results one at a time, a few numbers per frame."""

    kinds: Counter[str] = field(default_factory=Counter)
    fault: str = ""
    views: Counter[str] = field(default_factory=Counter)
    unchecked: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    columns: dict[str, list[float]] = field(default_factory=dict)
    worst_gap_ms: float = 0.0
    first_ns: int | None = None
    last_ns: int = 0

    def add(self, result: FrameResult) -> None:
        """Add one frame."""
        self.kinds[result.kind] += 1
        self.fault = self.fault or (result.message if result.fault else "")
        self.first_ns = result.stamp_ns if self.first_ns is None else self.first_ns
        self.last_ns = result.stamp_ns
        self.worst_gap_ms = max(self.worst_gap_ms, result.depth_gap_ms)
        self.lose(result.lost)
        if result.message:
            self.messages[result.message] += 1
        if result.kind != PLANNED:
            return
        self.views[result.view or "none"] += 1
        self.unchecked.update(filter(None, [result.no_view]))
        self.rejected.update(result.rejected)
        figures = {"confidence": result.confidence, "taken": float(result.ranked > 0)}
        figures |= {f"{name}_ms": ms for name, ms in result.latency_ms.items()}
        figures |= {"heat": result.grasps[0]["heat"]} if result.grasps else {}
        figures |= result.scores or {}
        figures |= {} if result.on_part is None else {"on_part": float(result.on_part)}
        for name, value in figures.items():
            self.columns.setdefault(name, []).append(value)

    def lose(self, lost: Lost) -> None:
        """Add what was left out before a frame, or after the last."""
        self.lost["unpaired"] += lost.get("unpaired", 0)
        self.lost["broken"] += lost.get("broken", 0)
        if first := lost.get("first"):
            self.messages[first] += lost.get("broken", 1)

    def summary(self) -> dict[str, Any]:
        """All statistics as plain data; None where nothing was measured."""
        latency = {n[:-3]: _spread(v) for n, v in self.columns.items() if n.endswith("_ms")}
        scored = len(self.columns.get("kld", []))
        span_ns = None if self.first_ns is None else self.last_ns - self.first_ns
        return {
            "frames": {"total": self.kinds.total(), **{k: self.kinds[k] for k in KINDS}},
            "left_out": {
                "colour_images_without_depth": self.lost["unpaired"],
                "broken_messages": self.lost["broken"],
            },
            "worst_depth_gap_ms": round(self.worst_gap_ms, 3),
            "span_s": None if span_ns is None else round(span_ns * 1e-9, 3),
            "grasp_found_rate": self._mean("taken"),
            "confidence": self._mean("confidence"),
            "heat_of_first": self._mean("heat"),
            "camera_pose": dict(self.views),
            "reach_not_checked": self._unchecked(),
            "rejected": dict(self.rejected.most_common()),
            "latency_ms": latency,
            "ground_truth": {
                "maps": scored,
                **{name: self._mean(name) for name in SCORES},
                "grasps": len(self.columns.get("on_part", [])),
                "on_part_rate": self._mean("on_part"),
            },
            "messages": dict(self.messages.most_common(MOST_MESSAGES)),
        }

    def _unchecked(self) -> str:
        """One sentence where the reach was to be checked and could not be; else empty."""
        if not self.unchecked:
            return ""
        (why, _), *_ = self.unchecked.most_common(1)
        frames = f"{self.unchecked.total()} of {self.kinds[PLANNED]} planned frames"
        return f"reach was not checked on {frames}: {why}"

    def _mean(self, name: str) -> float | None:
        values = self.columns.get(name)
        return round(float(np.mean(values)), DIGITS) if values else None


def tally(results: Iterable[FrameResult]) -> Tally:
    """Add up results."""
    whole = Tally()
    for result in results:
        whole.add(result)
    return whole


def _spread(values: list[float]) -> dict[str, float]:
    middle, high = np.percentile(values, [50, 90])
    return {"median": round(float(middle), 1), "p90": round(float(high), 1)}


def write_table(path: Path, results: Iterable[FrameResult]) -> Path:
    """One row per frame as CSV; position [m] is that of the first grasp in the optical frame."""
    with writing(path), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for result in results:
            writer.writerow(_row(result))
    return path


def _row(result: FrameResult) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(result, name) for name in ("index", "stamp_ns", "kind", "message")
    }
    if result.kind != PLANNED:
        return row
    row |= {n: getattr(result, n) for n in ("confidence", "candidates", "ranked", "view")}
    row["latency_ms"] = result.latency_ms["total"]
    if result.peak_uv:
        row["peak_u"], row["peak_v"] = result.peak_uv
    if result.grasps:
        best = result.grasps[0]
        row |= {name: best[name] for name in ("heat", "quality", "width_m")}
        row["x"], row["y"], row["z"] = best["position"]
    row |= {name: round(value, DIGITS) for name, value in (result.scores or {}).items()}
    row["on_part"] = "" if result.on_part is None else int(result.on_part)
    return row
