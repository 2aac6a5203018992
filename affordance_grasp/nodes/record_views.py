"""Stores views for ``affordance-grasp hand-eye check`` while the arm is moved by hand.

Whenever the arm has come to rest in a configuration that differs from all stored ones, the next
frame and the joint positions are stored. The node sends no commands.
"""

from threading import Event

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from affordance_grasp.calibration.views import write_view
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.inputs.frames import FrameStream
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.parameters import RecordParameters
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.streams.joints import STILL_RAD
from affordance_grasp.streams.messages import stamp_ns

PERIOD_S = 0.2
FRAME_TIMEOUT_S = 3.0
JOINTS_TIMEOUT_S = 0.5


class RecordViewsNode(Node):
    """Stores views until there are enough; then ``done`` is set."""

    def __init__(self) -> None:
        """Subscribe to camera and joints."""
        super().__init__("record_views")
        self._settings = p = declare(self, RecordParameters)
        self._folder = p.folder.expanduser()
        if any(self._folder.glob("*/view.json")):
            raise InvalidInput(f"{self._folder} holds views already; choose another folder")
        self._names = load_robot(p.robot_file).arm.joint_names
        self._frames = FrameStream(self)
        self._joints = JointMonitor(self, self._names)
        self._stored: list[Floats] = []
        self.done = Event()
        group = MutuallyExclusiveCallbackGroup()
        self.create_timer(PERIOD_S, self._look, callback_group=group)
        self.get_logger().info(
            f"move the arm to {p.views} configurations in which the camera sees the table or "
            f"board, and rest {p.still_s:g} s in each; tilt the camera in different directions"
        )

    def _look(self) -> None:
        if self.done.is_set():
            return
        try:
            q, apart_rad = self._joints.now(), np.radians(self._settings.apart_deg)
            new = all(np.abs(q - known).max() > apart_rad for known in self._stored)
            if new and self._joints.rested(self._settings.still_s):
                self._store(q)
        except (AffordanceGraspError, OSError) as error:
            self.get_logger().warning(str(error), throttle_duration_sec=2.0)

    def _store(self, rest: Floats) -> None:
        stamped = self._frames.next(FRAME_TIMEOUT_S)
        q = self._joints.at(stamp_ns(stamped.header.stamp), JOINTS_TIMEOUT_S)
        if np.abs(q - rest).max() > STILL_RAD:
            return  # it moved on before the image was taken
        number = len(self._stored)
        angles = dict(zip(self._names, q.tolist(), strict=True))
        write_view(self._folder / f"view_{number:03d}", stamped.frame(), angles)
        self._stored.append(q)
        self.get_logger().info(f"view {number + 1} of {self._settings.views} stored")
        if number + 1 == self._settings.views:
            self.get_logger().info(
                f"done; now: affordance-grasp hand-eye check {self._folder}  (Ctrl-C ends this)"
            )
            self.done.set()


def main() -> None:
    """Run the node."""
    run(RecordViewsNode, threads=4)


if __name__ == "__main__":
    main()
