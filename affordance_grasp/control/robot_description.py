"""The robot's URDF as published, and the joint limits of the one that a driver publishes.

The driver's limits may be narrower than the package's, such as those of a cell, or much wider:
published descriptions of the Aubo-i5 allow from 3.04 to 2 pi rad. The narrower limit counts, for
every joint by its name. All models of a vendor may share these names, so the geometry is compared
as well: by forward kinematics from the base to the flange.
"""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from affordance_grasp.configuration.read import read_mapping
from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.arm.kinematics import joint_frames, pose_error
from affordance_grasp.control.arm.urdf import (
    MAX_BYTES,
    SerialArm,
    joined_link,
    joint_limits,
    parse_urdf,
    read_arm,
)
from affordance_grasp.control.robot import RobotConfig, named_file
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats, invert

SOURCE = "robot_description"
MAX_APART_M = 1e-3
MAX_APART_RAD = 0.01
COMPARED = 8
"""Configurations at which the arms are compared, beside home."""
CAMERA_FRAMES = ("camera_link", "camera_color_optical_frame")


def description(robot_file: Path) -> str:
    """The URDF that a robot's settings file names."""
    settings = read_mapping(robot_file)
    if "urdf" not in settings:
        raise InvalidInput(f"{robot_file} names no urdf; config/aubo_i5.yaml shows how")
    path = named_file(robot_file, str(settings["urdf"]))
    try:
        return read_bytes(path, "URDF", MAX_BYTES).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"URDF {path} is not UTF-8") from error


def without_camera(urdf: str) -> str:
    """The URDF without the camera's links, for a camera that a calibration places on TF.

    A frame that two publishers place jumps between their poses.
    """
    robot = parse_urdf(urdf, "the URDF")
    for element in list(robot):
        joint_of_camera = joined_link(element, "child") in CAMERA_FRAMES
        link_of_camera = element.tag == "link" and element.get("name") in CAMERA_FRAMES
        if joint_of_camera or link_of_camera:
            robot.remove(element)
    return ElementTree.tostring(robot, encoding="unicode")


def within_description(robot: RobotConfig, description: str) -> RobotConfig:
    """The robot with the intersection of its limits and those of a URDF text.

    Raises :class:`InvalidInput` when the URDF lacks one of the arm's joints, is of another
    geometry, or leaves the arm no room.
    """
    arm, root = robot.arm, _same_arm(robot, description)
    joints = {joint.get("name", ""): joint for joint in root.findall("joint")}
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


def flange_of(robot: RobotConfig, description: str, link: str = "") -> tuple[str, Floats] | None:
    """Where a URDF text without the tool frame has the arm's flange.

    Args:
        robot: the configured robot.
        description: the URDF.
        link: one that the last joint moves, turned as it may be; empty: the joint's own.

    Returns:
        The link's name and ``T_link_tool0`` (4, 4) [m]; None where the URDF has the tool frame.

    Raises:
        InvalidInput: it describes another robot, or has no such link behind the last joint.
    """
    arm, root = robot.arm, _same_arm(robot, description)
    if arm.tip in _links(root):
        return None
    own = read_arm(root, SOURCE, arm.base, _last_link(root, arm))
    link = link or own.tip
    if link not in _links(root):
        raise InvalidInput(
            f"{SOURCE} has neither a link {arm.tip!r} nor the flange_frame {link!r}; name the "
            f"link at the arm's flange, such as {own.tip}"
        )
    described = read_arm(root, SOURCE, arm.base, link)
    if described.joint_names != arm.joint_names:
        raise InvalidInput(
            f"{link!r} of {SOURCE} is not moved by {arm.joint_names[-1]}; flange_frame must be a "
            f"link at the arm's flange, such as {own.tip}"
        )
    return link, invert(described.T_last_tip) @ arm.T_last_tip


def _same_arm(robot: RobotConfig, description: str) -> ElementTree.Element:
    """The root of a URDF text, which must describe the configured arm."""
    root = parse_urdf(description, SOURCE)
    joints = {joint.get("name") for joint in root.findall("joint")}
    missing = [name for name in robot.arm.joint_names if name not in joints]
    if missing:
        raise InvalidInput(
            f"{SOURCE} has no joint {missing[0]!r}; it describes another robot than the "
            f"{robot.settings.urdf} that is configured"
        )
    _refuse_other_geometry(robot, root)
    return root


def _links(root: ElementTree.Element) -> set[str | None]:
    return {link.get("name") for link in root.iter("link")}


def _last_link(root: ElementTree.Element, arm: SerialArm) -> str:
    """The link that the arm's last joint moves."""
    last = next(j for j in root.findall("joint") if j.get("name") == arm.joint_names[-1])
    return joined_link(last, "child")


def _refuse_other_geometry(robot: RobotConfig, root: ElementTree.Element) -> None:
    """Refuse a description whose flange is elsewhere at the same joint positions.

    Where it has no link of the tool frame's name, the last joint's link is compared.
    """
    arm = robot.arm
    has_tool = arm.tip in _links(root)
    tip = arm.tip if has_tool else _last_link(root, arm)
    described = read_arm(root, SOURCE, arm.base, tip)
    if described.joint_names != arm.joint_names:
        raise InvalidInput(
            f"{SOURCE} leads from {arm.base} to {tip} by {', '.join(described.joint_names)}, the "
            f"configured arm by {', '.join(arm.joint_names)}; it describes another robot"
        )
    q = _configurations(robot)
    ours, theirs = (_flange(a, q, has_tool) for a in (arm, described))
    apart = pose_error(ours, theirs)
    apart_m, apart_rad = (np.linalg.norm(part, axis=1) for part in np.split(apart, 2, axis=1))
    if apart_m.max() > MAX_APART_M or apart_rad.max() > MAX_APART_RAD:
        worst = int(np.argmax(apart_m))
        raise InvalidInput(
            f"{SOURCE} describes another robot than {robot.settings.urdf}: at the same joint "
            f"positions its {tip} is at {_millimetres(theirs[worst])} mm instead of "
            f"{_millimetres(ours[worst])} mm, up to {apart_m.max() * 1e3:.1f} mm and "
            f"{np.rad2deg(apart_rad.max()):.1f} degrees apart; configure the arm that is there"
        )


def _configurations(robot: RobotConfig) -> Floats:
    """Home and some configurations (N, J) [rad] spread over the joint ranges."""
    lower, upper = np.maximum(robot.arm.lower, -np.pi), np.minimum(robot.arm.upper, np.pi)
    drawn = np.random.default_rng(0).uniform(lower, upper, (COMPARED, robot.arm.dof))
    return np.vstack([robot.home_q, drawn])


def _flange(arm: SerialArm, q: Floats, has_tool: bool) -> Floats:
    last = joint_frames(arm, q)[:, -1]
    return np.asarray(last @ arm.T_last_tip if has_tool else last)


def _millimetres(T: Floats) -> str:
    return ", ".join(f"{x * 1e3:.0f}" for x in T[:3, 3])
