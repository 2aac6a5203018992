"""Obstacles as a point cloud and back: the upper end of every column, its thing, and if seen."""

from array import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from affordance_grasp.errors import InvalidInput
from affordance_grasp.scene.obstacles import Obstacles

POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("thing", "<i4"), ("seen", "u1")])
KINDS = {"<f4": PointField.FLOAT32, "<i4": PointField.INT32, "|u1": PointField.UINT8}
MOST = 200_000
"""Columns of 1 cm over 20 square metres."""


def from_obstacles(obstacles: Obstacles, base: Header) -> PointCloud2:
    """A cloud in the base frame, which the header names."""
    points = np.zeros(len(obstacles.thing), POINT)
    for name, values in zip("xyz", obstacles.top_base.T, strict=True):
        points[name] = values
    points["thing"], points["seen"] = obstacles.thing, obstacles.seen
    return PointCloud2(
        header=base,
        height=1,
        width=len(points),
        fields=_fields(),
        point_step=POINT.itemsize,
        row_step=points.nbytes,
        data=array("B", points.tobytes()),
        is_dense=True,
    )


def to_obstacles(cloud: PointCloud2) -> Obstacles:
    """The obstacles of such a cloud.

    Raises:
        InvalidInput: it is another kind of cloud, or not whole.
    """
    count = cloud.width * cloud.height
    if list(cloud.fields) != _fields() or cloud.is_bigendian or count > MOST:
        raise InvalidInput(f"obstacles are a cloud with {', '.join(POINT.names or ())} per point")
    if len(cloud.data) != count * POINT.itemsize:
        raise InvalidInput(f"obstacles: {len(cloud.data)} bytes are not {count} points")
    points = np.frombuffer(cloud.data, POINT)
    top = np.column_stack([points[name] for name in "xyz"]).astype(float)
    if not (np.abs(top) < 10).all():
        raise InvalidInput("obstacles: a column lies more than 10 m away, or nowhere")
    return Obstacles(top, points["thing"].copy(), points["seen"] > 0)


def _fields() -> list[PointField]:
    return [
        PointField(name=name, offset=offset, datatype=KINDS[kind.str], count=1)
        for name, (kind, offset, *_) in (POINT.fields or {}).items()
    ]
