"""ROS messages from the values of the core; header and stamp travel beside them.

Reading is in :mod:`affordance_grasp.streams.messages`, that of images in :mod:`.images`.
"""

from copy import deepcopy

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from affordance_grasp.datatypes import CameraIntrinsics, JointTrajectory, Region
from affordance_grasp.distortion import PINHOLE, Distortion
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, quaternion_xyzw
from affordance_grasp.streams.camera_info import sensor_matrix


def to_region(message: RegionOfInterest, width: int, height: int) -> Region | None:
    """A region inside an image of the given size [pixel]; None when it is empty: all of it."""
    if message.width == 0 and message.height == 0:
        return None
    left, top = int(message.x_offset), int(message.y_offset)
    region = Region(left, top, left + int(message.width), top + int(message.height))
    if region.right > width or region.bottom > height:
        raise InvalidInput(
            f"region {region.left},{region.top},{region.right},{region.bottom} "
            f"reaches beyond the {width}x{height} image"
        )
    return region


def from_intrinsics(
    intrinsics: CameraIntrinsics, header: Header, distortion: Distortion = PINHOLE
) -> CameraInfo:
    """A camera_info; without distortion by default."""
    K = intrinsics.K
    projection = np.hstack([K, np.zeros((3, 1))])
    return CameraInfo(
        header=header,
        width=intrinsics.width,
        height=intrinsics.height,
        distortion_model=distortion.model,
        d=list(distortion.coefficients or (0.0,) * 5),
        k=K.ravel().tolist(),
        r=np.eye(3).ravel().tolist(),
        p=projection.ravel().tolist(),
    )


def undistorted_info(message: CameraInfo, rectified: bool) -> CameraInfo:
    """The same camera's message for its images without distortion, with roi and binning."""
    info = deepcopy(message)
    info.k = sensor_matrix(message, rectified).ravel().tolist()
    info.distortion_model, info.d = PINHOLE.model, [0.0] * 5
    return info


def from_region(region: Region | None) -> RegionOfInterest:
    """A region of interest; all zero (the whole image) for None."""
    if region is None:
        return RegionOfInterest()
    return RegionOfInterest(
        x_offset=region.left,
        y_offset=region.top,
        width=region.right - region.left,
        height=region.bottom - region.top,
    )


def from_point(point_m: Floats) -> Point:
    """A point [m]."""
    x, y, z = (float(value) for value in point_m)
    return Point(x=x, y=y, z=z)


def from_pose(T: Floats) -> Pose:
    """A pose message from a 4x4 pose [m]."""
    return Pose(position=from_point(T[:3, 3]), orientation=_quaternion(T))


def from_transform(T: Floats, parent: str, child: str, stamp: Time) -> TransformStamped:
    """Pose ``T`` (4, 4) of ``child`` in ``parent`` as a message of TF."""
    x, y, z = (float(value) for value in T[:3, 3])
    return TransformStamped(
        header=Header(stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=Transform(translation=Vector3(x=x, y=y, z=z), rotation=_quaternion(T)),
    )


def from_trajectory(trajectory: JointTrajectory) -> JointTrajectoryMessage:
    """A joint trajectory whose points are stamped from 0."""
    rows = zip(trajectory.times_s, trajectory.positions, trajectory.velocities, strict=True)
    points = [
        JointTrajectoryPoint(
            positions=q.tolist(), velocities=qd.tolist(), time_from_start=duration(float(t))
        )
        for t, q, qd in rows
    ]
    return JointTrajectoryMessage(joint_names=list(trajectory.joint_names), points=points)


def to_trajectory(message: JointTrajectoryMessage) -> JointTrajectory:
    """A joint trajectory; every point must have positions and velocities of every joint."""
    joints = len(message.joint_names)
    points = message.points
    if not points or len(set(message.joint_names)) != joints:
        raise InvalidInput("a joint trajectory needs points and joint names that differ")
    if any(len(p.positions) != joints or len(p.velocities) != joints for p in points):
        raise InvalidInput(f"every point must have {joints} positions and {joints} velocities")
    positions = np.array([p.positions for p in points], float)
    velocities = np.array([p.velocities for p in points], float)
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        raise InvalidInput("the joint trajectory holds NaN or infinity")
    times = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in points]
    return JointTrajectory(tuple(message.joint_names), np.array(times), positions, velocities)


def duration(time_s: float) -> Duration:
    """A length of time [s] as a message."""
    nanoseconds = round(time_s * 1e9)
    return Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def _quaternion(T: Floats) -> Quaternion:
    x, y, z, w = (float(value) for value in quaternion_xyzw(T))
    return Quaternion(x=x, y=y, z=z, w=w)
