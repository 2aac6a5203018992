"""Joint positions from ``joint_states``: the newest, and those at an image's stamp."""

from collections.abc import Sequence

import numpy as np

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.streams.messages import JointStateMessage, stamp_ns, to_joint_positions
from affordance_grasp.streams.timeline import Timeline

FASTEST_RAD_S = 2 * np.pi
STILL_RAD = 0.002
SAME_RAD = 0.05
"""Tolerance for positions of one stamp: some drivers stamp more coarsely than they measure."""


class JointHistory(Timeline[Floats]):
    """The last seconds of the positions of some joints, in the order they are named."""

    def __init__(self, names: Sequence[str]) -> None:
        """No positions yet."""
        super().__init__(_apart)
        self.names = tuple(names)

    @property
    def received(self) -> bool:
        """Whether positions of these joints have arrived."""
        return len(self) > 0

    @property
    def contradiction(self) -> str:
        """One sentence where publishers contradict each other; empty where they do not."""
        if not self.contradicts_itself:
            return ""
        return (
            f"joint_states jumps to and fro between positions of {', '.join(self.names)}, as from "
            "two publishers that contradict each other; stop all but one"
        )

    def take(self, message: JointStateMessage) -> None:
        """Store a message; one without these joints is ignored.

        Drivers publish arm and gripper separately.

        Raises:
            InvalidInput: the message holds no finite positions.
        """
        if set(self.names) <= set(message.name):
            positions = to_joint_positions(message, self.names)
            self.insert(stamp_ns(message.header.stamp), positions)

    def at(self, stamp_ns: int) -> Floats:
        """Positions (J,) [rad] at a stamp, interpolated.

        Raises:
            NotKnown: no positions near the stamp.
            InvalidInput: publishers contradict each other.
        """
        if self.contradiction:
            raise InvalidInput(self.contradiction)
        before, after, share = self.around(stamp_ns, "joint_states")
        return np.asarray((1 - share) * before + share * after)

    def rests(self, window_ns: int) -> bool:
        """Whether the joints have stood still for a while before the newest positions."""
        recent = np.array(self.since(self.newest_ns - window_ns))
        return len(recent) > 1 and bool(np.ptp(recent, axis=0).max() < STILL_RAD)


def _apart(q: Floats, other: Floats, seconds: float) -> bool:
    return bool(np.abs(q - other).max(initial=0.0) > SAME_RAD + FASTEST_RAD_S * seconds)
