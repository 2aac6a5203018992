"""The arms that are described in the package, against their makers' descriptions."""

import sys
from pathlib import Path

import numpy as np
import pytest
from containment import on_surface, outside_m
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.kinematics import forward, joint_frames
from affordance_grasp.control.arm.link_shapes import load_shapes
from affordance_grasp.control.arm.meshes import read_triangles
from affordance_grasp.control.arm.urdf import load_arm
from affordance_grasp.control.motion.clearance import self_gap_m, shape_poses, table_gap_m
from affordance_grasp.control.robot import load_robot
from affordance_grasp.geometry import invert, pose, project
from affordance_grasp.share import share_path

K = np.array([[615, 0, 320], [0, 615, 240], [0, 0, 1.0]])
ARMS = ("ur5e_hande", "panda", "xarm6", "aubo_i10", "aubo_i5L")
ORIGINAL = [
    (
        "panda",  # panda.urdf of example-robot-data 6.0.0, the hand's x instead of the flange's
        [0.902, -1.228, -1.681, -0.128, -1.777, 0.479, -2.804],
        [-0.4073515255457539, -0.5203711853186372, 0.43526146640510416],
        [-0.9066208808933864, 0.15613467672703896, -0.05335346622827498, 0.3883477162194615],
    ),
    (
        "xarm6",  # xarm6.urdf.xacro of xarm_description, right angles exact
        [-2.418, 2.094, 0.054, -2.315, -0.015, 0.48],
        [0.15859395014580208, 0.06408907504023628, 0.296721627654983],
        [-0.4508206655092159, 0.14033126237939184, -0.46726705423186715, 0.7474820160902249],
    ),
    (
        "aubo_i10",  # aubo_i10.urdf of aubo_description 1.3.3
        [-1.464, -1.709, -2.831, 0.997, 1.146, 0.244],
        [-0.2421178030091206, 0.006545171933249149, 0.35428919651396684],
        [-0.27788810707601097, -0.18432002974881406, 0.22039660256282426, 0.9166404224983057],
    ),
    (
        "aubo_i5L",  # aubo_i5L.urdf of aubo_description 1.3.3
        [-0.489, 0.797, -0.024, -2.208, -2.574, -2.914],
        [-0.7361002843646377, 0.34383520733017814, 1.0511337318916374],
        [-0.2715723887176441, 0.40245994973926297, 0.4966519866207665, 0.7194520350431354],
    ),
]
"""Robot, joint angles [rad], and where the maker's description puts the flange, by yourdfpy."""
UR5E_DH = [  # a, d, alpha of Universal Robots' table for the e-series
    (0, 0.1625, np.pi / 2),
    (-0.425, 0, 0),
    (-0.3922, 0, 0),
    (0, 0.1333, np.pi / 2),
    (0, 0.0997, -np.pi / 2),
    (0, 0.0996, 0),
]


@pytest.fixture(scope="module", params=ARMS)
def robot(request):
    return load_robot(f"config/{request.param}.yaml")


@pytest.mark.parametrize(("name", "q", "position_m", "quaternion"), ORIGINAL)
def test_the_flange_is_where_the_makers_description_has_it(name, q, position_m, quaternion):
    T_base_flange = forward(load_robot(f"config/{name}.yaml").arm, q)
    expected = pose(Rotation.from_quat(quaternion).as_matrix(), position_m)
    np.testing.assert_allclose(T_base_flange, expected, atol=1e-9)


def test_ur5e_follows_its_makers_denavit_hartenberg_table():
    arm = load_robot("config/ur5e_hande.yaml").arm
    for q in np.random.default_rng(0).uniform(-3, 3, (20, 6)):
        expected = np.diag([-1.0, -1.0, 1.0, 1.0])  # the controller's base looks backward
        for (a, d, alpha), angle in zip(UR5E_DH, q, strict=True):
            turn = pose(Rotation.from_euler("z", angle).as_matrix(), [0, 0, d])
            expected = (
                expected @ turn @ pose(Rotation.from_euler("x", alpha).as_matrix(), [a, 0, 0])
            )
        np.testing.assert_allclose(forward(arm, q), expected, atol=1e-9)


def test_home_sees_the_middle_of_the_workspace_upright(robot):
    T_base_cam = robot.T_base_cam(robot.home_q)
    low, high = (
        np.array(robot.settings.workspace_min_m),
        np.array(robot.settings.workspace_max_m),
    )
    middle = [*((low + high) / 2)[:2], robot.settings.table_z_m]
    ((u, v),) = project(
        np.array([middle]) @ invert(T_base_cam)[:3, :3].T + invert(T_base_cam)[:3, 3], K
    )
    assert 160 < u < 480
    assert 80 < v < 400
    assert T_base_cam[2, 1] < -0.2, "the picture must be upright"


def test_home_is_clear_of_table_and_of_itself(robot):
    body = robot.body_with_gripper(robot.gripper.max_width_m)
    T_base_shape = shape_poses(body, joint_frames(robot.arm, robot.home_q[None]))
    assert table_gap_m(body, T_base_shape, robot.settings.table_z_m)[0] > 0.03
    assert self_gap_m(body, T_base_shape)[0] > 0.01


def test_the_wrist_camera_is_drawn_where_the_hand_eye_file_has_it(robot):
    urdf = share_path(robot.settings.urdf)
    drawn = load_arm(urdf, robot.settings.base_frame, "camera_color_optical_frame")
    np.testing.assert_allclose(
        forward(drawn, robot.home_q), robot.T_base_cam(robot.home_q), atol=1e-6
    )


@pytest.fixture
def published_panda():
    """The Panda of the package example-robot-data on PyPI, meshes and all."""
    pytest.importorskip("trimesh", reason="trimesh (extra: mesh) is not installed")
    for folder in map(Path, sys.path):
        description = folder / "cmeel.prefix/share/example-robot-data/robots/panda_description"
        if description.exists():
            return description
    return pytest.skip("example-robot-data is not installed")


def test_shapes_of_the_panda_contain_the_published_meshes(published_panda):
    pytest.importorskip("collada", reason="pycollada (extra: mesh) is not installed")
    arm = load_robot("config/panda.yaml").arm
    shapes = load_shapes(share_path("urdf/panda.urdf"), arm)
    for link in range(8):
        mesh = published_panda / "meshes" / "visual" / f"link{link}.dae"
        corners = read_triangles(mesh, np.ones(3), mesh.name)
        own = [shape for shape in shapes if shape.frame == link - 1]
        assert outside_m(own, on_surface(corners, 20_000, link)).max() < 0, link


def test_the_published_panda_is_read_with_its_meshes(published_panda, monkeypatch):
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(published_panda.parents[2]))
    urdf = published_panda / "urdf" / "panda.urdf"
    arm = load_arm(urdf, "panda_link0", "panda_link8")
    shapes = load_shapes(urdf, arm)
    assert {shape.frame for shape in shapes} == set(range(-1, 7))
    for link in range(8):
        mesh = published_panda / "meshes" / "collision" / f"link{link}.stl"
        corners = read_triangles(mesh, np.ones(3), mesh.name)
        own = [shape for shape in shapes if shape.frame == link - 1]
        assert outside_m(own, on_surface(corners, 5000, link)).max() < 1e-9, link
