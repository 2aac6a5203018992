"""Static transforms as messages, and the way from one frame to another through them."""

from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, invert, pose_from_quaternion, quaternion_xyzw

TOPIC = "/tf_static"
QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MAX_CHAIN = 64
UNIT_NORM_TOLERANCE = 1e-3


def from_transform(T: Floats, parent: str, child: str, stamp: Time) -> TransformStamped:
    """Pose ``T`` (4, 4) of ``child`` in ``parent`` as a message."""
    x, y, z = (float(value) for value in T[:3, 3])
    qx, qy, qz, qw = (float(value) for value in quaternion_xyzw(T))
    return TransformStamped(
        header=Header(stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=Transform(
            translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)
        ),
    )


class TransformTree:
    """Static transforms that were heard of: child -> its parent and its pose there."""

    def __init__(self) -> None:
        self._parent: dict[str, tuple[str, Floats]] = {}

    def add(self, transforms: Iterable[TransformStamped]) -> None:
        """Take over transforms; the newest of a child counts.

        Raises:
            InvalidInput: one is no transform.
        """
        for message in transforms:
            child, t, q = message.child_frame_id, message.transform, message.transform.rotation
            numbers = np.array([t.translation.x, t.translation.y, t.translation.z])
            quaternion = np.array([q.x, q.y, q.z, q.w])
            unit = abs(np.linalg.norm(quaternion) - 1) <= UNIT_NORM_TOLERANCE
            if not (unit and np.isfinite(numbers).all()):
                raise InvalidInput(
                    f"static transform of {child!r} holds no unit quaternion or NaN"
                )
            T = pose_from_quaternion(numbers, quaternion)
            self._parent[child.lstrip("/")] = (message.header.frame_id.lstrip("/"), T)

    def pose(self, frame: str, ancestor: str) -> Floats | None:
        """Pose (4, 4) of a frame in another one above it; None when no way is known."""
        T = np.eye(4)
        for _ in range(MAX_CHAIN):
            if frame == ancestor:
                return T
            if frame not in self._parent:
                return None
            frame, T_parent_frame = self._parent[frame]
            T = T_parent_frame @ T
        return None


def link_mounting(T_tool0_optical: Floats, T_link_optical: Floats) -> Floats:
    """Pose of the camera's link in the flange, from that of its optical frame."""
    return T_tool0_optical @ invert(T_link_optical)
