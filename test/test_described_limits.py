"""Of two sets of joint limits the narrower counts, joint by joint and by name."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_description import within_description
from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path

ROBOT = load_robot()
NAMES = ROBOT.arm.joint_names


def description(limits: dict[str, tuple[float, float, float]], names=NAMES) -> str:
    """The arm's own URDF with other limits; wide ones where none are given."""
    root = ElementTree.parse(share_path("urdf/aubo_i5_2f85.urdf")).getroot()
    for joint in root.findall("joint"):
        if joint.get("name") not in NAMES:
            continue
        if joint.get("name") not in names:
            joint.set("name", "other")
        numbers = limits.get(joint.get("name"), (-6.3, 6.3, 9.0))
        for key, value in zip(("lower", "upper", "velocity"), numbers, strict=True):
            joint.find("limit").set(key, str(value))
    return ElementTree.tostring(root, encoding="unicode")


def test_wider_limits_change_nothing():
    narrowed = within_description(ROBOT, description({}))
    for name in ("lower", "upper", "velocity"):
        np.testing.assert_array_equal(getattr(narrowed.arm, name), getattr(ROBOT.arm, name))


def test_narrower_limits_count_for_their_joint_alone():
    narrowed = within_description(ROBOT, description({"wrist1_joint": (-1.0, 9.0, 0.7)})).arm
    np.testing.assert_array_equal(narrowed.lower, [-3.04, -3.04, -3.04, -1.0, -3.04, -3.04])
    np.testing.assert_array_equal(narrowed.upper, 3.04)
    np.testing.assert_array_equal(narrowed.velocity, [2.5964] * 3 + [0.7, 3.1105, 3.1105])


def test_a_speed_of_zero_is_no_speed_limit():
    """Descriptions made by hand often leave it at 0; an arm that may never move says nothing."""
    narrowed = within_description(ROBOT, description({NAMES[0]: (-3.0, 3.0, 0.0)})).arm
    np.testing.assert_array_equal(narrowed.velocity, ROBOT.arm.velocity)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no xml", "robot_description is not a URDF"),
        (description({}, NAMES[:5]), "has no joint 'wrist3_joint'; it describes another robot"),
        (description({NAMES[0]: (4.0, 5.0, 1.0)}), "shoulder_joint.*nothing in common"),
        (description({NAMES[0]: (-1.0, 0.0, 1.0)}), "home_q_rad lies outside the joint limits"),
        (
            re.sub('velocity="[^"]*"', 'velocity="${v}"', description({})),
            "velocity .* not a number",
        ),
        (re.sub('lower="[^"]*"', 'lower="nan"', description({})), "lower 'nan' is not a number"),
        (re.sub("<limit[^>]*>", "", description({})), "has no <limit>"),
    ],
)
def test_what_cannot_be_this_robot_is_refused(text, words):
    with pytest.raises(InvalidInput, match=words):
        within_description(ROBOT, text)


def without_tool(text: str) -> str:
    """As vendors publish the arm: it ends at the last joint's link."""
    return text.replace('"tool0"', '"flange_of_another_name"')


def longer(text: str, by_m: float) -> str:
    """The same arm with a longer forearm: the joints keep their names and limits."""
    return text.replace('xyz="0.376 0 0"', f'xyz="{0.376 + by_m} 0 0"')


@pytest.mark.parametrize("published", [lambda text: text, without_tool])
def test_an_arm_of_another_geometry_is_refused_with_both_places(published):
    text = published(description({}))
    assert longer(text, 0.1) != text
    within_description(ROBOT, text)
    within_description(ROBOT, longer(text, 0.0009))
    with pytest.raises(
        InvalidInput, match=r"another robot .* is at .* mm instead of .* up to 1\.1 mm"
    ):
        within_description(ROBOT, longer(text, 0.0011))
    with pytest.raises(InvalidInput, match=r"up to 100\.0 mm and 0\.0 degrees apart"):
        within_description(ROBOT, longer(text, 0.1))


def test_a_turned_flange_is_another_robot():
    text = description({})
    turned = re.sub(
        r'(<child link="tool0" ?/>\s*<origin xyz="[^"]*" rpy=")[^"]*', r"\g<1>0 0 0.02", text
    )
    assert turned != text
    with pytest.raises(InvalidInput, match="1.1 degrees apart"):
        within_description(ROBOT, turned)


def test_a_description_without_the_base_is_refused():
    with pytest.raises(InvalidInput, match="robot_description has no link 'base_link'"):
        within_description(ROBOT, description({}).replace('"base_link"', '"pedestal"'))
