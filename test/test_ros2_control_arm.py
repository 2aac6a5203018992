"""What is asked of a gripper driver, and what its answers mean, with no driver at hand."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from action_msgs.msg import GoalStatus
from sensor_msgs.msg import JointState

from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.errors import InvalidInput, MotionFault
from affordance_grasp.nodes.arms.ros2_control_arm import GripperCommandAdapter
from affordance_grasp.nodes.parameters import Ros2ControlParameters
from affordance_grasp.share import share_path

GRIPPER = load_gripper()
PARALLEL = "ParallelGripperCommand"
SUCCEEDED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED


class Action:
    """As much of an action's class as a goal needs."""

    class Goal:
        def __init__(self):
            self.command = SimpleNamespace()


def language(command=PARALLEL, position="joint", closed_rad=0.8, gripper=GRIPPER):
    return GripperCommandAdapter(command, position, closed_rad, gripper)


def answer(position, status=SUCCEEDED, reached=True, stalled=False, command=PARALLEL):
    """With the fields of that command's result and no others."""
    state = JointState(position=[] if position is None else [position])
    told = {"state": state} if command == PARALLEL else {"position": position}
    result = SimpleNamespace(reached_goal=reached, stalled=stalled, **told)
    return SimpleNamespace(status=status, result=result)


def test_a_width_is_asked_for_as_the_angle_of_the_knuckle():
    """45.3 mm is 0.4 rad on a 2F-85: its linkage, not a straight line."""
    command = language().goal(Action, 0.0453, 40.0).command
    assert list(command.name) == ["robotiq_85_left_knuckle_joint"]
    assert command.position[0] == pytest.approx(0.4, abs=1e-3)
    assert list(command.effort) == [40.0]
    older = language("GripperCommand").goal(Action, 0.0453, 40.0).command
    assert older.position == pytest.approx(0.4, abs=1e-3) and older.max_effort == 40.0
    assert language("GripperCommand", "width").goal(Action, 0.03, 40.0).command.position == 0.03


def test_more_than_the_stroke_is_the_end_of_the_stroke():
    assert language().goal(Action, 0.2, 40.0).command.position[0] == 0.0
    assert language().width_m(answer(-0.01)) == GRIPPER.max_width_m
    assert language().width_m(answer(0.9)) == GRIPPER.min_width_m


@pytest.mark.parametrize("counts", [0, 1, 2, 3])
def test_empty_fingers_of_a_driver_that_closes_at_less_hold_nothing(counts):
    """The common Robotiq driver has 227 counts up to 0.7929 rad."""
    adapter = language(closed_rad=0.7929)
    width_m = adapter.width_from_joint(0.7929 * (1 - counts / 227))
    assert width_m < GRIPPER.min_width_m + GRIPPER.hold_margin_m
    assert counts or width_m == pytest.approx(GRIPPER.min_width_m, abs=1e-9)
    assert adapter.position_from_width(0.0) == pytest.approx(0.7929)
    assert Ros2ControlParameters().closed_position == 0.7929


def test_a_driver_that_closes_further_is_taken_at_its_word():
    assert language(closed_rad=0.81).width_from_joint(0.4) == language().width_from_joint(0.4)


@pytest.mark.parametrize("command", [PARALLEL, "GripperCommand"])
@pytest.mark.parametrize("position", ["joint", "width"])
def test_answers_are_the_inverse_of_questions(command, position):
    spoken = language(command, position)
    for width_m in (0.001, 0.02, 0.0453, 0.085):
        told = answer(spoken.position_from_width(width_m), command=command)
        assert spoken.width_m(told) == pytest.approx(width_m, abs=1e-9)


def test_sliding_fingers_are_asked_for_the_position_of_one():
    """The Hand-E's driver: 0 to 25 mm per finger, whatever a four-bar's closed angle is."""
    hande = load_gripper(share_path("config/gripper_hande.yaml"))
    spoken = language("GripperCommand", closed_rad=0.7929, gripper=hande)
    assert spoken.goal(Action, 0.03, 60.0).command.position == pytest.approx(0.015)
    assert spoken.width_m(answer(0.015, command="GripperCommand")) == pytest.approx(0.03)
    assert spoken.width_from_joint(0.025) == pytest.approx(0.05)


def test_franka_gripper_is_asked_for_half_of_what_it_answers():
    """gripper_action_server.cpp: target is 2 * position, the result's position is the width."""
    hand = load_gripper(share_path("config/gripper_franka.yaml"))
    spoken = language("GripperCommand", "half_width", 0.7929, hand)
    assert spoken.goal(Action, 0.03, 30.0).command.position == pytest.approx(0.015)
    assert spoken.width_m(answer(0.03, command="GripperCommand")) == pytest.approx(0.03)
    assert spoken.width_from_joint(0.015) == pytest.approx(0.03)
    with pytest.raises(MotionFault, match="default_grasp_epsilon.outer of franka_gripper"):
        spoken.width_m(answer(0.03, ABORTED, False, command="GripperCommand"))


def test_a_stall_on_an_object_is_no_fault_whatever_the_driver_calls_it():
    assert language().width_m(answer(0.4, ABORTED, False, stalled=True)) == pytest.approx(
        0.0453, abs=1e-4
    )
    with pytest.raises(MotionFault, match="aborted it.*activated and powered"):
        language().width_m(answer(0.4, ABORTED, False))


def test_an_answer_without_a_position_tells_no_width():
    assert language().width_m(answer(None)) is None


def test_what_no_driver_speaks_is_refused():
    with pytest.raises(InvalidInput, match="gripper_command is 'Twist'"):
        Ros2ControlParameters(gripper_command="Twist")
    with pytest.raises(
        InvalidInput, match="is 'percent'; it must be one of half_width, joint, width"
    ):
        Ros2ControlParameters(gripper_position="percent")
