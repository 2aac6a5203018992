"""Of two sets of joint limits the narrower counts, joint by joint and by name."""

import re

import numpy as np
import pytest

from affordance_grasp.control.robot import load_robot
from affordance_grasp.control.robot_description import within_description
from affordance_grasp.errors import InvalidInput

ROBOT = load_robot()
NAMES = ROBOT.arm.joint_names


def description(limits: dict[str, tuple[float, float, float]], names=NAMES[::-1]) -> str:
    """A URDF with the joints in another order than ours; wide limits where none are given."""
    joints = ""
    for name in names:
        lower, upper, velocity = limits.get(name, (-6.3, 6.3, 9.0))
        joints += (
            f'<joint name="{name}" type="revolute">'
            f'<limit lower="{lower}" upper="{upper}" velocity="{velocity}" effort="1"/></joint>'
        )
    return f'<robot name="r">{joints}</robot>'


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
        (re.sub('lower="[^"]*"', 'lower="nan"', description({})), "limit that is not a number"),
        (re.sub("<limit[^>]*>", "", description({})), "has no <limit>"),
    ],
)
def test_what_cannot_be_this_robot_is_refused(text, words):
    with pytest.raises(InvalidInput, match=words):
        within_description(ROBOT, text)
