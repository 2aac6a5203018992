"""Why a pick failed, as one of a few causes that can be counted."""

from collections.abc import Iterable, Mapping

from affordance_grasp.control.gripper import Hold
from affordance_grasp.control.motion.execution import PickExecution
from affordance_grasp.datatypes import Reason, TextEnum
from affordance_grasp.simulation.cell.outcome import PickOutcome

OBJECT = "object"
PRESSED_N = 40.0
"""A robot that presses on the table with more has collided with it."""


class Cause(TextEnum):
    """Why a pick failed, in the order in which they are sought."""

    NONE = ""
    REFUSED = "refused"
    NO_CANDIDATE = "no candidate"
    COLD = "cold"
    NO_IK = "no IK"
    OBSTACLE = "obstacle"
    WRONG_OBJECT = "wrong object"
    WRONG_PART = "wrong part"
    COLLIDED = "collided"
    MISSED = "missed"
    SLIPPED = "slipped"


OF_REASON = {
    Reason.COLD: Cause.COLD,
    Reason.NO_IK: Cause.NO_IK,
    Reason.JOINT_LIMIT: Cause.NO_IK,
    Reason.PATH: Cause.NO_IK,
    Reason.OBSTACLE: Cause.OBSTACLE,
}
"""What a rejected candidate counts as; the others are no grasps at all."""
LAST_ASKED = ((Cause.NO_IK, Cause.OBSTACLE), (Cause.COLD,))
"""Of the candidates those that came farthest tell why there is none."""


def unplanned(rejected: Mapping[Reason, int]) -> Cause:
    """Why no grasp was chosen, from how many candidates were rejected for each reason."""
    counts = dict.fromkeys(Cause, 0)
    for reason, count in rejected.items():
        counts[OF_REASON.get(reason, Cause.NO_CANDIDATE)] += count
    for causes in LAST_ASKED:
        commonest = max(causes, key=lambda cause: counts[cause])
        if counts[commonest]:
            return commonest
    return Cause.NO_CANDIDATE


def unsuccessful(
    outcome: PickOutcome, execution: PickExecution, parts: Iterable[str], aimed_at: str
) -> Cause:
    """Why an executed pick failed; ``NONE`` where it did not.

    Args:
        outcome: the state of the object at the end.
        execution: what the fingers measured.
        parts: the functional parts by which the object was to be held.
        aimed_at: what the grasp closed at, as ``object/part``.
    """
    if outcome.held_by(parts):
        return Cause.NONE
    aimed, _, _ = aimed_at.partition("/")
    if outcome.held_neighbour or aimed not in (OBJECT, ""):
        return Cause.WRONG_OBJECT
    if outcome.lifted and outcome.held:
        return Cause.WRONG_PART
    if outcome.met_neighbours or outcome.table_force_n > PRESSED_N:
        return Cause.COLLIDED
    return Cause.SLIPPED if execution.closed_verdict is Hold.HELD else Cause.MISSED
