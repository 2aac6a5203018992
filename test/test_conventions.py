"""Each convention on one gripper whose fingertips, approach and closing direction are known.

The hand points down from (0.1, 0.2, 0.5): its fingertips meet at (0.1, 0.2, 0.5 + reach) in a
frame whose z looks down, and the fingers close along the frame's x. How each generator writes
that hand down is spelled out by hand here.
"""

import numpy as np
import pytest

from affordance_grasp.candidates.external.conventions import (
    CONVENTIONS,
    Convention,
    WidthMeaning,
    find_convention,
)
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.errors import InvalidInput, UnknownName

TIPS = np.array([0.1, 0.2, 0.5])
X, Y, Z = np.eye(3)

# name: (axes of the generator's frame as columns, its origin, depth of the grasp)
KNOWN = {
    "tcp": ((X, Y, Z), TIPS, None),
    "graspnet": ((Z, X, Y), TIPS - 0.02 * Z, 0.02),
    "anygrasp": ((Z, X, Y), TIPS - 0.03 * Z, 0.03),
    "contact_graspnet": ((X, Y, Z), TIPS - 0.112204 * Z, None),
    "graspgen": ((X, Y, Z), TIPS - 0.21196 * Z, None),
    "gpd": ((Z, X, Y), TIPS - 0.06 * Z, None),
    "vgn": ((-Y, X, Z), TIPS - 0.05 * Z, None),
}


def external_pose(columns, origin):
    T = np.eye(4)
    T[:3, :3] = np.column_stack(columns)
    T[:3, 3] = origin
    return T


def test_every_convention_has_a_known_answer():
    assert set(KNOWN) == set(CONVENTIONS)


@pytest.mark.parametrize("name", KNOWN)
def test_the_same_hand_in_every_convention(name):
    columns, origin, depth = KNOWN[name]
    T = external_pose(columns, origin)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1), (
        "the test's own frame must be right-handed"
    )
    T_cam_tcp = CONVENTIONS[name].to_tcp([T], None if depth is None else [depth])
    expected = external_pose((X, Y, Z), TIPS)
    np.testing.assert_allclose(T_cam_tcp, [expected], atol=1e-12)


@pytest.mark.parametrize("name", KNOWN)
def test_conversion_follows_the_frame_that_the_poses_are_given_in(name):
    """Turning the world turns the answer: T (T_f to tcp) = (T T_f) to tcp."""
    columns, origin, depth = KNOWN[name]
    depths = None if depth is None else [depth]
    T_world_cam = external_pose((Y, Z, X), [0.3, -0.4, 1.0])
    convention, T = CONVENTIONS[name], external_pose(columns, origin)
    np.testing.assert_allclose(
        convention.to_tcp([T_world_cam @ T], depths),
        T_world_cam @ convention.to_tcp([T], depths),
        atol=1e-12,
    )
    np.testing.assert_allclose(np.linalg.det(convention.R_external_tcp), 1)


def test_pose_of_tcp_in_the_frame_of_the_generator():
    convention = find_convention("gpd")
    T = external_pose(*KNOWN["gpd"][:2])
    np.testing.assert_allclose(
        T @ convention.T_external_tcp(0.06), convention.to_tcp([T])[0], atol=1e-12
    )


def test_fingers_end_where_their_published_collision_meshes_end():
    """Panda: finger.stl ends 53.85 mm before the finger joint, which is 58.4 mm before the hand.

    2F-140, open: the mesh's pads reach from 175.7 to 212.0 mm; the fingertips are their far end.
    """
    graspgen, contact = find_convention("graspgen"), find_convention("contact_graspnet")
    assert graspgen.tip_offset_m("franka_panda") == pytest.approx(0.0584 + 0.05385)
    assert contact.tip_offset_m("panda") == pytest.approx(0.0584 + 0.05385, abs=1e-4)
    assert graspgen.tip_offset_m("robotiq_2f_140") == pytest.approx(0.2120, abs=1e-4)


def test_the_fingers_of_a_2f_85_end_where_its_linkage_ends_at_rest():
    """GraspGen's own settings have the middle of the pads at 130.3 mm; they are 37.5 mm long."""
    gripper = load_gripper()
    offset = find_convention("graspgen").tip_offset_m("robotiq_2f_85")
    assert offset == pytest.approx(gripper.open_length_m - gripper.coupling_m, abs=1e-5)
    assert offset == pytest.approx(0.130324 + gripper.pad_length_m / 2, abs=0.001)


def test_the_hand_that_a_model_was_trained_with_sets_the_reach():
    graspgen = find_convention("graspgen")
    assert graspgen.tip_offset_m("franka_panda") == pytest.approx(0.11225)
    given = graspgen.to_tcp([np.eye(4)], tip_offset_m=0.15)
    np.testing.assert_allclose(given[0, :3, 3], [0, 0, 0.15])
    with pytest.raises(
        UnknownName, match=r"suction.*robotiq_2f_140, franka_panda, robotiq_2f_85, .*tip_offset_m"
    ):
        graspgen.tip_offset_m("suction")


def test_depth_is_never_guessed():
    with pytest.raises(InvalidInput, match="every grasp needs a depth"):
        find_convention("graspnet").to_tcp([np.eye(4)])
    with pytest.raises(InvalidInput, match="every grasp needs a depth"):
        find_convention("graspnet").to_tcp([np.eye(4)], [np.nan])


def test_no_grasps_are_no_grasps():
    assert find_convention("vgn").to_tcp(np.zeros((0, 4, 4))).shape == (0, 4, 4)


def test_bad_names_and_axes_are_refused():
    with pytest.raises(UnknownName, match="tcp, graspnet, anygrasp, contact_graspnet, graspgen"):
        find_convention("dexnet")
    with pytest.raises(InvalidInput, match="two of x, y, z"):
        Convention("bad", "x", "x", {"any": 0.0}, WidthMeaning.NONE, "nowhere")
    with pytest.raises(InvalidInput, match="must be finite"):
        find_convention("tcp").to_tcp([np.eye(4)], tip_offset_m=float("nan"))
