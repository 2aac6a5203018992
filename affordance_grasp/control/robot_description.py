"""The robot's URDF as published, and the joint limits of the one that a driver publishes.

The driver's limits may be narrower than the package's, such as those of a cell, or much wider:
published descriptions of the Aubo-i5 allow from 3.04 to 2 pi rad. The narrower limit counts, for
every joint by its name.
"""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.arm.urdf import joint_limits
from affordance_grasp.control.robot import RobotConfig, named_file
from affordance_grasp.errors import InvalidInput
from affordance_grasp.settings import read_mapping

SOURCE = "robot_description"
CAMERA_FRAMES = ("camera_link", "camera_color_optical_frame")


def description(robot_file: Path) -> str:
    """The URDF that a robot's settings file names."""
    settings = read_mapping(robot_file)
    if "urdf" not in settings:
        raise InvalidInput(f"{robot_file} names no urdf; config/aubo_i5.yaml shows how")
    return named_file(robot_file, str(settings["urdf"])).read_text(encoding="utf-8")


def without_camera(urdf: str) -> str:
    """The URDF without the camera's links, for a camera that a calibration places on TF.

    A frame that two publishers place jumps between their poses.
    """
    robot = ElementTree.fromstring(urdf)
    for element in list(robot):
        child = element.find("child")
        joint_of_camera = child is not None and child.get("link") in CAMERA_FRAMES
        link_of_camera = element.tag == "link" and element.get("name") in CAMERA_FRAMES
        if joint_of_camera or link_of_camera:
            robot.remove(element)
    return ElementTree.tostring(robot, encoding="unicode")


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
            f"home_q_rad lies outside the joint limits of {SOURCE}; choose another home"
        )
    return replace(robot, arm=narrowed)
