import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

import rclpy
from affordance_grasp.action import ExecuteGrasp, MoveGripper
from affordance_grasp.msg import SelectedGrasp
from builtin_interfaces.msg import Time
from rclpy.parameter import Parameter
from std_msgs.msg import Header, String

from affordance_grasp.control.motion.execution import STAGES
from affordance_grasp.control.motion.pick import plan_pick
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput, MotionFault, Unreachable
from affordance_grasp.geometry import pose
from affordance_grasp.nodes import controller
from affordance_grasp.nodes.controller import ControllerNode
from affordance_grasp.nodes.convert.columns import from_obstacles
from affordance_grasp.nodes.convert.conversions import from_pose
from affordance_grasp.nodes.inputs import known_obstacles
from affordance_grasp.nodes.parameters import ControllerParameters
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.scene.obstacles import Obstacles
from affordance_grasp.share import share_path


class RecordingArm:
    """Does as it is told, notes it down, and fails with ``fault`` at the n-th motion."""

    def __init__(self, node, robot, joints, heartbeats):
        self.done = []
        self.fault = None
        self.fails_at = 1
        self.width_m = 0.03
        self.stuck_m = None
        self.over = False

    def begin(self, unwanted):
        self.done.append("begin")

    def end(self):
        self.over = True

    def expect(self, plan):
        self.around = plan.around

    def move(self, trajectory, any_path=False):
        self.done.append("move")
        if self.fault is not None and self.done.count("move") == self.fails_at:
            raise self.fault

    def grip(self, width_m, force_n):
        self.done.append("grip")
        opened_m = width_m if self.stuck_m is None else self.stuck_m
        return self.width_m if self.done.count("grip") > 1 else opened_m

    def hold(self, duration_s):
        self.done.append("hold")
        return self.width_m

    def stop(self):
        self.done.append("stop")


class Handle:
    """As much of a goal handle as the controller uses."""

    is_cancel_requested = False

    def __init__(self, grasp):
        self.request = ExecuteGrasp.Goal(grasp=grasp)
        self.stages = []

    def publish_feedback(self, feedback):
        self.stages.append(feedback.stage)


@pytest.fixture
def node(monkeypatch, request):
    """A test may be given what to do where obstacles are not known; by itself: go on."""
    required = getattr(request, "param", "false")
    monkeypatch.setitem(controller.ARMS, "recording", RecordingArm)
    parameters = ["-p", "robot:=recording", "-p", f"require_obstacles:={required}"]
    rclpy.init(args=["--ros-args", *parameters], domain_id=101)
    node = ControllerNode()
    monkeypatch.setattr(known_obstacles, "PATIENCE_S", 0.0)
    monkeypatch.setattr(node._joints, "now", lambda: load_robot().home_q)
    monkeypatch.setattr(node._joints, "rest", lambda window_s, patience_s: True)
    yield node
    node.close()
    node.destroy_node()
    rclpy.try_shutdown()


def grasp(x_m: float = 0.5) -> SelectedGrasp:
    T = pose(np.diag([1.0, -1.0, -1.0]), [x_m, 0.0, 0.05])
    return SelectedGrasp(header=Header(frame_id="base_link"), pose=from_pose(T), width_m=0.03)


def test_a_pick_goes_through_its_stages_in_order(node):
    handle, result = Handle(grasp()), ExecuteGrasp.Result()
    node._execute(handle, result)
    assert handle.stages == ["plan", *STAGES]
    assert node._arm.done == ["begin", "grip", "move", "move", "grip", "move", "move", "hold"]
    assert result.final_width_m == pytest.approx(0.03)
    assert [entry.stage for entry in result.timings] == handle.stages


def cloud(stamp, *, frame_id="base_link", y_m=0.06):
    """A wall beside the grasp."""
    x = np.arange(0.45, 0.55, 0.01)
    wall = np.column_stack([x, np.full(len(x), y_m), np.full(len(x), 0.3)])
    columns = Obstacles(wall, np.ones(len(x), np.int32), np.ones(len(x), bool))
    return from_obstacles(columns, Header(stamp=stamp, frame_id=frame_id))


def test_what_the_selector_saw_beside_the_object_is_kept_clear_of(node):
    wanted = grasp()
    wanted.header.stamp.sec = 7
    node._obstacles._take(cloud(wanted.header.stamp))
    with pytest.raises(Unreachable, match="what stands on the table"):
        node._execute(Handle(wanted), ExecuteGrasp.Result())
    assert node._arm.done == ["begin"] and node._arm.over
    node._obstacles._take(cloud(wanted.header.stamp, y_m=0.4))
    node._execute(Handle(wanted), ExecuteGrasp.Result())
    assert node._arm.around is not None


@pytest.mark.parametrize(("second", "frame_id"), [(8, "base_link"), (7, "camera")])
def test_obstacles_of_another_image_or_frame_do_not_count(node, second, frame_id):
    wanted = grasp()
    wanted.header.stamp.sec = 7
    node._obstacles._take(cloud(Time(sec=second), frame_id=frame_id))
    node._execute(Handle(wanted), ExecuteGrasp.Result())
    assert node._arm.around is None


@pytest.mark.parametrize("node", ["true"], indirect=True)
def test_nothing_moves_where_nobody_told_what_stands_beside_the_object(node):
    assert ControllerParameters().require_obstacles
    wanted = grasp()
    with pytest.raises(Refused, match="no message of obstacles .* require_obstacles to false"):
        node._execute(Handle(wanted), ExecuteGrasp.Result())
    assert not {"grip", "move"} & set(node._arm.done)
    node._obstacles._take(cloud(wanted.header.stamp, y_m=0.4))
    node._execute(Handle(wanted), ExecuteGrasp.Result())
    assert node._arm.around is not None


@pytest.mark.parametrize(
    "fault", [MotionFault("blocked"), RuntimeError("ours"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_the_arm_is_stopped_whatever_went_wrong(node, fault, fails_at):
    node._arm.fault, node._arm.fails_at = fault, fails_at
    with pytest.raises(type(fault)):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())
    assert node._arm.done[-1] == "stop" and node._arm.over
    assert node._arm.done.count("move") == fails_at


def test_a_fault_says_what_to_do(node):
    node._arm.fault = MotionFault("the arm's motion: blocked")
    with pytest.raises(MotionFault, match="blocked; the arm stands still; see that its path"):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())


def test_nothing_is_promised_of_an_arm_whose_node_does_not_answer(node):
    node._arm.fault = MotionFault("the arm's motion: the node that does it has gone")
    node._arm.fault.__cause__ = NoAnswer("gone")
    with pytest.raises(MotionFault, match="has gone; whether the arm stands still is unknown"):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())
    assert node._arm.done[-1] == "stop"


def test_nothing_is_promised_of_an_arm_that_was_not_seen_to_stop(node, monkeypatch):
    monkeypatch.setattr(node._joints, "rest", lambda window_s, patience_s: False)
    node._arm.fault = MotionFault("the arm's motion: blocked")
    with pytest.raises(MotionFault, match="blocked; whether the arm stands still is unknown"):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())


@pytest.mark.parametrize("by", ["goal", "parameter"])
def test_a_dry_run_plans_and_shows_and_moves_nothing(node, monkeypatch, by):
    shown = []
    monkeypatch.setattr(node._path, "publish", shown.append)
    handle = Handle(grasp())
    if by == "goal":
        handle.request.dry_run = True
    else:
        node._live._now = replace(node._live.now, dry_run=True)
    result = ExecuteGrasp.Result()
    node._execute(handle, result)
    assert set(node._arm.done) <= {"begin"}
    assert handle.stages == ["plan"]
    assert "none made" in result.message
    lines = [marker for marker in shown[0].markers if marker.points]
    assert len(lines) == 5
    assert lines[1].points[-1].x == pytest.approx(0.5, abs=1e-6)  # descend ends at the grasp
    assert lines[2].points[-1].z == pytest.approx(0.05 + load_robot().settings.lift_m, abs=1e-6)


def test_the_speed_can_be_set_while_the_arm_rests(node):
    q, target = load_robot().home_q, pose(np.diag([1.0, -1.0, -1.0]), [0.5, 0.0, 0.05])
    slow = plan_pick(node._described.robot, q, target, 0.03)
    assert node.set_parameters([Parameter("speed_scaling", value=0.6)])[0].successful
    brisk = plan_pick(node._described.robot, q, target, 0.03)
    assert brisk.duration_s < 0.6 * slow.duration_s
    refused = node.set_parameters([Parameter("speed_scaling", value=1.5)])[0]
    assert not refused.successful
    with node._action.held_off():
        refused = node.set_parameters([Parameter("speed_scaling", value=0.1)])[0]
    assert refused.reason == "execute is busy with another goal; cancel it or wait"
    assert node._live.now.speed_scaling == 0.6
    assert node._described.robot.settings.speed_scaling == 0.6


def test_limits_of_the_robots_own_description_count(node, monkeypatch):
    moved = []
    monkeypatch.setattr(node._arm, "move", lambda path, any_path=False: moved.append(path))
    urdf = share_path(load_robot().settings.urdf).read_text()
    node._described._take(String(data=re.sub('velocity="[0-9.]+"', 'velocity="0.5"', urdf)))
    node._execute(Handle(grasp()), ExecuteGrasp.Result())
    top = max(np.abs(trajectory.velocities).max() for trajectory in moved)
    assert 0.09 < top <= 0.5 * 0.2 * 1.001


def test_nothing_moves_for_a_robot_that_is_described_as_another(node):
    node._described._take(String(data='<robot name="r"><joint name="a"/></robot>'))
    with pytest.raises(InvalidInput, match="robot_description has no joint 'shoulder_joint'"):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())
    assert "move" not in node._arm.done


def test_nothing_moves_when_it_cannot_be_planned(node):
    with pytest.raises(Unreachable):
        node._execute(Handle(grasp(x_m=2.0)), ExecuteGrasp.Result())
    assert "move" not in node._arm.done and "grip" not in node._arm.done


def test_what_was_lifted_is_not_dropped_by_a_further_grasp_but_released_on_request(node):
    node._execute(Handle(grasp()), ExecuteGrasp.Result())
    for dry_run in (True, False):
        handle = Handle(grasp())
        handle.request.dry_run = dry_run
        node._arm.done.clear()
        with pytest.raises(Refused, match="hold what they lifted, 30 mm wide.* /release "):
            node._execute(handle, ExecuteGrasp.Result())
        assert not {"grip", "move"} & set(node._arm.done)
    result = MoveGripper.Result()
    node._release(Handle(grasp()), result)
    assert result.width_m == pytest.approx(0.085)
    node._held.check()


def test_after_a_fault_in_the_lift_the_fingers_may_hold_something(node):
    node._arm.fault, node._arm.fails_at = MotionFault("blocked"), 3
    with pytest.raises(MotionFault):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())
    with pytest.raises(Refused, match="the fingers may hold something; take hold of it"):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())


def test_fingers_that_do_not_open_release_nothing(node):
    node._execute(Handle(grasp()), ExecuteGrasp.Result())
    node._arm.width_m = 0.03
    with pytest.raises(MotionFault, match="opened to 30 mm only"):
        node._release(Handle(grasp()), MoveGripper.Result())
    with pytest.raises(Refused):
        node._held.check()


@pytest.mark.parametrize("stuck_m", [0.0, 0.05, 0.06])
def test_fingers_that_do_not_open_as_planned_go_nowhere(node, stuck_m):
    node._arm.stuck_m = stuck_m
    with pytest.raises(MotionFault, match="mm apart instead of 54.0 mm; free the gripper"):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())
    assert "move" not in node._arm.done


@pytest.mark.parametrize(
    ("width_m", "words"), [(0.001, "was not caught"), (0.085, "stayed open at 85 mm")]
)
def test_success_is_read_from_the_gripper(node, width_m, words):
    node._arm.width_m = width_m
    with pytest.raises(MotionFault, match=words):
        node._execute(Handle(grasp()), ExecuteGrasp.Result())
