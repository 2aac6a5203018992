"""The controller with a robot's own controllers, in every way in which those can end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event
from time import monotonic

import numpy as np
import pytest

pytest.importorskip("control_msgs", reason="no complete ROS 2 here: no control_msgs")

from affordance_grasp.action import ExecuteGrasp
from affordance_grasp.msg import SelectedGrasp
from std_msgs.msg import Header

from affordance_grasp.control.motion.execution import STAGES
from affordance_grasp.control.robot import load_robot
from affordance_grasp.geometry import pose
from affordance_grasp.nodes.convert.conversions import from_pose
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import Graph, isolate
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import wait
from affordance_grasp.nodes.ros.goals import ActionClient
from affordance_grasp.share import DEFAULT_ROBOT

pytestmark = pytest.mark.processes

WAIT_S = 120.0
DOUBLE = Path(__file__).with_name("robot_double.py")
STILL = "the arm stands still; see that its path is free"
UNKNOWN = "whether the arm stands still is unknown: use the robot's own stop"
CONTROLLER = {
    "robot": "ros2_control",
    "speed_scaling": 1.0,
    "joint_state_timeout_s": 2.0,
    "require_obstacles": False,
}


class Robot:
    """The double as a process."""

    def __init__(self, bench: "Bench", fault: str, gripper: str, log: Path) -> None:
        self._log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(DOUBLE), fault, gripper, bench.robot_file],
                stdout=out,
                env={**os.environ, "ROS_DOMAIN_ID": str(bench.domain)},
            )
        self.await_events("ready", 1)

    def await_events(self, kind: str, count: int) -> None:
        deadline = monotonic() + WAIT_S
        while len(self.events(kind)) < count:
            assert monotonic() < deadline and self.process.poll() is None
            Event().wait(0.05)

    def events(self, kind: str) -> list[dict]:
        told = self._log.read_text().splitlines()
        lines = [json.loads(line) for line in told if line[:1] == "{"]  # DDS prints its own
        return [line for line in lines if line["event"] == kind]


@pytest.fixture
def start(tmp_path):
    started = []

    def start(bench, fault, gripper="ParallelGripperCommand"):
        started.append(Robot(bench, fault, gripper, tmp_path / "robot.log"))
        bench.await_robot()
        return started[-1]

    yield start
    for robot in started:
        robot.process.kill()
        robot.process.wait()


class Bench:
    """The controller as a process, and a client of it."""

    def __init__(self, folder, **parameters) -> None:
        self.domain = isolate()
        self.robot_file = parameters.get("robot_file", DEFAULT_ROBOT)
        self.robot = load_robot(self.robot_file)
        self.graph = Graph(folder, ["controller"], {"controller": {**CONTROLLER, **parameters}})

    def __enter__(self) -> "Bench":
        self.graph.__enter__()
        self._client = GraspClient("tester").__enter__()
        self.node = self._client.node
        self.joints = JointMonitor(self.node, self.robot.arm.joint_names)
        self._execute = ActionClient(self.node, ExecuteGrasp, "execute")
        assert self._execute.wait_for_server(WAIT_S)
        return self

    def __exit__(self, *error) -> None:
        self._client.__exit__(*error)
        self.graph.__exit__(*error)

    def send(self, on_stage=lambda stage: None, dry_run=False):
        T = pose(np.diag([1.0, -1.0, -1.0]), [0.5, 0.0, 0.05])
        header = Header(frame_id=self.robot.settings.base_frame)
        grasp = SelectedGrasp(header=header, pose=from_pose(T), width_m=0.03)
        goal = ExecuteGrasp.Goal(grasp=grasp, dry_run=dry_run)
        sent = self._execute.send_goal_async(goal, lambda m: on_stage(m.feedback.stage))
        return wait(sent, WAIT_S, "execute")

    def execute(self, **options) -> ExecuteGrasp.Result:
        handle = self.send(**options)
        return wait(handle.get_result_async(), WAIT_S, "the result").result

    def await_robot(self) -> None:
        """Until the double has been discovered, here and by the controller."""
        deadline = monotonic() + WAIT_S
        while not self.joints.rest(0.2, 1.0):
            assert monotonic() < deadline, "nobody hears the robot"
        while "nothing arrives on joint_states" in self.execute(dry_run=True).message:
            assert monotonic() < deadline, "the controller does not hear the robot"

    def stands_still(self) -> bool:
        return self.joints.rest(0.2, WAIT_S)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Bench(tmp_path_factory.mktemp("logs")) as bench:
        yield bench


def test_a_grasp_is_executed_whatever_the_order_of_the_joints(bench, start):
    robot, stages = start(bench, "none"), []
    result = bench.execute(on_stage=stages.append)
    assert result.success, result.message
    assert stages == ["plan", *STAGES]
    assert result.final_width_m == pytest.approx(0.03, abs=1e-4)
    np.testing.assert_allclose(bench.joints.now(), load_robot().home_q, atol=1e-6)
    goals = robot.events("goal")
    assert [goal["joints"] for goal in goals] == [list(load_robot().arm.joint_names)] * 4
    assert goals[0]["tolerance"] == [0.2, 0.02]
    gripper = load_robot().gripper
    asked = [grip["position"] for grip in robot.events("grip")]
    opened = gripper.joint_from_width(gripper.open_width_m(0.03))
    shut = 0.7929  # as the double scales it; the linkage's 0.8
    np.testing.assert_allclose(asked, [opened * shut / 0.8, shut, shut], atol=1e-6)


@pytest.mark.parametrize(("name", "position"), [("ur5e_hande", "joint"), ("panda", "half_width")])
def test_sliding_fingers_are_driven_in_the_units_of_their_driver(start, tmp_path, name, position):
    robot = {"robot_file": f"config/{name}.yaml", "gripper_position": position}
    with Bench(tmp_path / "logs", gripper_command="GripperCommand", **robot) as bench:
        driver = start(bench, "none", "GripperCommand")
        result = bench.execute()
        assert result.success, result.message
        assert result.final_width_m == pytest.approx(0.03, abs=1e-4)
        np.testing.assert_allclose(bench.joints.now(), bench.robot.home_q, atol=1e-6)
        asked = [grip["position"] for grip in driver.events("grip")]
        opened_m = bench.robot.gripper.open_width_m(0.03)
        np.testing.assert_allclose(asked, [opened_m / 2, 0, 0], atol=1e-6)
        efforts = {grip["effort"] for grip in driver.events("grip")}
        assert efforts == {bench.robot.settings.grip_force_n}


def test_the_older_gripper_action_serves_as_well(tmp_path, start):
    with Bench(tmp_path, gripper_command="GripperCommand") as bench:
        start(bench, "none", "GripperCommand")
        result = bench.execute()
        assert result.success, result.message
        assert result.final_width_m == pytest.approx(0.03, abs=1e-4)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("abort", f"deviated from its path.*wrist1_joint path error 0.31.*{STILL}"),
        ("reject", f"the goal was not accepted.*{STILL}"),
        ("hang", f"took too long and was cancelled.*{STILL}"),
        ("stuck", f"rad away from the end of its path.*protective stop.*{STILL}"),
        ("silent", f"nothing has arrived on joint_states of .* for [0-9.]+ s.*{UNKNOWN}"),
        ("vanish", f"(nothing has arrived on|the node that does it has gone).*{UNKNOWN}"),
        ("deaf", f"took too long.*did not end, use the robot's own stop.*{UNKNOWN}"),
    ],
)
def test_a_fault_ends_with_a_still_arm_and_a_sentence(bench, start, fault, words):
    robot = start(bench, fault)
    result = bench.execute()
    assert not result.success
    assert "\n" not in result.message
    assert re.search(words, result.message), result.message
    assert len(robot.events("goal")) == 2, "nothing more is asked of it after the fault"
    if fault not in ("silent", "vanish"):
        assert bench.stands_still()
    if fault in ("hang", "silent"):
        assert robot.events("cancelled")


def test_a_cancelled_grasp_is_cancelled_at_the_robot(bench, start):
    robot, moving = start(bench, "slow"), Event()
    handle = bench.send(lambda stage: moving.set() if stage == "descend" else None)
    assert moving.wait(WAIT_S)
    robot.await_events("goal", 2)
    wait(handle.cancel_goal_async(), WAIT_S, "cancelling")
    result = wait(handle.get_result_async(), WAIT_S, "the result").result
    assert "stopped on request" in result.message and STILL in result.message
    assert bench.stands_still()
    assert len(robot.events("goal")) == 2 and len(robot.events("cancelled")) == 1


def test_a_dry_run_asks_nothing_of_the_robot(bench, start):
    robot = start(bench, "none")
    result = bench.execute(dry_run=True)
    assert result.success and "of motion planned, none made" in result.message
    assert not robot.events("goal") and not robot.events("grip")


def test_ctrl_c_on_the_controller_stops_the_arm(tmp_path, start):
    with Bench(tmp_path) as bench:
        robot, moving = start(bench, "slow"), Event()
        bench.send(lambda stage: moving.set() if stage == "descend" else None)
        assert moving.wait(WAIT_S)
        robot.await_events("goal", 2)
        bench.graph.__exit__(None, None, None)
        assert bench.stands_still()
        assert len(robot.events("goal")) == 2 and len(robot.events("cancelled")) == 1
        assert "Traceback" not in (tmp_path / "controller.log").read_text()


def test_another_type_of_gripper_action_is_named(bench, start):
    start(bench, "none", "GripperCommand")
    result = bench.execute()
    assert not result.success
    assert (
        "/robotiq_gripper_controller/gripper_cmd is offered as control_msgs/action/GripperCommand "
        "and not as ParallelGripperCommand" in result.message
    )


def test_without_a_robot_nothing_begins(bench):
    Event().wait(CONTROLLER["joint_state_timeout_s"] + 0.5)  # what the last robot said grows old
    handle = bench.send()
    result = wait(handle.get_result_async(), WAIT_S, "the result").result
    assert "joint_states" in result.message and "driver" in result.message
