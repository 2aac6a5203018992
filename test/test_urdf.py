import re
from pathlib import Path

import numpy as np
import pytest

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.arm.link_shapes import load_shapes
from affordance_grasp.control.arm.urdf import load_arm, parse_urdf, read_arm, snap_right_angles
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert
from affordance_grasp.share import share_path

URDF = share_path("urdf/aubo_i5_2f85.urdf")


@pytest.fixture(scope="module")
def arm():
    return load_arm(URDF)


def write(tmp_path: Path, joints: str) -> Path:
    path = tmp_path / "arm.urdf"
    links = "".join(f'<link name="{name}"/>' for name in ("base_link", "a", "b", "tool0"))
    path.write_text(f'<robot name="r">{links}{joints}</robot>')
    return path


def joint(name, parent, child, kind="revolute", extra=""):
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<axis xyz="0 0 2"/><limit lower="-1" upper="2" velocity="3" effort="1"/>{extra}</joint>'
    )


def test_joint_table(arm):
    assert arm.joint_names == tuple(
        f"{name}_joint"
        for name in ("shoulder", "upperArm", "foreArm", "wrist1", "wrist2", "wrist3")
    )
    assert arm.link_names[-1] == "wrist3_Link"
    np.testing.assert_array_equal(arm.upper, 3.04)
    np.testing.assert_array_equal(arm.lower, -3.04)
    np.testing.assert_array_equal(arm.velocity, [2.5964] * 3 + [3.1105] * 3)


def test_zero_posture_by_hand(arm):
    """Stretched up: heights 0.122 + 0.408 + 0.376 + 0.1025, sideways 0.1215 + 0.094."""
    T_base_tip = forward(arm, np.zeros(6))
    np.testing.assert_allclose(T_base_tip[:3, 3], [0, -0.2155, 1.0085], atol=1e-12)
    np.testing.assert_allclose(T_base_tip[:3, 2], [0, -1, 0], atol=1e-12)


def test_axes_at_zero(arm):
    """Joints 2, 3, 4 are exactly parallel, the third against the others."""
    from affordance_grasp.control.arm.kinematics import joint_frames

    axes = (joint_frames(arm, np.zeros(6))[:, :3, :3] @ arm.axes[:, :, None])[..., 0]
    expected = [[0, 0, 1], [0, -1, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, -1, 0]]
    np.testing.assert_allclose(axes, expected, atol=1e-15)


def test_vendor_rounding_is_snapped(tmp_path, arm):
    text = URDF.read_text().replace("1.5707963267948966", "1.5708")
    path = tmp_path / "rounded.urdf"
    path.write_text(text.replace("3.141592653589793", "3.1416"))
    rounded = load_arm(path)
    np.testing.assert_array_equal(rounded.T_parent_joint, arm.T_parent_joint)
    np.testing.assert_allclose(snap_right_angles(np.array([1.5706, 0.3])), [1.5706, 0.3])


def T_tool0_link(link):
    """With every joint at zero, the fingers' as if they moved on their own."""
    root = parse_urdf(re.sub("<mimic [^>]*>", "", URDF.read_text()), "it")
    arms = (read_arm(root, "it", "base_link", tip) for tip in ("tool0", link))
    T_base_tool0, T_base_link = (forward(arm, np.zeros(arm.dof)) for arm in arms)
    return invert(T_base_tool0) @ T_base_link


def test_camera_and_tcp_of_the_description_repeat_the_settings():
    robot = load_robot()
    np.testing.assert_allclose(
        T_tool0_link("camera_color_optical_frame"), robot.T_tool0_cam, atol=1e-7
    )
    T_tool0_tcp = robot.gripper.T_tool0_tcp(robot.gripper.min_width_m)
    np.testing.assert_allclose(T_tool0_link("tcp"), T_tool0_tcp, atol=1e-6)
    T_tool0_tip = T_tool0_link("robotiq_85_left_finger_tip_link")
    assert T_tool0_tip[2, 3] + robot.gripper.tip_length_m == pytest.approx(
        robot.gripper.open_length_m
    )


def test_shapes_cover_every_link(arm):
    shapes = load_shapes(URDF, arm)
    assert {shape.frame for shape in shapes} == set(range(-1, 6))
    upper_arm = [shape for shape in shapes if shape.frame == 1]
    tube = max(upper_arm, key=lambda shape: shape.half_size[2])
    assert tube.half_size == (0.059, 0.059, 0.13)
    np.testing.assert_allclose(tube.T_link_shape[:3, 2], [1, 0, 0], atol=1e-15)


def arm_with(tmp_path, collisions):
    """One moving link ``a`` with the given collision geometries, between two that have none."""
    path = write(tmp_path, joint("one", "base_link", "a") + joint("two", "a", "tool0", "fixed"))
    shapes = "".join(f"<collision><geometry>{c}</geometry></collision>" for c in collisions)
    path.write_text(
        path.read_text().replace('<link name="a"/>', f'<link name="a">{shapes}</link>')
    )
    return path


def test_a_capsule_is_the_cylinder_around_it(tmp_path):
    path = arm_with(tmp_path, ['<capsule radius="0.05" length="0.2"/>', '<box size="1 2 3"/>'])
    capsule, box = load_shapes(path, load_arm(path))
    assert (capsule.kind, capsule.half_size) == ("cylinder", (0.05, 0.05, pytest.approx(0.15)))
    assert (box.kind, box.half_size) == ("box", (0.5, 1.0, 1.5))


@pytest.mark.parametrize(
    ("collisions", "words"),
    [
        ([], "no collision shape for a; give every link from base_link to tool0 meshes"),
        (['<mesh filename="a.stl"/>'], "link a: mesh 'a.stl' is not there; looked at /.*/a.stl"),
        (['<sphere radius="1"/>', '<mesh filename="a.stl"/>'], "mesh 'a.stl' is not there"),
        (['<plane normal="0 0 1"/>'], "link a: a collision plane; expected mesh, box, cylinder"),
        (['<sphere radius="-1"/>'], "link a: a collision sphere has a size that is not above 0"),
        (['<cylinder radius="1"/>'], "link a: cylinder length '' is not a number"),
        (['<box size="1, 2, 3"/>'], "link a: box size='1, 2, 3'; expected three numbers"),
    ],
)
def test_a_link_that_could_not_be_checked_is_refused(tmp_path, collisions, words):
    path = arm_with(tmp_path, collisions)
    with pytest.raises(InvalidInput, match=words):
        load_shapes(path, load_arm(path))


def test_a_joint_that_mimics_another_is_refused(tmp_path):
    follower = joint("two", "a", "tool0", extra='<mimic joint="one" multiplier="-1"/>')
    path = write(tmp_path, joint("one", "base_link", "a") + follower)
    with pytest.raises(InvalidInput, match="joint two mimics 'one'; an arm's joints must move"):
        load_arm(path)


def test_what_is_fixed_to_a_link_belongs_to_it_but_not_what_the_tip_bears(tmp_path):
    joints = (
        joint("one", "base_link", "a")
        + joint("fixed", "a", "b", "fixed", '<origin xyz="0 0 1" rpy="0 0 1.5708"/>')
        + joint("cable", "b", "c", "fixed", '<origin xyz="1 0 0"/>')
        + joint("flange", "b", "tool0", "fixed")
        + joint("mount", "tool0", "hand", "fixed")
    )
    sphere = (
        '<link name="{}"><collision><geometry><sphere radius="1"/></geometry></collision></link>'
    )
    path = write(tmp_path, joints + sphere.format("c") + sphere.format("hand"))
    (cable,) = load_shapes(path, load_arm(path))
    assert (cable.kind, cable.frame) == ("sphere", 0)
    np.testing.assert_allclose(cable.T_link_shape[:3, 3], [0, 1, 1], atol=1e-12)


def test_a_continuous_joint_needs_no_limit(tmp_path):
    turning = joint("one", "base_link", "tool0", "continuous").replace("limit", "unread")
    arm = load_arm(write(tmp_path, turning))
    assert (arm.lower[0], arm.upper[0]) == (-np.inf, np.inf)
    assert np.isnan(arm.velocity[0])


@pytest.mark.parametrize(
    ("xyz", "words"),
    [
        ("0, 0, 0.1", "joint one: origin xyz='0, 0, 0.1'; expected three numbers"),
        (
            "${pi/2} 0 0",
            "expected three numbers with spaces between them; expand the file with xacro",
        ),
        ("0 0 inf", "origin xyz='0 0 inf'"),
        ("0 0", "origin xyz='0 0'"),
        ("7" * 100_000, "origin xyz='7{60}...'; expected"),
    ],
)
def test_numbers_that_are_none_are_named(tmp_path, xyz, words):
    moved = joint("one", "base_link", "tool0", extra=f'<origin xyz="{xyz}"/>')
    with pytest.raises(InvalidInput, match=re.escape(words).replace(r"7\{60\}", "7{60}")):
        load_arm(write(tmp_path, moved))


def test_fixed_joints_are_folded_and_axes_normalised(tmp_path):
    origin = '<origin xyz="0 0 1" rpy="0 0 1.5708"/>'
    path = write(
        tmp_path,
        joint("one", "base_link", "a", "fixed", origin)
        + joint("two", "a", "b", extra='<origin xyz="1 0 0"/>')
        + joint("three", "b", "tool0", "fixed", origin),
    )
    arm = load_arm(path)
    assert arm.joint_names == ("two",)
    np.testing.assert_array_equal(arm.axes, [[0, 0, 1]])
    np.testing.assert_allclose(forward(arm, [np.pi / 2])[:3, 3], [0, 1, 2], atol=1e-12)
    np.testing.assert_allclose(forward(arm, [0.0])[:3, :3], np.diag([-1, -1, 1]), atol=1e-12)


def test_mistakes_are_named(tmp_path):
    chain = joint("one", "base_link", "a") + joint("two", "a", "b")
    with pytest.raises(InvalidInput, match="'tool0' does not descend from 'base_link'"):
        load_arm(write(tmp_path, chain))
    with pytest.raises(InvalidInput, match="joint three is prismatic"):
        load_arm(write(tmp_path, chain + joint("three", "b", "tool0", "prismatic")))
    with pytest.raises(InvalidInput, match="no link 'flange'.*base_link"):
        load_arm(write(tmp_path, chain), tip="flange")
    with pytest.raises(InvalidInput, match="no moving joint"):
        load_arm(write(tmp_path, joint("one", "base_link", "tool0", "fixed")))
    no_limit = chain + joint("three", "b", "tool0").replace("limit", "bound")
    with pytest.raises(InvalidInput, match="three has no <limit>"):
        load_arm(write(tmp_path, no_limit))
    with pytest.raises(InvalidInput, match="URDF .* cannot be read"):
        load_arm(tmp_path / "absent.urdf")


def test_an_arm_on_a_rail_is_described_from_its_carriage(tmp_path):
    rail = joint("slide", "base_link", "a", "prismatic")
    path = write(tmp_path, rail + joint("one", "a", "b") + joint("two", "b", "tool0"))
    with pytest.raises(InvalidInput, match="joint slide is prismatic"):
        load_arm(path)
    assert load_arm(path, base="a").joint_names == ("one", "two")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not a URDF"),
        (b"<robot>" * 100, "not a URDF"),
        (b"<robot>" * 100 + b"</robot>" * 100, "nested deeper than 64"),
        (b'<?xml version="1.0" encoding="klingon"?><robot/>', "not a URDF"),
        (b'<robot><link name="a"/><link name="a"/></robot>', "several links of the name 'a'"),
        (b'<robot><joint name="\xc3\xa9"/><joint name="\xc3\xa9"/></robot>', "several joints"),
    ],
)
def test_a_text_that_is_no_urdf_is_refused(text, words):
    with pytest.raises(InvalidInput, match=words):
        parse_urdf(text, "it")


@pytest.mark.parametrize("number", ["1e300", "-1e7", "inf", "nan", "9" * 400])
def test_numbers_of_no_arm_are_refused(tmp_path, number):
    far = joint("j", "base_link", "tool0", extra=f'<origin xyz="0 0 {number}"/>')
    with pytest.raises(InvalidInput, match="three numbers"):
        load_arm(write(tmp_path, far))
