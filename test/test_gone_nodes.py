"""The simulated robot serves one controller, and stands still when that is stopped or killed."""

import os
import signal

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.action import ExecuteGrasp, FollowTrajectory, MoveGripper
from affordance_grasp.msg import SelectedGrasp
from arm_log import WAIT_S, ArmLog
from std_msgs.msg import Header

from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.geometry import pose
from affordance_grasp.nodes.arms.simulated_driver import FOLLOW, GRIP
from affordance_grasp.nodes.convert.conversions import from_pose, from_trajectory
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import Graph, isolate
from affordance_grasp.nodes.ros.calls import NoAnswer
from affordance_grasp.nodes.ros.goals import ActionClient, Goals
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import Lease

pytestmark = pytest.mark.processes

# Without heartbeats the arm moves on for 6 s and the client hears of it after 20 s; with them both
# take 0.4 s, on a machine that has them to spare.
STILL_S, HEARD_S = 3.0, 6.0
GONE = "the node that does it has gone"
SILENT = "the node that asked for it has fallen silent"


class Cell:
    """The robot, its controller, and a client with a heartbeat in the selector's place."""

    def __init__(self, graph, client):
        self.graph, self.node, self.log = graph, client.node, ArmLog(client.node)
        self._hearts = Heartbeats(self.node)
        self._goals = Goals(accept_timeout_s=WAIT_S)

    def signal(self, node, number):
        os.kill(self.graph.process_ids()[node], number)

    def client(self, kind, name, lease=None):
        return ActionClient(self.node, kind, name, lease)

    def execute(self):
        """How a grasp ends, in words."""
        T = pose(np.diag([1.0, -1.0, -1.0]), [0.5, 0.0, 0.05])
        grasp = SelectedGrasp(header=Header(frame_id="base_link"), pose=from_pose(T), width_m=0.03)
        client = self.client(ExecuteGrasp, "execute", Lease(self._hearts, "execute"))
        try:
            goal = ExecuteGrasp.Goal(grasp=grasp)
            return self._goals.run(client, goal, WAIT_S, "executing").result.message
        except NoAnswer as error:
            return str(error)
        finally:
            self._goals.end()

    def intrude(self, kind, name, goal):
        """What a client without a heartbeat is told."""
        return Goals().run(self.client(kind, name), goal, WAIT_S, name).result.message


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    isolate()
    folder = tmp_path_factory.mktemp("logs")
    slow = {"controller": {"speed_scaling": 0.2, "require_obstacles": False}}
    with Graph(folder, ["simulator", "controller"], slow) as graph, GraspClient() as client:
        yield Cell(graph, client)


def test_nobody_else_moves_the_arm_or_the_fingers_meanwhile(cell):
    q, names = load_robot().home_q[None], load_robot().arm.joint_names
    stay = from_trajectory(JointTrajectory(names, np.zeros(1), q, np.zeros_like(q)))
    told = []

    def intrude():
        goals = (FollowTrajectory.Goal(trajectory=stay), MoveGripper.Goal(width_m=0.02))
        for kind, name, goal in zip(
            (FollowTrajectory, MoveGripper), (FOLLOW, GRIP), goals, strict=True
        ):
            told.append(cell.intrude(kind, name, goal))
        cell.signal("controller", signal.SIGSTOP)

    cell.log.interrupt(intrude, cell.execute)
    cell.signal("controller", signal.SIGCONT)
    assert len(told) == 2 and all("robot serves another client" in each for each in told), told


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_controller_that_is_gone_keeps_no_motion_going(cell, number):
    ended, still_s, heard_s = cell.log.interrupt(
        lambda: cell.signal("controller", number), cell.execute
    )
    assert GONE in ended and SILENT in cell.graph.last_words("simulator")
    assert still_s < STILL_S and heard_s < HEARD_S
    if number is signal.SIGSTOP:
        cell.signal("controller", signal.SIGCONT)
        continued_s = cell.node.get_clock().now().nanoseconds * 1e-9
        assert cell.log.still_after_s(continued_s, 1.0) == 0, "what was given up goes on"
