"""Joint limits of the robot's own description, to be respected beside those of the package.

A driver publishes the URDF that it runs with. Its limits may be narrower than ours, such as those
of a cell, or much wider: published descriptions of the Aubo-i5 allow from 3.04 to 2 pi rad. So the
narrower of both counts, for every joint by its name.
"""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.arm.urdf import joint_limits
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput

SOURCE = "robot_description"


def within_description(robot: RobotConfig, description: str) -> RobotConfig:
    """The robot with the intersection of its limits and those of a URDF text.

    Raises :class:`InvalidInput` when the URDF lacks one of the arm's joints or leaves it no room.
    """
    arm = robot.arm
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError as error:
        raise InvalidInput(f"{SOURCE} is not a URDF: {error}") from error
    joints = {joint.get("name", ""): joint for joint in root.findall("joint")}
    missing = [name for name in arm.joint_names if name not in joints]
    if missing:
        raise InvalidInput(
            f"{SOURCE} has no joint {missing[0]!r}; it describes another robot than the "
            f"{robot.settings.urdf} that is configured"
        )
    limits = np.array([joint_limits(joints[name], SOURCE) for name in arm.joint_names])
    narrowed = replace(
        arm,
        lower=np.fmax(arm.lower, limits[:, 0]),
        upper=np.fmin(arm.upper, limits[:, 1]),
        velocity=np.fmin(arm.velocity, np.where(limits[:, 2] > 0, limits[:, 2], np.nan)),
    )
    closed = np.flatnonzero(narrowed.lower >= narrowed.upper)
    if len(closed):
        raise InvalidInput(
            f"the limits of {arm.joint_names[closed[0]]} in {SOURCE} and in the package's "
            "settings have nothing in common"
        )
    if not within_limits(narrowed, robot.home_q):
        raise InvalidInput(
            f"home_q_rad lies outside the joint limits of {SOURCE}; choose another home posture"
        )
    return replace(robot, arm=narrowed)
