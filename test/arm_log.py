"""How the simulated arm moves, as ``joint_states`` tells it, and signals to nodes meanwhile."""

from threading import Event, Thread
from time import monotonic, time

import numpy as np
from sensor_msgs.msg import JointState

from affordance_grasp.streams.messages import seconds

STILL_RADPS, FAST_RADPS = 0.01, 0.25
WAIT_S = 180.0


class ArmLog:
    """Speeds of the arm with their stamps."""

    def __init__(self, node):
        self._speeds, self.under_way, self._arrived = [], Event(), Event()
        node.create_subscription(JointState, "joint_states", self._take, 50)

    def _take(self, message):
        if len(message.velocity):
            speed = np.abs(message.velocity).max()
            self._speeds.append((seconds(message.header.stamp), speed))
            self._arrived.set()
            if speed > FAST_RADPS:
                self.under_way.set()

    def still_after_s(self, since_s, still_s=0.5):
        """When the arm has stood still for a while: how long it moved on after a moment [s]."""
        deadline = monotonic() + WAIT_S
        while True:
            self._arrived.clear()
            assert self._arrived.wait(WAIT_S) and monotonic() < deadline
            speeds = [(stamp, speed) for stamp, speed in list(self._speeds) if stamp > since_s]
            moving = [stamp for stamp, speed in speeds if speed > STILL_RADPS]
            last_s = max(moving, default=since_s)
            if speeds and speeds[-1][0] > last_s + still_s:
                return last_s - since_s

    def interrupt(self, act, ask):
        """``act`` while the arm moves for ``ask``.

        Returns what that returns, and after which times [s] the arm stood still and it returned.
        """
        self.under_way.clear()
        acted_s, over = [], Event()

        def once_moving():
            assert self.under_way.wait(WAIT_S)
            if not over.is_set():
                acted_s.append(time())
                act()

        thread = Thread(target=once_moving)
        thread.start()
        ended = ask()
        heard_s = time()
        over.set()
        self.under_way.set()
        thread.join(WAIT_S)
        assert acted_s, f"the arm never moved: {ended}"
        still_s, heard_s = self.still_after_s(acted_s[0]), heard_s - acted_s[0]
        print(f"still after {still_s:.2f} s, heard of after {heard_s:.2f} s")
        return ended, still_s, heard_s
