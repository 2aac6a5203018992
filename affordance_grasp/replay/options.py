"""The settings of a replay: those of a plan, which frames of the recording, which topics."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from affordance_grasp.batch.backends import BACKENDS, PROCESSES
from affordance_grasp.configuration.settings import (
    Count,
    NotNegative,
    Positive,
    Settings,
    Whole,
    Word,
    about,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.planning import PlanningOptions


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(PlanningOptions, title="replay"):
    """Which frames are planned, how, and where the results go."""

    query: Annotated[Word, about("what to do: hold, grab, cut ...")]
    out: Annotated[Path | None, about("folder for results, figures and report.html")] = None
    every: Annotated[Count, about("every n-th frame")] = 1
    start_s: Annotated[NotNegative, about("from this second on", flag="start")] = 0.0
    end_s: Annotated[Positive | None, about("until this second", flag="end")] = None
    pictures_every: Annotated[Whole, about("figure of every n-th planned frame; 0: none")] = 1
    scenes_every: Annotated[
        Whole, about("3-D page of every n-th planned frame, in scenes/ (extra page); 0: none")
    ] = 0
    reach: Annotated[bool, about("check what the arm can reach, where the bag has its pose")] = (
        True
    )
    strict: Annotated[bool, about("stop at the first broken message")] = False
    workers: Annotated[Count, about("planning processes; 1: this one")] = 2
    backend: Annotated[Word, about(BACKENDS)] = PROCESSES
    truth: Annotated[Path | None, about("ground truth: STAMP_NS.png or INDEX.png")] = None

    def check(self) -> None:
        """Refuse settings that select no frame."""
        if self.end_s is not None and self.end_s <= self.start_s:
            raise InvalidInput(
                f"replay: end_s is {self.end_s:g}; it must be after start_s, {self.start_s:g}"
            )


@dataclass(frozen=True)
class TopicNames(Settings, title="topics"):
    """Names of topics; None: found by type and name."""

    color: Annotated[Word | None, about("colour images", flag="color-topic")] = None
    depth: Annotated[Word | None, about("depth aligned to colour", flag="depth-topic")] = None
    camera_info: Annotated[
        Word | None, about("intrinsics of the colour camera", flag="info-topic")
    ] = None
    joint_states: Annotated[Word | None, about("joint positions", flag="joint-topic")] = None
    truth: Annotated[
        Word | None, about("ground truth maps, mono8 or 32FC1", flag="truth-topic")
    ] = None
