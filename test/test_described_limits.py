"""Of two sets of joint limits the narrower counts, joint by joint and by name."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_description import flange_of, within_description
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


def vendors(turned_link: bool = False) -> str:
    """As the vendor publishes the arm: no ``tool0``, but perhaps an ``ee_link``, turned."""
    root = ElementTree.fromstring(description({}))
    joints = root.findall("joint")
    tool = next(j for j in joints if j.find("child").get("link") == "tool0")
    if turned_link:
        tool.find("child").set("link", "ee_link")
        tool.find("origin").set("rpy", f"0 0 {np.pi / 2}")
        root.append(ElementTree.fromstring('<link name="ee_link"/>'))
    for element in (tool, *(e for e in root if e.get("name") == "tool0")):
        if element.tag == "link" or not turned_link:
            root.remove(element)
    return ElementTree.tostring(root, encoding="unicode")


def test_where_a_description_has_no_tool_frame_it_is_the_last_joint_s_link():
    assert flange_of(ROBOT, description({})) is None
    link, T = flange_of(ROBOT, vendors())
    assert link == "wrist3_Link"
    np.testing.assert_allclose(T, ROBOT.arm.T_last_tip, atol=1e-12)


def test_a_turned_link_at_the_flange_is_turned_back():
    link, T = flange_of(ROBOT, vendors(turned_link=True), "ee_link")
    assert link == "ee_link"
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(T[:3, :3], turn, atol=1e-6)
    np.testing.assert_allclose(T[:3, 3], 0, atol=1e-9)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("flange", "neither a link 'tool0' nor the flange_frame 'flange'.* such as wrist3_Link"),
        ("foreArm_Link", "'foreArm_Link' .* is not moved by wrist3_joint; flange_frame must be"),
    ],
)
def test_a_flange_that_is_none_is_refused_with_one_that_is(link, words):
    with pytest.raises(InvalidInput, match=words):
        flange_of(ROBOT, vendors(), link)
