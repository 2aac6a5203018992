"""Joint positions from ``joint_states``: now, and at the stamp of an image."""

from bisect import bisect_right
from collections import deque
from threading import Condition
from time import monotonic

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from affordance_grasp.errors import AffordanceGraspError, MotionFault
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert.conversions import seconds, to_joint_positions
from affordance_grasp.nodes.ros.calls import NoAnswer

KEPT_S = 20.0  # a busy machine may take seconds to draw or to send an image
MAX_AGE_S = 0.5
MAX_GAP_S = 0.15
PATIENCE_S = 2.0
STILL_RAD = 0.002


class JointMonitor:
    """Keeps the last seconds of the positions of some joints, in the order they are named."""

    def __init__(
        self, node: Node, joint_names: tuple[str, ...], max_age_s: float = MAX_AGE_S
    ) -> None:
        """Subscribe best-effort, which suits reliable and best-effort publishers alike.

        Args:
            node: subscribes.
            joint_names: which joints, and in which order.
            max_age_s: older positions do not count as those of now [s].
        """
        self.names = joint_names
        self._max_age_s = max_age_s
        self._logger = node.get_logger()
        self._clock: Clock = node.get_clock()
        self._arrived = Condition()
        self._history: deque[tuple[float, Floats]] = deque()
        node.create_subscription(
            JointState,
            "joint_states",
            self._take,
            qos_profile_sensor_data,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    @property
    def heard(self) -> bool:
        """Whether positions of these joints ever arrived."""
        return bool(self._history)

    def check(self) -> None:
        """Raise ``MotionFault`` when nobody knows any more where the joints are."""
        with self._arrived:
            if abs(self._age_s()) > self._max_age_s:
                raise MotionFault(self._complaint())

    def gap(self, q: Floats, tolerance_rad: float, patience_s: float) -> Floats:
        """How far every joint (J,) is from ``q`` [rad]; waits a while [s] until all are near it.

        Positions may come a little later than the word that a motion has ended.
        """
        deadline = monotonic() + patience_s
        gap = np.abs(self.now() - q)
        with self._arrived:
            while gap.max() > tolerance_rad and (left_s := deadline - monotonic()) > 0:
                self._arrived.wait(left_s)
                gap = np.abs(self._history[-1][1] - q)
        return np.asarray(gap)

    def rest(self, window_s: float, patience_s: float) -> bool:
        """Whether the joints, from now on and within ``patience_s``, stand still for a while [s].

        False also when nothing new arrives: nobody knows then.
        """
        begun_s, deadline = self._now_s(), monotonic() + patience_s
        with self._arrived:
            while (left_s := deadline - monotonic()) > 0:
                self._arrived.wait(left_s)
                if self._history and self._history[-1][0] - begun_s >= window_s:
                    recent = self._since(self._history[-1][0] - window_s)
                    if len(recent) > 1 and np.ptp(recent, axis=0).max() < STILL_RAD:
                        return True
        return False

    def _since(self, stamp_s: float) -> Floats:
        """Positions (N, J) [rad] from the last one at or before a stamp [s] on.

        None where it is not known where the joints were then.
        """
        stamps = [stamp for stamp, _ in self._history]
        first = bisect_right(stamps, stamp_s) - 1
        return np.array([q for _, q in list(self._history)[first:]] if first >= 0 else [])

    def now(self) -> Floats:
        """The newest positions (J,) [rad]; old ones are waited out, for a short while."""
        deadline = monotonic() + PATIENCE_S
        with self._arrived:
            while abs(self._age_s()) > self._max_age_s:  # a stamp from the future would stay fresh
                left_s = deadline - monotonic()
                if left_s <= 0:
                    raise NoAnswer(self._complaint())
                self._arrived.wait(left_s)
            return self._history[-1][1]

    def _age_s(self) -> float:
        if not self._history:
            return float("inf")
        return self._now_s() - self._history[-1][0]

    def _now_s(self) -> float:
        return float(self._clock.now().nanoseconds * 1e-9)

    def _complaint(self) -> str:
        if not self._history:
            return "nothing arrives on joint_states; is the robot's driver running?"
        return (
            f"joint_states is {self._age_s():.1f} s old, it must be within {self._max_age_s:g} s "
            "of now; the robot's driver has stopped or its clock differs"
        )

    def at(self, stamp_s: float, patience_s: float) -> Floats:
        """Positions (J,) [rad] at a stamp [s], interpolated between the two around it.

        The one after it is waited for, up to ``patience_s``: images may be quicker than joints.
        """
        deadline = monotonic() + patience_s
        with self._arrived:
            while not self._history or self._history[-1][0] < stamp_s:
                left_s = deadline - monotonic()
                if left_s <= 0:
                    break
                self._arrived.wait(left_s)
            history = list(self._history)
            if not history:
                raise NoAnswer(self._complaint())
        stamps = np.array([stamp for stamp, _ in history])
        nearest_s = float(min(stamps - stamp_s, key=abs))
        if abs(nearest_s) > MAX_GAP_S:
            side = "later" if nearest_s > 0 else f"earlier, {patience_s:g} s after the image came"
            raise NoAnswer(
                f"joint_states has nothing within {MAX_GAP_S:g} s of the image (nearest "
                f"{abs(nearest_s):.2f} s {side}); the clocks of camera and robot must agree"
            )
        positions = np.array([q for _, q in history])
        return np.array([np.interp(stamp_s, stamps, column) for column in positions.T])

    def _take(self, message: JointState) -> None:
        try:
            q = to_joint_positions(message, self.names)
        except AffordanceGraspError as error:
            # Drivers publish gripper and arm apart, so a message without our joints is normal.
            self._logger.debug(str(error))
            return
        stamp = seconds(message.header.stamp)
        with self._arrived:
            if self._history and stamp <= self._history[-1][0]:
                self._history.clear()  # the clock was set back, or a bag started again
            self._history.append((stamp, q))
            while stamp - self._history[0][0] > KEPT_S:
                self._history.popleft()
            self._arrived.notify_all()
