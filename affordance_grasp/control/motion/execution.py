"""One pick, the same for every robot: open, approach, descend, close, lift, retreat.

The simulated world and the robots behind ROS actions implement :class:`Actuators`; the sequence
and the verdict are defined here only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from affordance_grasp.control.gripper import Gripper, Hold, hold_verdict
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault

Stage = Literal["open", "approach", "descend", "close", "lift", "retreat", "hold"]
STAGES: tuple[Stage, ...] = get_args(Stage)
HOLD_S = 0.5
OPEN_TOLERANCE_M = 0.003

OnStage = Callable[[Stage], None]


class Actuators(Protocol):
    """An arm and a gripper; every call returns when it is done, or raises ``MotionFault``."""

    def move(self, trajectory: JointTrajectory, any_path: bool = False) -> None:
        """Follow the trajectory; with ``any_path`` another free path to its end will do."""

    def grip(self, width_m: float, force_n: float) -> float:
        """Move the fingertips to a distance [m]; return the distance that they reach."""

    def hold(self, duration_s: float) -> float:
        """Wait without moving [s]; return the distance of the fingertips [m] then."""

    def stop(self) -> None:
        """Stop at once."""


@dataclass(frozen=True)
class PickExecution:
    """The measurements of the robot's own sensors after a pick.

    ``verdict`` and ``width_m``: at home, after holding still. ``closed_verdict`` and
    ``closed_width_m``: before lifting.
    """

    verdict: Hold
    width_m: float
    closed_verdict: Hold
    closed_width_m: float

    @property
    def held(self) -> bool:
        """True when something is between the fingers at the end."""
        return self.verdict is Hold.HELD


def perform_pick(
    actuators: Actuators,
    plan: PickPlan,
    gripper: Gripper,
    on_stage: OnStage | None = None,
) -> PickExecution:
    """Carry out a planned pick; ``on_stage`` is called with every stage as it begins."""
    announce = on_stage or (lambda stage: None)
    announce("open")
    _check_open(plan, actuators.grip(plan.open_width_m, plan.force_n))
    announce("approach")
    actuators.move(plan.approach, any_path=True)
    announce("descend")
    actuators.move(plan.descend)
    announce("close")
    closed_width_m = actuators.grip(plan.close_width_m, plan.force_n)
    announce("lift")
    actuators.move(plan.lift)
    announce("retreat")
    actuators.move(plan.retreat, any_path=True)
    announce("hold")
    width_m = actuators.hold(HOLD_S)
    return PickExecution(
        verdict=_verdict(plan, gripper, width_m),
        width_m=width_m,
        closed_verdict=_verdict(plan, gripper, closed_width_m),
        closed_width_m=closed_width_m,
    )


def _check_open(plan: PickPlan, width_m: float) -> None:
    """The path was checked at this opening: with narrower fingers the tips reach lower."""
    if abs(width_m - plan.open_width_m) > OPEN_TOLERANCE_M:
        raise MotionFault(
            f"the fingers are {width_m * 1e3:.1f} mm apart instead of "
            f"{plan.open_width_m * 1e3:.1f} mm; free the gripper from what it holds or what "
            "blocks it, and see that it is calibrated"
        )


def _verdict(plan: PickPlan, gripper: Gripper, width_m: float) -> Hold:
    closed_m = gripper.clamp_width(plan.close_width_m)
    return hold_verdict(width_m, closed_m, plan.open_width_m, gripper.hold_margin_m)
