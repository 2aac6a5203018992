"""Stands in for realsense2_camera: its topics, its frames, its QoS; what it sees is a mug.

Run as a process of its own: ``python camera_double.py [RELIABILITY]``, reliable as the driver's
default or best_effort as with its profile SENSOR_DATA.
"""

import sys

import rclpy
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster

from affordance_grasp.control.robot import load_robot
from affordance_grasp.nodes.convert.conversions import from_intrinsics
from affordance_grasp.nodes.convert.images import from_color, from_depth_m
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object

OPTICAL = "camera_color_optical_frame"
RATE_HZ = 6.0


class CameraDouble(Node):
    """One image of a mug, again and again, with the stamp of now."""

    def __init__(self, reliability: ReliabilityPolicy) -> None:
        super().__init__("camera", namespace="/camera")
        with World(load_robot(), make_object("mug", 100_000), random_placement(0)) as world:
            self._frame = world.observe()
        qos = QoSProfile(depth=1, reliability=reliability)
        self._color = self.create_publisher(Image, "~/color/image_raw", qos)
        self._color_info = self.create_publisher(CameraInfo, "~/color/camera_info", qos)
        aligned = "~/aligned_depth_to_color"
        self._depth = self.create_publisher(Image, f"{aligned}/image_raw", qos)
        self._depth_info = self.create_publisher(CameraInfo, f"{aligned}/camera_info", qos)
        self._static = StaticTransformBroadcaster(self)
        mounting = TransformStamped(
            header=Header(frame_id="camera_link", stamp=self.get_clock().now().to_msg()),
            child_frame_id=OPTICAL,
        )
        mounting.transform.translation = Vector3(x=0.0, y=0.015, z=0.0)
        mounting.transform.rotation = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)
        self._static.sendTransform(mounting)
        self.create_timer(1 / RATE_HZ, self._publish)

    def _publish(self) -> None:
        header = Header(frame_id=OPTICAL, stamp=self.get_clock().now().to_msg())
        info = from_intrinsics(self._frame.intrinsics, header)
        self._color_info.publish(info)
        self._depth_info.publish(info)
        self._depth.publish(from_depth_m(self._frame.depth_m, header))
        self._color.publish(from_color(self._frame.color, header))


def main() -> None:
    """Run until interrupted."""
    rclpy.init()
    wanted = (*sys.argv[1:], "reliable")[0].upper()
    try:
        rclpy.spin(CameraDouble(ReliabilityPolicy[wanted]))
    except (KeyboardInterrupt, ExternalShutdownException):
        print("ended")


if __name__ == "__main__":
    main()
