"""One JSON line per seed, so that a run that was ended goes on, and the tables of them all.

A line is written whole once a seed has been judged; a torn last line of a run that was killed is
left out, and its seed runs again.
"""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COUNTS = ("unsafe", "unexplained", "tracebacks")


@dataclass(frozen=True)
class Verdict:
    """What one seed came to.

    ``half``: ``faults`` or ``files``. ``kind`` and ``stage`` are the table's row and column: the
    fault and when it was injected; the kind of file and the command that read it. ``case``: all
    that was drawn for the seed. ``unsafe``, ``unexplained``, ``tracebacks``: one sentence for
    each finding, none for a seed without. ``told``: what the product said. ``commit``: of the
    product, with ``+`` where the checkout has changes.
    """

    seed: int
    half: str
    kind: str
    stage: str
    case: dict[str, Any] = field(default_factory=dict)
    unsafe: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    tracebacks: tuple[str, ...] = ()
    told: str = ""
    seconds: float = 0.0
    commit: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.unsafe or self.unexplained or self.tracebacks)


class Journal:
    """A file of verdicts; several processes may append to it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, verdict: Verdict) -> None:
        """One write of one line, which the system does not tear between processes."""
        line = json.dumps(asdict(verdict), separators=(",", ":")) + "\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if _torn(self._path):
                line = "\n" + line
            os.write(file, line.encode())
        finally:
            os.close(file)

    def verdicts(self) -> Iterator[Verdict]:
        """All that can be read, the last of each seed."""
        last: dict[tuple[str, int], Verdict] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                if (verdict := _read(line)) is not None:
                    last[verdict.half, verdict.seed] = verdict
        yield from last.values()

    def left(self, half: str, seeds: Iterable[int]) -> list[int]:
        """Those of some seeds that have no verdict yet."""
        done = {verdict.seed for verdict in self.verdicts() if verdict.half == half}
        return [seed for seed in seeds if seed not in done]


def _torn(path: Path) -> bool:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _read(line: str) -> Verdict | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    lists = {name: tuple(found[name]) for name in COUNTS}
    return Verdict(**(found | lists))


@cache
def commit() -> str:
    """The checkout's commit, with ``+`` where tracked files differ from it."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def table(verdicts: Sequence[Verdict], order: Sequence[str] = ()) -> str:
    """Markdown: runs by kind and stage, and of each kind how many had findings.

    ``order``: of the stages' columns, those that it names first.
    """
    stages = list(dict.fromkeys(verdict.stage for verdict in verdicts))
    stages.sort(key=lambda stage: order.index(stage) if stage in order else len(order))
    cells: dict[str, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        cells[verdict.kind][verdict.stage].append(verdict)
    lines = [
        f"| kind | {' | '.join(stages)} | runs | unsafe | unexplained | tracebacks |",
        "|---|" + "---|" * (len(stages) + 4),
    ]
    for kind in sorted(cells):
        row = cells[kind]
        all_of_kind = [verdict for stage in stages for verdict in row[stage]]
        counts = [str(len(row[stage]) or "") for stage in stages]
        lines.append(f"| {kind} | {' | '.join(counts)} | {_totals(all_of_kind)} |")
    together = [str(sum(v.stage == stage for v in verdicts)) for stage in stages]
    lines.append(f"| **all** | {' | '.join(together)} | {_totals(verdicts)} |")
    return "\n".join(lines)


def _totals(verdicts: Sequence[Verdict]) -> str:
    found = (sum(bool(getattr(verdict, name)) for verdict in verdicts) for name in COUNTS)
    return " | ".join(map(str, (len(verdicts), *found)))


def findings(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A line per seed that is not clean, with what was found."""
    for verdict in verdicts:
        found = [f"{name}: {said}" for name in COUNTS for said in getattr(verdict, name)]
        if found:
            yield f"{verdict.half} {verdict.seed} ({verdict.kind}, {verdict.stage}): " + "; ".join(
                found
            )
