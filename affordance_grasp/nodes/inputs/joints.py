"""Joint positions from ``joint_states``: now, and at the stamp of an image."""

from collections.abc import Callable
from threading import Condition
from typing import TypeVar

import numpy as np
from rclpy.clock import Clock
from rclpy.node import Node
from sensor_msgs.msg import JointState

from affordance_grasp.errors import InvalidInput, MotionFault
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.ros.calls import NoAnswer, listen, publishers
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.timeline import NotKnown

TOPIC = "joint_states"
MAX_AGE_S = 0.5
PATIENCE_S = 2.0
COMPLAINT_PERIOD_S = 5.0

T = TypeVar("T")


def once_known(
    arrived: Condition,
    known: Callable[[], bool],
    read: Callable[[], T],
    patience_s: float,
    why: Callable[[], str] = str,
) -> T:
    """The result of ``read`` as soon as ``known``, or after ``patience_s`` from what there is.

    ``why``: what is wrong with the data itself; empty where nothing is.
    """
    with arrived:
        came = arrived.wait_for(known, patience_s)
        try:
            return read()
        except NotKnown as error:
            waited = "" if came else f"; nothing newer came within {patience_s:g} s"
            raise NoAnswer(f"{why() or error}{waited}") from error


class JointMonitor:
    """Feeds a history of the positions of some joints, in the order they are named."""

    def __init__(
        self, node: Node, joint_names: tuple[str, ...], max_age_s: float = MAX_AGE_S
    ) -> None:
        """Subscribe; positions older than ``max_age_s`` [s] do not count as those of now."""
        self.names, self.history = joint_names, JointHistory(joint_names)
        self.arrived = Condition()
        self._node, self._max_age_s = node, max_age_s
        self._clock: Clock = node.get_clock()
        listen(node, JointState, TOPIC, self._take)

    def check(self) -> None:
        """Raise ``MotionFault`` when the joint positions are not known any more."""
        with self.arrived:
            if complaint := self.complaint():
                raise MotionFault(complaint)

    def await_first(self) -> None:
        """Wait a short while for a driver that has just started; its absence is no fault yet."""
        with self.arrived:
            self.arrived.wait_for(lambda: self.history.received, PATIENCE_S)

    def now(self) -> Floats:
        """The newest positions (J,) [rad]; waits a short while for fresh ones."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: not self.complaint(), PATIENCE_S):
                raise NoAnswer(self.complaint())
            return self.history.newest

    def at(self, stamp_ns: int, patience_s: float) -> Floats:
        """Positions (J,) [rad] at a stamp; waits, as images may arrive before joint states."""
        history = self.history
        return once_known(
            self.arrived,
            lambda: history.knows(stamp_ns),
            lambda: history.at(stamp_ns),
            patience_s,
            self.complaint,
        )

    def gap(self, q: Floats, tolerance_rad: float, patience_s: float) -> Floats:
        """Distance of each joint (J,) from ``q`` [rad], once all are near or patience ends [s].

        Positions may arrive a little later than the result of a motion.
        """
        self.now()
        with self.arrived:
            self.arrived.wait_for(
                lambda: np.abs(self.history.newest - q).max() <= tolerance_rad, patience_s
            )
            return np.abs(self.history.newest - q)

    def rest(self, window_s: float, patience_s: float) -> bool:
        """Whether the joints, within ``patience_s`` from now, stand still for ``window_s`` [s].

        False also when no new positions arrive.
        """
        history, window_ns = self.history, round(window_s * 1e9)
        begun_ns = self._clock.now().nanoseconds
        with self.arrived:
            return self.arrived.wait_for(
                lambda: history.knows(begun_ns + window_ns) and history.rests(window_ns),
                patience_s,
            )

    def rested(self, window_s: float) -> bool:
        """Whether the joints have stood still for the last ``window_s`` [s]."""
        with self.arrived:
            return self.history.received and self.history.rests(round(window_s * 1e9))

    def complaint(self) -> str:
        """The fault of the present positions; empty without one."""
        complaint = self.history.complaint(self._clock.now().nanoseconds, self._max_age_s)
        if self.history.contradiction:
            return f"{complaint} (it comes from {self._publishers()})"
        return complaint

    def _publishers(self) -> str:
        return " and ".join(publishers(self._node, TOPIC)) or "no node any more"

    def _take(self, message: JointState) -> None:
        with self.arrived:
            try:
                self.history.take(message, self._clock.now().nanoseconds)
            except InvalidInput as error:
                self._node.get_logger().warning(
                    str(error), throttle_duration_sec=COMPLAINT_PERIOD_S
                )
            self.arrived.notify_all()
