"""What the selector saw on the table beside the object, for the grasp that it chose."""

from threading import Condition

from builtin_interfaces.msg import Time
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2

from affordance_grasp.nodes.convert.columns import to_obstacles
from affordance_grasp.nodes.ros.calls import LATCHED, listen
from affordance_grasp.scene.obstacles import Obstacles

OBSTACLES = "obstacles"
PATIENCE_S = 1.0


class KnownObstacles:
    """The last message of the topic."""

    def __init__(self, node: Node) -> None:
        """Subscribe."""
        self._newest: PointCloud2 | None = None
        self._arrived = Condition()
        listen(node, PointCloud2, OBSTACLES, self._take, LATCHED)

    def of(self, stamp: Time, frame: str) -> Obstacles | None:
        """Those of the image with this stamp, in this frame, or None.

        Waits a short while, as the goal may overtake the topic.

        Raises:
            InvalidInput: they cannot be read.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._fits(stamp, frame), PATIENCE_S):
                return None
            newest = self._newest
        return None if newest is None else to_obstacles(newest)

    def _fits(self, stamp: Time, frame: str) -> bool:
        header = None if self._newest is None else self._newest.header
        return header is not None and header.stamp == stamp and header.frame_id == frame

    def _take(self, message: PointCloud2) -> None:
        with self._arrived:
            self._newest = message
            self._arrived.notify_all()
