"""Recorded images as a work cell: they can be planned on, and nothing moves."""

from collections.abc import Iterator

from affordance_grasp.errors import InvalidInput
from affordance_grasp.pipeline import Planner
from affordance_grasp.view.planned import Planned, plan_seen
from affordance_grasp.view.work_cell import ArmState, Moves, Sight, Tell


class RecordedCell:
    """One frame after the other; a plan is made on the one that was looked at last."""

    moves = Moves.NOTHING

    def __init__(self, planner: Planner, sights: Iterator[Sight], title: str) -> None:
        """``sights`` are taken one by one; after the last it stays at that."""
        self._planner, self._sights, self.title = planner, sights, title
        self.robot = planner.robot
        self._seen: Sight | None = None

    def look(self) -> Sight:
        """The next frame of the recording."""
        self._seen = next(self._sights, self._seen)
        if self._seen is None:
            raise InvalidInput(f"{self.title} has no frame")
        return self._seen

    def plan(self, query: str, tell: Tell) -> Planned:
        """Plan on the frame that was looked at last."""
        seen = self._seen or self.look()
        tell("planning")
        return plan_seen(self._planner, seen.frame, query, seen.pose)

    def pick(self, planned: Planned, tell: Tell) -> str:
        """Refused."""
        raise InvalidInput("these images are recorded: nothing can be picked")

    def stop(self) -> None:
        """Nothing moves."""

    def state(self) -> ArmState | None:
        """Where the arm was at the frame."""
        pose = None if self._seen is None else self._seen.pose
        return None if pose is None else ArmState(pose.q, self.robot.gripper.max_width_m)

    def picture(self) -> None:
        """None: what is seen is told by ``look``."""

    def close(self) -> None:
        """Nothing is held."""
