"""Joint trajectories as messages and back."""

import numpy as np
from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput


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
