"""Static transforms as messages."""

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from affordance_grasp.geometry import Floats, quaternion_xyzw

TOPIC = "/tf_static"
QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


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
