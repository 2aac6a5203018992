from dataclasses import replace

import numpy as np
import pytest

from affordance_grasp.control.gripper import Hold, hold_verdict
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.errors import InvalidInput

# width and tip advance of the four-bar at five knuckle angles, worked out by hand [rad, mm, mm]
TABLE = [
    (0, 85.0, 0.0),
    (0.2, 66.3, 6.5),
    (0.4, 45.3, 11.0),
    (0.6, 23.0, 13.4),
    (0.7929, 1.0, 13.5),
]


@pytest.fixture(scope="module")
def gripper():
    return load_gripper()


@pytest.mark.parametrize(("knuckle", "width_mm", "advance_mm"), TABLE)
def test_closing_table(gripper, knuckle, width_mm, advance_mm):
    width_m = gripper.width_from_joint(knuckle)
    assert width_m * 1e3 == pytest.approx(width_mm, abs=0.05)
    assert gripper.tip_advance_m(width_m) * 1e3 == pytest.approx(advance_mm, abs=0.05)


def test_stroke_and_largest_advance(gripper):
    """The tips are furthest ahead where the arm stands upright, before they meet."""
    assert gripper.max_width_m - gripper.min_width_m == pytest.approx(0.0848, abs=5e-5)
    widths = np.linspace(gripper.min_width_m, gripper.max_width_m, 400)
    advance = np.array([gripper.tip_advance_m(w) for w in widths])
    assert advance.max() == pytest.approx(0.0137, abs=5e-5)
    assert widths[advance.argmax()] == pytest.approx(0.0107, abs=2e-4)


def test_width_and_joint_are_exact_inverses(gripper):
    for q in np.linspace(0, 0.8, 101):
        assert gripper.joint_from_width(gripper.width_from_joint(q)) == pytest.approx(q, abs=1e-9)


def test_linear_rule_would_be_wrong_by_three_millimetres(gripper):
    q = np.linspace(0, 0.7929, 200)
    linear = 0.085 - 0.084 * q / 0.7929
    exact = np.array([gripper.width_from_joint(x) for x in q])
    assert 0.0028 < np.abs(exact - linear).max() < 0.0036


def test_fingertip_hinges_of_the_linkage_give_the_width(gripper):
    """A model made of two hinges (q, then -q) closes as the closed form says."""
    for q in (0.0, 0.35, 0.8):
        c, s = np.cos(q), np.sin(q)
        hinge_x = gripper.knuckle_x_m + c * gripper.arm_x_m - s * gripper.arm_z_m
        hinge_z = gripper.knuckle_z_m + s * gripper.arm_x_m + c * gripper.arm_z_m
        width_m = gripper.width_from_joint(q)
        assert 2 * (hinge_x - gripper.pad_offset_m) == pytest.approx(width_m)
        tip_z = gripper.coupling_m + hinge_z + gripper.tip_length_m
        assert gripper.T_tool0_tcp(width_m)[2, 3] == pytest.approx(tip_z)


def test_closed_length_is_that_of_the_data_sheet(gripper):
    length_m = gripper.T_tool0_tcp(gripper.width_from_joint(0.7929))[2, 3] - gripper.coupling_m
    assert length_m == pytest.approx(0.1628, abs=2e-4)


def test_out_of_stroke_is_refused_with_the_stroke(gripper):
    with pytest.raises(InvalidInput, match=r"90.0 mm is outside the stroke.*0.2..85.0 mm"):
        gripper.joint_from_width(0.09)
    with pytest.raises(InvalidInput):
        gripper.tip_advance_m(-0.001)
    assert gripper.clamp_width(0.2) == 0.085


def test_boxes_end_at_the_tip_and_leave_the_opening_free(gripper):
    for width_m in (0.01, 0.05, 0.085):
        boxes = {box.name: box for box in gripper.boxes(width_m)}
        ends = [b.center_m[2] + b.half_size_m[2] for b in boxes.values()]
        assert max(ends) == pytest.approx(0)
        left = boxes["left_tip"]
        assert left.center_m[0] - left.half_size_m[0] == pytest.approx(width_m / 2)
        palm = boxes["palm"]
        flange_z = palm.center_m[2] - palm.half_size_m[2]
        assert -flange_z == pytest.approx(gripper.T_tool0_tcp(width_m)[2, 3])


def test_profile_refuses_nonsense(gripper):
    with pytest.raises(InvalidInput, match="tip_length_m is 0.0; it must be a number > 0"):
        replace(gripper, tip_length_m=0.0)
    with pytest.raises(InvalidInput, match="cross"):
        replace(gripper, max_knuckle_rad=1.2)


def test_settings_mistakes_are_named(tmp_path):
    path = tmp_path / "gripper.yaml"
    path.write_text("name: x\nfingers: 3\n")
    with pytest.raises(InvalidInput, match="unknown setting 'fingers'"):
        load_gripper(path)
    path.write_text("name: x\n")
    with pytest.raises(InvalidInput, match="'coupling_m' is missing"):
        load_gripper(path)
    path.write_text("- 1\n")
    with pytest.raises(InvalidInput, match="must be a mapping"):
        load_gripper(path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_gripper(tmp_path / "absent.yaml")


@pytest.mark.parametrize("counts", [0, 1, 2, 3])
def test_empty_fingers_that_end_some_counts_early_hold_nothing(gripper, counts):
    """227 counts from open to closed, as the common driver has them."""
    width_m = gripper.width_from_joint(gripper.max_knuckle_rad * (1 - counts / 227))
    verdict = hold_verdict(width_m, gripper.min_width_m, 0.06, gripper.hold_margin_m)
    assert verdict is Hold.EMPTY


def test_a_blade_of_two_millimetres_is_held(gripper):
    verdict = hold_verdict(0.002, gripper.min_width_m, 0.06, gripper.hold_margin_m)
    assert verdict is Hold.HELD


@pytest.mark.parametrize(
    ("width_m", "verdict"),
    [(0.0005, Hold.EMPTY), (0.004, Hold.HELD), (0.03, Hold.HELD), (0.0598, Hold.NOT_CLOSED)],
)
def test_hold_verdict(width_m, verdict):
    assert hold_verdict(width_m, 0.0002, open_width_m=0.06, margin_m=0.0014) is verdict
