"""What the simulated world really did, tick by tick, in files that outlive a killed process."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOINTS = 6
TICK = np.dtype(
    [
        ("at_s", "f8"),  # CLOCK_MONOTONIC, which all processes of a machine share
        ("world_s", "f8"),
        ("q", "f8", JOINTS),
        ("v", "f8", JOINTS),
        ("table_n", "f8"),  # largest force between robot and table since the world was made
        ("width_m", "f8"),
        ("rise_m", "f8"),  # of the object
        ("held", "f8"),
        ("moving", "f8"),
    ]
)
TICKS, EVENTS = "ticks.bin", "events.jsonl"


class TruthWriter:
    """Appends ticks and events; each write is one system call."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._ticks = os.open(folder / TICKS, flags, 0o644)
        self._events = os.open(folder / EVENTS, flags, 0o644)

    def tick(self, **values: Any) -> None:
        """One tick, with the fields of ``TICK`` but the time."""
        row = np.zeros(1, TICK)
        for name, value in {"at_s": monotonic(), **values}.items():
            row[name] = value
        os.write(self._ticks, row.tobytes())

    def event(self, what: str, **values: Any) -> None:
        """Something that was commanded: a trajectory, a stop, a grip, a new world."""
        line = json.dumps({"at_s": monotonic(), "what": what, **values})
        os.write(self._events, line.encode() + b"\n")


@dataclass(frozen=True)
class Truth:
    """Ticks (N,) of ``TICK`` and events of a span of time."""

    ticks: NDArray[Any]
    events: tuple[dict[str, Any], ...]

    def since(self, at_s: float) -> "Truth":
        """What happened from a moment on."""
        kept = self.ticks[self.ticks["at_s"] >= at_s]
        return Truth(kept, tuple(event for event in self.events if event["at_s"] >= at_s))

    def of(self, what: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [event for event in self.events if event["what"] == what]


class TruthReader:
    """Reads what was appended since the last :meth:`mark`."""

    def __init__(self, folder: Path) -> None:
        self._ticks, self._events = folder / TICKS, folder / EVENTS
        self._from_tick = self._from_event = 0

    def mark(self) -> None:
        """Forget all that is there by now."""
        size = self._ticks.stat().st_size if self._ticks.exists() else 0
        self._from_tick = size - size % TICK.itemsize
        self._from_event = self._events.stat().st_size if self._events.exists() else 0

    def read(self) -> Truth:
        """All since the mark."""
        if not self._ticks.exists():
            return Truth(np.zeros(0, TICK), ())
        with open(self._ticks, "rb") as file:
            file.seek(self._from_tick)
            data = file.read()
        whole = len(data) // TICK.itemsize * TICK.itemsize
        events = []
        if self._events.exists():
            with open(self._events, "rb") as file:
                file.seek(self._from_event)
                lines = file.read().split(b"\n")[:-1]
            events = [json.loads(line) for line in lines if line]
        return Truth(np.frombuffer(data[:whole], TICK), tuple(events))
