"""What a page can do with a camera and an arm, whichever these are."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.geometry import Floats
from affordance_grasp.report.figures import RgbImage
from affordance_grasp.view.planned import ArmPose, Planned

Tell = Callable[[str], None]


class Moves(Enum):
    """What moves when a page picks."""

    NOTHING = "nothing moves: recorded images"
    SIMULATION = "simulation"
    REAL = "a real arm"


@dataclass(frozen=True, eq=False)
class Sight:
    """A frame and where the arm was, None where that is not known."""

    frame: RgbdFrame
    pose: ArmPose | None


@dataclass(frozen=True, eq=False)
class ArmState:
    """Where the arm is now: joint positions ``q`` (J,) [rad], distance of the fingertips [m]."""

    q: Floats
    width_m: float


class WorkCell(Protocol):
    """A camera and perhaps an arm.

    ``look``, ``plan`` and ``pick`` are called one at a time, by one thread, and end by themselves;
    every error of theirs is an ``AffordanceGraspError`` whose sentence tells how things stand.
    ``stop``, ``state`` and ``picture`` return at once and may be called by any thread.
    """

    robot: RobotConfig
    moves: Moves
    title: str

    def look(self) -> Sight:
        """The next frame."""

    def plan(self, query: str, tell: Tell) -> Planned:
        """Plan for a query; ``tell`` gets a line for every stage."""

    def pick(self, planned: Planned, tell: Tell) -> str:
        """Make the planned pick; one sentence on how it ended."""

    def stop(self) -> None:
        """End what is going on; the arm brakes."""

    def state(self) -> ArmState | None:
        """Where the arm is, None where that is not known."""

    def picture(self) -> RgbImage | None:
        """What the camera sees; None where there is nothing newer than what was told before."""

    def close(self) -> None:
        """Give everything back."""
