"""Stands in for ``ros2 bag play --clock``: a recording of a mug, in the time of the recording."""

import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header

from affordance_grasp.control.robot import load_robot
from affordance_grasp.nodes.convert.conversions import from_intrinsics
from affordance_grasp.nodes.convert.images import from_color, from_depth_m
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, INFO
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object

RECORDED_AT_S = 1_600_000_000
TICK_S = 0.02
TICKS_PER_FRAME = 10


class RecordedDouble(Node):
    """Clock and joints every tick, a frame every few."""

    def __init__(self) -> None:
        super().__init__("player")
        self._robot = load_robot()
        with World(self._robot, make_object("mug", 100_000), random_placement(0)) as world:
            self._frame = world.observe()
        self._clock_topic = self.create_publisher(Clock, "/clock", 10)
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self._color = self.create_publisher(Image, COLOR, 2)
        self._depth = self.create_publisher(Image, DEPTH, 2)
        self._info = self.create_publisher(CameraInfo, INFO, 2)
        self._tick = 0
        self.create_timer(TICK_S, self._play)

    def _play(self) -> None:
        self._tick += 1
        elapsed_s = self._tick * TICK_S
        whole = int(elapsed_s)
        stamp = Time(sec=RECORDED_AT_S + whole, nanosec=int((elapsed_s - whole) * 1e9))
        self._clock_topic.publish(Clock(clock=stamp))
        joints = JointState(header=Header(stamp=stamp), name=list(self._robot.arm.joint_names))
        joints.position = self._robot.home_q.tolist()
        self._joints.publish(joints)
        if self._tick % TICKS_PER_FRAME == 0:
            header = Header(stamp=stamp, frame_id=self._robot.hand_eye.camera_frame)
            self._info.publish(from_intrinsics(self._frame.intrinsics, header))
            self._depth.publish(from_depth_m(self._frame.depth_m, header))
            self._color.publish(from_color(self._frame.color, header))


def main() -> None:
    """Run until interrupted."""
    rclpy.init()
    try:
        rclpy.spin(RecordedDouble())
    except (KeyboardInterrupt, ExternalShutdownException):
        print("ended")


if __name__ == "__main__":
    main()
