"""Joint positions from ``joint_states``: the newest, and those at an image's stamp."""

from collections.abc import Sequence

import numpy as np

from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.geometry import Floats
from affordance_grasp.streams.messages import JointStateMessage, stamp_ns, to_joint_positions
from affordance_grasp.streams.timeline import NotKnown, Timeline

FASTEST_RAD_S = 2 * np.pi
STILL_RAD = 0.002
SAME_RAD = 0.05
"""Tolerance for positions of one stamp: some drivers stamp more coarsely than they measure."""
SOON = 2
"""Times the largest age, for which a fault of the last message explains why there is no better."""


class JointHistory(Timeline[Floats]):
    """The last seconds of the positions of some joints, in the order they are named."""

    def __init__(self, names: Sequence[str]) -> None:
        """No positions yet."""
        super().__init__(_apart)
        self.names = tuple(names)
        self._came_ns, self._late_ns, self._fault = 0, 0, ""
        self._others: tuple[str, ...] = ()

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
            f"joint_states jumps to and fro between positions of {self._listed()}, as from "
            "two publishers that contradict each other; stop all but one"
        )

    def take(self, message: JointStateMessage, now_ns: int = 0) -> None:
        """Store a message; one without these joints is not used.

        Drivers publish arm and gripper separately.

        Args:
            message: of any joints.
            now_ns: when it came, by the receiver's clock, for :meth:`complaint`.

        Raises:
            InvalidInput: the message holds no finite positions of these joints.
        """
        if not set(self.names) & set(message.name):
            self._others = tuple(message.name)
            return
        self._came_ns, self._fault = now_ns, ""
        try:
            positions = to_joint_positions(message, self.names)
        except InvalidInput as error:
            self._fault = str(error)
            raise
        self.insert(stamp_ns(message.header.stamp), positions)
        self._late_ns = now_ns - stamp_ns(message.header.stamp)

    def complaint(self, now_ns: int, max_age_s: float) -> str:
        """One sentence where these positions are not those of now; empty where they are."""
        if self.contradiction:
            return self.contradiction
        age_s = (now_ns - self.newest_ns) * 1e-9 if self.received else np.inf
        if abs(age_s) <= max_age_s:  # a stamp from the future would stay fresh
            return ""
        silent_s = (now_ns - self._came_ns) * 1e-9
        if self._fault and abs(silent_s) <= SOON * max_age_s:
            return self._fault
        if not self.received:
            return self._nothing()
        late_s = self._late_ns * 1e-9
        if abs(late_s) > max_age_s:
            return (
                f"joint_states arrives with stamps {abs(late_s):.1f} s "
                f"{'old' if late_s > 0 else 'ahead'}, they must be within {max_age_s:g} s of now; "
                "the clocks must agree"
            )
        return (
            f"nothing has arrived on joint_states of {self._listed()} for {silent_s:.1f} s; the "
            "robot's driver has stopped"
        )

    def at(self, stamp_ns: int) -> Floats:
        """Positions (J,) [rad] at a stamp, interpolated.

        Raises:
            NotKnown: no positions near the stamp.
            InvalidInput: publishers contradict each other.
        """
        if self.contradiction:
            raise InvalidInput(self.contradiction)
        if not self.received:
            raise NotKnown(self._fault or self._nothing())
        try:
            before, after, share = self.around(stamp_ns, "joint_states")
        except NotKnown as error:
            raise NotKnown(self._fault or error) from error
        return np.asarray((1 - share) * before + share * after)

    def rests(self, window_ns: int) -> bool:
        """Whether the joints have stood still for a while before the newest positions."""
        recent = np.array(self.since(self.newest_ns - window_ns))
        return len(recent) > 1 and bool(np.ptp(recent, axis=0).max() < STILL_RAD)

    def _nothing(self) -> str:
        others = (
            f"; it has {shown(', '.join(self._others))}, of another robot" if self._others else ""
        )
        hint = others or "; is the robot's driver running?"
        return f"nothing arrives on joint_states of {self._listed()}{hint}"

    def _listed(self) -> str:
        return ", ".join(self.names)


def _apart(q: Floats, other: Floats, seconds: float) -> bool:
    return bool(np.abs(q - other).max(initial=0.0) > SAME_RAD + FASTEST_RAD_S * seconds)
