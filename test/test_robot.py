from pathlib import Path

import numpy as np
import pytest
import yaml

from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.motion.clearance import self_gap_m, shape_poses, table_gap_m
from affordance_grasp.control.robot import load_hand_eye, load_robot
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import invert, project
from affordance_grasp.share import share_path

K = np.array([[615, 0, 320], [0, 615, 240], [0, 0, 1.0]])


@pytest.fixture(scope="module")
def robot():
    return load_robot()


def changed(tmp_path: Path, name: str, **changes) -> Path:
    content = yaml.safe_load(share_path(f"config/{name}").read_text())
    content.update(changes)
    path = tmp_path / name
    path.write_text(yaml.safe_dump(content))
    return path


def test_home_looks_at_the_table_from_where_it_should(robot):
    T_base_cam = forward(robot.arm, robot.home_q) @ robot.T_tool0_cam
    target = np.array([0.5, 0, 0.03])
    assert np.linalg.norm(T_base_cam[:3, 3] - target) == pytest.approx(0.48, abs=0.002)
    assert np.degrees(np.arcsin(-T_base_cam[2, 2])) == pytest.approx(65, abs=0.1)
    assert T_base_cam[2, 1] < -0.4, "the picture must be upright"
    corners = np.array([[x, y, 0.0] for x in (0.42, 0.58) for y in (-0.12, 0.12)])
    corners = corners @ invert(T_base_cam)[:3, :3].T + invert(T_base_cam)[:3, 3]
    u, v = project(corners, K).T
    assert (u > 60).all()
    assert (u < 580).all()
    assert (v > 60).all()
    assert (v < 420).all()


def test_home_is_clear_of_table_and_of_itself(robot):
    body = robot.body_with_gripper(robot.gripper.max_width_m)
    T_base_shape = shape_poses(body, joint_frames(robot.arm, robot.home_q[None]))
    assert table_gap_m(body, T_base_shape, robot.settings.table_z_m)[0] > 0.03
    assert self_gap_m(body, T_base_shape)[0] > 0.03


def test_no_file_is_the_default_robots(robot):
    assert load_robot(None).urdf == robot.urdf


def test_tilted_camera_meets_the_tool_axis_half_a_metre_ahead(robot):
    T = robot.T_tool0_cam
    along = T[:3, 3] + T[:3, 2] * 0.07 / T[1, 2]
    np.testing.assert_allclose(along, [0, 0, 0.53], atol=1e-6)
    np.testing.assert_allclose(T[:3, 0], [1, 0, 0], atol=1e-9)


def test_limits_are_the_narrower_of_package_and_description(tmp_path, robot):
    path = changed(tmp_path, "aubo_i5.yaml", max_position_rad=[6.2, 3.0, 3.04, 3.04, 3.04, 3.04])
    np.testing.assert_allclose(load_robot(path).arm.upper, [3.04, 3.0, 3.04, 3.04, 3.04, 3.04])
    np.testing.assert_allclose(robot.velocity, robot.arm.velocity * 0.2)
    faster = load_robot(speed_scaling=0.5)
    np.testing.assert_allclose(faster.velocity, robot.arm.velocity * 0.5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"speed_scaling": 1.5}, "speed_scaling is 1.5; it must be a number > 0 and <= 1"),
        ({"lift_m": 0.0}, "lift_m is 0.0; it must be a number > 0"),
        ({"table_z_m": float("nan")}, "table_z_m is nan; it must be a number, finite"),
        ({"tip_clearance_m": float("nan")}, "tip_clearance_m is nan; it must be a number >= 0"),
        ({"camera_size_m": [0.1, 0.1, float("inf")]}, "camera_size_m is .* must be .*, finite"),
        ({"tip_clearance_m": -0.001}, "tip_clearance_m is -0.001; it must be a number >= 0"),
        ({"grip_force_n": 400.0}, "grip_force_n is 400; robotiq_2f85 holds with 20 to 235 N"),
        ({"home_q_rad": [0.0] * 5}, "home_q_rad must hold 6 numbers"),
        ({"home_q_rad": [4.0] * 6}, "outside the joint limits"),
        ({"max_velocity_radps": [1.0]}, "must hold 6 numbers"),
        ({"workspace_min_m": [1.0, 0, 0]}, "below workspace_max_m"),
        ({"tool_frame": "wrist3_Link"}, "robot_effector_frame is 'tool0'"),
        (
            {"urdf": "urdf/absent.urdf"},
            "no file urdf/absent.urdf, neither here nor in",
        ),
        ({"colour": 1}, "unknown setting 'colour'"),
    ],
)
def test_bad_settings_are_named(tmp_path, changes, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load_robot(changed(tmp_path, "aubo_i5.yaml", **changes))


def test_bad_hand_eye_is_named(tmp_path):
    good = yaml.safe_load(share_path("config/hand_eye.yaml").read_text())
    link = good["parameters"] | {"tracking_base_frame": "camera_link"}
    with pytest.raises(InvalidInput, match="'camera_link'.*optical frame"):
        load_hand_eye(changed(tmp_path, "hand_eye.yaml", parameters=link))
    base = good["parameters"] | {"calibration_type": "eye_on_base"}
    with pytest.raises(InvalidInput, match="expected 'eye_in_hand'"):
        load_hand_eye(changed(tmp_path, "hand_eye.yaml", parameters=base))
    with pytest.raises(InvalidInput, match="'rotation'"):
        transform = {"translation": good["transform"]["translation"]}
        load_hand_eye(changed(tmp_path, "hand_eye.yaml", transform=transform))
    long = good["transform"] | {"rotation": {"x": 1.0, "y": 1.0, "z": 0.0, "w": 0.0}}
    with pytest.raises(InvalidInput, match="unit quaternion"):
        load_hand_eye(changed(tmp_path, "hand_eye.yaml", transform=long))


def test_camera_pose_follows_the_flange_and_home_looks_at_the_table_centre():
    robot = load_robot()
    T_base_cam = robot.T_base_cam(robot.home_q)
    np.testing.assert_allclose(
        T_base_cam, forward(robot.arm, robot.home_q) @ robot.T_tool0_cam, atol=1e-12
    )
    along = np.array([0.50, 0.0, 0.03]) - T_base_cam[:3, 3]
    cosine = T_base_cam[:3, 2] @ along / np.linalg.norm(along)
    assert cosine > np.cos(np.radians(3))


def test_accelerations_are_scaled_as_speeds_unless_told_otherwise():
    slow, brisk = (
        load_robot(speed_scaling=0.3),
        load_robot(speed_scaling=0.3, acceleration_scaling=0.6),
    )
    np.testing.assert_allclose(slow.acceleration, 0.3 * np.array([4, 4, 4, 6, 6, 6]))
    np.testing.assert_allclose(brisk.acceleration, 2 * slow.acceleration)
    np.testing.assert_allclose(brisk.velocity, slow.velocity)
    with pytest.raises(InvalidInput, match="acceleration_scaling is 1.5"):
        load_robot(speed_scaling=0.3, acceleration_scaling=1.5)
