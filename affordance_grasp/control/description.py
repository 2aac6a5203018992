"""The robot's description as others are to see it."""

from pathlib import Path
from xml.etree import ElementTree

from affordance_grasp.control.robot import named_file
from affordance_grasp.errors import InvalidInput
from affordance_grasp.settings import read_mapping

CAMERA_FRAMES = ("camera_link", "camera_color_optical_frame")


def description(robot_file: Path) -> str:
    """The URDF that a robot's file names."""
    settings = read_mapping(robot_file)
    if "urdf" not in settings:
        raise InvalidInput(f"{robot_file} names no urdf; config/aubo_i5.yaml shows how")
    return named_file(robot_file, str(settings["urdf"])).read_text(encoding="utf-8")


def without_camera(urdf: str) -> str:
    """The URDF without the camera's links, for when a calibration tells where the camera is.

    A frame that two nodes place jumps between the two places.
    """
    robot = ElementTree.fromstring(urdf)
    for element in list(robot):
        child = element.find("child")
        joint_of_camera = child is not None and child.get("link") in CAMERA_FRAMES
        link_of_camera = element.tag == "link" and element.get("name") in CAMERA_FRAMES
        if joint_of_camera or link_of_camera:
            robot.remove(element)
    return ElementTree.tostring(robot, encoding="unicode")
