"""The whole graph with ``camera_pose:=tf``: where the camera is comes from TF and nothing else.

The hand-eye node publishes the mounting; a stand-in for robot_state_publisher the arm.
"""

from collections import deque
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

pytest.importorskip("tf2_ros", reason="no complete ROS 2 here: tf2_ros cannot be imported")

from affordance_grasp.srv import SelectGrasp
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from tf2_ros import TransformBroadcaster

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.execution import STAGES
from affordance_grasp.control.robot import load_robot
from affordance_grasp.nodes.convert.conversions import from_transform
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import NODES, Graph, isolate
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import wait
from affordance_grasp.streams.messages import to_joint_positions, to_pose
from affordance_grasp.streams.timeline import MAX_GAP_NS

pytestmark = pytest.mark.processes

READY_S, ANSWER_S = 300.0, 120.0
PATIENCE_S = 3.0
ROBOT = load_robot()
TRAINED = Path(__file__).parents[2] / "models" / "plsp_simulated.safetensors"


class ArmTransforms:
    """Publishes base_link -> tool0 for every message of the arm, ``delay_s`` after it came."""

    def __init__(self, node) -> None:
        self.delay_s = np.inf
        self._broadcaster = TransformBroadcaster(node)
        self._waiting = deque(maxlen=500)
        node.create_subscription(JointState, "joint_states", self._take, qos_profile_sensor_data)

    def _take(self, message) -> None:
        if ROBOT.arm.joint_names[0] not in message.name:
            return
        self._waiting.append((monotonic(), message))
        while self._waiting and monotonic() - self._waiting[0][0] >= self.delay_s:
            _, oldest = self._waiting.popleft()
            T = forward(ROBOT.arm, to_joint_positions(oldest, ROBOT.arm.joint_names))
            stamp = oldest.header.stamp
            self._broadcaster.sendTransform(from_transform(T, "base_link", "tool0", stamp))


class Bench:
    """The graph, a client of it, and the arm's transforms, which begin to come when told."""

    def __init__(self, graph, client) -> None:
        self.graph, self.client = graph, client
        self.arm = ArmTransforms(client.node)
        self.joints = JointMonitor(client.node, ROBOT.arm.joint_names)
        self._select = client.node.create_client(SelectGrasp, "select")

    def select(self) -> SelectGrasp.Response:
        asked = self._select.call_async(SelectGrasp.Request(query="hold"))
        return wait(asked, ANSWER_S, "select")

    def select_once_heard(self) -> SelectGrasp.Response:
        """As :meth:`select`, from when all transforms have reached the selector."""
        deadline = monotonic() + READY_S
        while not (answer := self.select()).success:
            assert "TF from base_link" in answer.message and monotonic() < deadline, answer.message
        return answer

    def expected(self):
        """What the joints and the hand-eye file make of the grasp that was decided upon."""
        T_cam_tcp = self.client.plan().best.T_cam_tcp
        return ROBOT.T_base_cam(self.joints.now()) @ T_cam_tcp


@pytest.fixture(scope="module")
def bench(request, tmp_path_factory):
    isolate()
    checkpoint = TRAINED if TRAINED.exists() else request.getfixturevalue("random_checkpoint")
    parameters = {
        "grounder": {"checkpoint": checkpoint},
        "selector": {
            "camera_pose": "tf",
            "pose_timeout_s": PATIENCE_S,
            "frame_timeout_s": ANSWER_S / 3,
            "service_timeout_s": ANSWER_S / 3,
        },
    }
    logs = tmp_path_factory.mktemp("logs")
    with Graph(logs, (*NODES, "hand_eye"), parameters) as graph, GraspClient() as client:
        client.wait_until_ready(READY_S, graph.check)
        client.reset("mug", 100_000, 0)
        yield Bench(graph, client)


def test_without_the_arm_s_transforms_nothing_is_selected(bench):
    answer = bench.select()
    assert not answer.success
    assert "no node publishes frame 'base_link'" in answer.message


def test_transforms_that_come_late_give_the_grasp_that_the_joints_would_give(bench):
    bench.arm.delay_s = 0.5
    answer = bench.select_once_heard()
    decided = to_pose(answer.grasp.pose, "the grasp")
    np.testing.assert_allclose(decided, bench.expected(), atol=1e-4)


def test_a_mug_is_picked_where_tf_says_that_the_camera_is(bench):
    bench.arm.delay_s = 0.0
    bench.select_once_heard()
    decided, stages = [], []

    def note(stage, _):
        stages.append(stage)
        if stage == "plan":
            decided.append(bench.expected())

    outcome = bench.client.grasp("hold", False, note, bench.graph.check)
    assert outcome.success, outcome.message
    assert stages[-len(STAGES) :] == list(STAGES)
    np.testing.assert_allclose(outcome.T_base_tcp, decided[0], atol=1e-4)
    assert bench.client.judge("hold").held


def test_nothing_is_selected_by_transforms_that_have_ended(bench):
    bench.client.reset("mug", 100_000, 0)
    bench.arm.delay_s = np.inf
    sleep(2 * MAX_GAP_NS * 1e-9)  # until then the last transform holds
    answer = bench.select()
    assert not answer.success
    assert f"nothing newer came within {PATIENCE_S:g} s" in answer.message
    assert "Traceback" not in bench.graph.last_words("selector")
    bench.arm.delay_s = 0.0
    assert bench.select_once_heard().success
