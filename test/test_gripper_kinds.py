"""Every gripper that ships, against the joint origins and meshes of its published description."""

from pathlib import Path

import numpy as np
import pytest

from affordance_grasp.control.four_bar import FourBar
from affordance_grasp.control.gripper_kinds import EXAMPLES, GRIPPERS, load_gripper
from affordance_grasp.control.prismatic import Prismatic
from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path

SLACK_M = 5e-4
"""Far below the 2 mm by which a tip offset may not be wrong."""


def turned(axis, angle):
    """Rotation (4, 4) about x or z."""
    c, s = np.cos(angle), np.sin(angle)
    T, i, j = np.eye(4), *((1, 2) if axis == "x" else (0, 1))
    T[i, i], T[i, j], T[j, i], T[j, j] = c, -s, s, c
    return T


def moved(*xyz):
    T = np.eye(4)
    T[:3, 3] = xyz
    return T


def franka(q):
    """hand -> leftfinger along y; finger.stl ends at 0.05385, its inner face is at y = 0."""
    return (moved(0, 0, 0.0584) @ moved(0, q, 0))[:3, 3] + [0, 0, 0.05385]


def hande(q):
    """robotiq_hande_link -> left_finger along x; robotiq_hande_end lies at 0.099 + 0.0465."""
    return (moved(0, 0, 0.099) @ moved(q, 0, 0))[:3, 3] + [0, 0, 0.0465]


def two_f140(q):
    """Base -> outer knuckle -> outer finger -> inner finger -> pad, a box 70 x 7.5 mm."""
    T = moved(0, -0.030601, 0.054905) @ turned("x", np.pi / 2 + 0.725) @ turned("x", -q)
    T = T @ moved(0, 0.01821998610742, 0.0260018192872234)
    T = T @ moved(0, 0.0817554015893473, -0.0282203446692936) @ turned("x", -0.725)
    T = T @ turned("x", q) @ moved(0, 0.0457554015893473, -0.0272203446692936)
    corners = np.array([[0, y, z, 1] for y in (-0.035, 0.035) for z in (-0.00375, 0.00375)])
    ends = (corners @ T.T)[:, :3]
    return np.array([0, -ends[:, 1].max(), ends[:, 2].max()])


@pytest.mark.parametrize(
    ("name", "published", "positions"),
    [
        ("franka", franka, (0.0, 0.013, 0.04)),
        ("hande", hande, (0.0, 0.011, 0.025)),
        ("2f140", two_f140, (0.0, 0.2, 0.45, 0.69)),
    ],
)
def test_fingertips_are_where_the_published_description_has_them(name, published, positions):
    gripper = load_gripper(share_path(f"config/gripper_{name}.yaml"))
    for q in positions:
        tip = published(q)
        width_m = gripper.width_from_joint(q)
        assert width_m == pytest.approx(2 * np.hypot(*tip[:2]), abs=SLACK_M)
        reach_m = gripper.T_tool0_tcp(width_m)[2, 3] - gripper.coupling_m
        assert reach_m == pytest.approx(tip[2], abs=SLACK_M)
        assert gripper.joint_from_width(width_m) == pytest.approx(q, abs=1e-9)


def test_fingers_of_the_franka_hand_close_along_the_hands_y():
    """The hand stands at -45 degrees on the flange, tool0 of urdf/panda.urdf at 45 degrees."""
    T_flange_hand, T_flange_tool0 = turned("z", -np.pi / 4), turned("z", np.pi / 4)
    gripper = load_gripper(share_path("config/gripper_franka.yaml"))
    closing = (T_flange_tool0 @ gripper.T_tool0_tcp(0.04))[:3, 0]
    assert closing == pytest.approx(T_flange_hand[:3, 1], abs=1e-9)


def test_the_tip_is_not_the_middle_of_the_pad():
    """The vendor's TCP, and that of grasp generators, is 0.1034 m; the finger goes on."""
    gripper = load_gripper(share_path("config/gripper_franka.yaml"))
    assert gripper.T_tool0_tcp(0.0)[2, 3] == pytest.approx(0.1122, abs=1e-3)


@pytest.mark.parametrize("path", sorted(Path(share_path("config")).glob("gripper_*.yaml")))
def test_what_ships_is_whole(path):
    """Widths and joints are inverses; the drive's leverage is the slope between them."""
    gripper = load_gripper(path)
    assert type(gripper) in GRIPPERS.values()
    middle_m = (gripper.min_width_m + gripper.max_width_m) / 2
    q = gripper.joint_from_width(middle_m)
    slope = (gripper.width_from_joint(q + 1e-6) - gripper.width_from_joint(q - 1e-6)) / 2e-6
    assert gripper.width_per_joint(middle_m) == pytest.approx(abs(slope), rel=1e-6)
    assert gripper.width_from_joint(gripper.closed_joint) == gripper.min_width_m
    for beyond in (-10.0, 10.0):
        assert gripper.min_width_m <= gripper.width_from_joint(beyond) <= gripper.max_width_m
    ends = [box.center_m[2] + box.half_size_m[2] for box in gripper.boxes(middle_m)]
    assert max(ends) == pytest.approx(0)


@pytest.mark.parametrize("kind", GRIPPERS)
def test_every_kind_has_a_file_that_explains_it(kind):
    assert isinstance(load_gripper(share_path(EXAMPLES[kind])), GRIPPERS[kind])
    assert {"four_bar": FourBar, "prismatic": Prismatic} == GRIPPERS


def written(folder, kind="", leave_out=(), **more):
    """A gripper file with the fields of the Hand-E, changed."""
    lines = share_path("config/gripper_hande.yaml").read_text().splitlines()
    gone = {"kind", *leave_out, *more}
    kept = [line for line in lines if line.split(":")[0] not in gone]
    added = [f"{name}: {value}" for name, value in more.items()]
    path = folder / "gripper.yaml"
    path.write_text("\n".join([*kept, *added, *([f"kind: {kind}"] if kind else [])]))
    return path


def test_sliding_fingers_without_a_kind_are_told_all_they_lack_at_once(tmp_path):
    """A description as its owner writes it, with a tip length and no way to place the tips."""
    path = written(tmp_path, leave_out=("finger_joint", "length_m"), tip_length_m=0.0584)
    with pytest.raises(
        InvalidInput,
        match="for a prismatic one add 'kind: prismatic', finger_joint, length_m and take out "
        "tip_length_m; config/gripper_hande.yaml explains each",
    ):
        load_gripper(path)


def test_a_kind_that_is_none_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(
        InvalidInput, match="unknown kind of gripper 'vacuum'; known: four_bar, prismatic"
    ):
        load_gripper(written(tmp_path, kind="vacuum"))


def test_a_length_that_ends_inside_the_palm_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="length_m 0.0465 is from the mounting face"):
        load_gripper(written(tmp_path, kind="prismatic", length_m=0.0465))
