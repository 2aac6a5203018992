"""What is known of the scene and of the object that is meant, as a message and back."""

from array import array

import numpy as np
from geometry_msgs.msg import PoseStamped, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from affordance_grasp import msg
from affordance_grasp.candidates.target import Target
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert import conversions
from affordance_grasp.nodes.convert.images import packed
from affordance_grasp.scene.cloud import TableScene, scene_of_labels
from affordance_grasp.scene.labelled_points import POINT, scene_points
from affordance_grasp.scene.table import TablePlane
from affordance_grasp.streams.messages import to_labels, to_pose

FIELDS = (
    ("x", 0, PointField.FLOAT32),
    ("y", 4, PointField.FLOAT32),
    ("z", 8, PointField.FLOAT32),
    ("rgb", 12, PointField.FLOAT32),
    ("label", 16, PointField.UINT32),
)


def from_target(
    target: Target, frame: RgbdFrame, scene: TableScene, header: Header, base_frame: str
) -> msg.GraspTarget:
    """A message with all that is known of the target but the gripper's part of it."""
    labels = scene.cloud.labels
    message = msg.GraspTarget(
        query=target.query,
        region=conversions.from_region(target.region),
        labels=packed(labels.astype(np.uint16), "16UC1", header),
        label=target.label,
        table_normal=_vector(scene.table.normal_cam),
        table_offset_m=float(scene.table.offset_m),
        points=from_points(scene_points(frame, labels), header),
    )
    if target.T_base_cam is not None and target.gravity_cam is not None:
        base = Header(stamp=header.stamp, frame_id=base_frame)
        message.camera = PoseStamped(header=base, pose=conversions.from_pose(target.T_base_cam))
        message.gravity = _vector(target.gravity_cam)
    return message


def with_gripper(message: msg.GraspTarget, gripper: Gripper) -> msg.GraspTarget:
    """The same message, which names the gripper."""
    message.gripper = gripper.name
    message.min_width_m, message.max_width_m = gripper.min_width_m, gripper.max_width_m
    return message


def to_target(message: msg.GraspTarget, frame: RgbdFrame) -> tuple[Target, TableScene | None]:
    """The target, and the scene as it was segmented, or None where the message has no labels.

    Raises:
        InvalidInput: they do not belong to the frame, or hold no such object.
    """
    height, width = frame.depth_m.shape
    camera = message.camera
    target = Target(
        query=message.query,
        region=conversions.to_region(message.region, width, height),
        label=int(message.label),
        T_base_cam=to_pose(camera.pose, "the camera's pose") if camera.header.frame_id else None,
    )
    if message.labels.width == 0:
        if target.label:
            raise InvalidInput(f"the target has label {target.label} and there is no label image")
        return target, None
    labels = to_labels(message.labels)
    if labels.shape != frame.depth_m.shape or not target.mask(labels).any():
        raise InvalidInput(
            f"the label image is {labels.shape[::-1]} and the frame {(width, height)} pixels; it "
            f"must be of that size and hold label {target.label or '1'}"
        )
    n = message.table_normal
    table = TablePlane(np.array([n.x, n.y, n.z]), float(message.table_offset_m))
    return target, scene_of_labels(frame, labels, table)


def from_points(points: NDArray[np.void], header: Header) -> PointCloud2:
    """A cloud of points of type ``POINT``."""
    fields = [
        PointField(name=name, offset=offset, datatype=kind, count=1)
        for name, offset, kind in FIELDS
    ]
    return PointCloud2(
        header=header,
        height=1,
        width=len(points),
        fields=fields,
        point_step=POINT.itemsize,
        row_step=points.nbytes,
        data=array("B", points.tobytes()),
        is_dense=True,
    )


def _vector(vector: Floats) -> Vector3:
    x, y, z = (float(value) for value in vector)
    return Vector3(x=x, y=y, z=z)
