"""A bag played into the live graph gives the grasp that its replay gives."""

from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.srv import GenerateGrasps, GroundAffordance, SelectGrasp
from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState

from affordance_grasp.cli import main
from affordance_grasp.control.robot import load_robot
from affordance_grasp.geometry import quaternion_xyzw
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import Graph, isolate
from affordance_grasp.nodes.ros.calls import wait
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.recorder import BagRecorder
from affordance_grasp.replay.report.results import read_results
from affordance_grasp.streams.messages import to_pose

pytestmark = pytest.mark.processes

START_NS = 1_700_000_000_000_000_000
TYPES = {"Image": Image, "CameraInfo": CameraInfo, "JointState": JointState}
TRAINED = Path(__file__).parents[1] / "models" / "plsp_simulated.safetensors"
READY_S = 120.0
ANSWER_S = 60.0
SERVICES = {"ground": GroundAffordance, "generate_grasps": GenerateGrasps, "select": SelectGrasp}


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Two looks at a mug, half a second apart, from an arm that stands still."""
    from affordance_grasp.simulation.cell.placement import random_placement
    from affordance_grasp.simulation.cell.world import World
    from affordance_grasp.simulation.objects import make_object

    robot, path = load_robot(), tmp_path_factory.mktemp("bag") / "bag"
    with (
        World(robot, make_object("mug", 100_001), random_placement(1), 1) as world,
        BagRecorder(path) as recorder,
    ):
        frames = [world.observe(), world.observe()]
        for tick in range(100):
            now = START_NS + tick * 50_000_000
            recorder.joints(now, robot.arm.joint_names, world.joint_positions())
            if tick in (40, 50):
                camera = robot.hand_eye.camera_frame
                recorder.frame(now, frames[tick == 50], camera)
    return path


@pytest.fixture(scope="module")
def checkpoint(request) -> Path:
    return TRAINED if TRAINED.exists() else request.getfixturevalue("random_checkpoint")


def play(node, path, stopping):
    """As ``ros2 bag play --clock`` does: bytes as they lie in the bag, in its own pace."""
    clock = node.create_publisher(Clock, "/clock", 10)
    with Bag(path) as bag:
        publishers = {
            t.name: node.create_publisher(TYPES[t.type.rsplit("/", 1)[-1]], t.name, 10)
            for t in bag.topics
        }
        wait_for_readers([clock, *publishers.values()], READY_S)
        before = bag.start_ns
        for message in bag.messages(list(publishers)):
            sleep((message.bag_ns - before) * 1e-9)
            if stopping.is_set():
                return
            before = message.bag_ns
            now = Time(sec=before // 10**9, nanosec=before % 10**9)
            clock.publish(Clock(clock=now))
            publishers[message.topic].publish(message.data)


def wait_for_readers(publishers, timeout_s):
    """Until the selector, the only one that reads these, reads each: some are found late."""
    deadline = monotonic() + timeout_s
    while missing := [p.topic for p in publishers if not p.get_subscription_count()]:
        assert monotonic() < deadline, f"nobody reads {missing}"
        sleep(0.05)


def selected_live(path, checkpoint, logs):
    isolate()
    parameters = {
        "grounder": {"checkpoint": checkpoint, "precision": "float32"},
        "selector": {"use_sim_time": True, "frame_timeout_s": 30.0},
    }
    nodes = ("grounder", "candidates", "selector")
    with Graph(logs, nodes, parameters) as graph, GraspClient() as client:
        services = {name: client.node.create_client(t, name) for name, t in SERVICES.items()}
        for name, service in services.items():
            assert service.wait_for_service(READY_S), name
            graph.check()
        answer = services["select"].call_async(SelectGrasp.Request(query="hold"))
        stopping = Event()
        player = Thread(target=play, args=(client.node, path, stopping))
        player.start()
        try:
            return wait(answer, ANSWER_S, "select")
        finally:
            stopping.set()
            player.join()


def test_played_and_replayed_a_bag_gives_the_same_grasp(bag, checkpoint, tmp_path):
    live = selected_live(bag, checkpoint, tmp_path / "logs")
    assert live.success, live.message
    words = ["replay", str(bag), "--query", "hold", "--workers", "1", "--pictures-every", "0"]
    words += ["--checkpoint", str(checkpoint), "--precision", "float32"]
    words += ["--out", str(tmp_path / "out")]
    assert main(words) == 0
    stamp = live.grasp.header.stamp
    stamp_ns = stamp.sec * 10**9 + stamp.nanosec
    results = {r.stamp_ns: r for r in read_results(tmp_path / "out" / "frames.jsonl")}
    replayed = results[stamp_ns]
    assert replayed.view == "joint_states"
    T_base_tcp = to_pose(live.grasp.pose)
    np.testing.assert_allclose(replayed.base["position"], T_base_tcp[:3, 3], atol=1e-4)
    np.testing.assert_allclose(
        replayed.base["quaternion_xyzw"], quaternion_xyzw(T_base_tcp), atol=1e-4
    )
    assert replayed.grasps[0]["width_m"] == pytest.approx(live.grasp.width_m, abs=1e-5)
    assert replayed.grasps[0]["heat"] == pytest.approx(live.grasp.heat, abs=1e-3)
    assert replayed.ranked == len(live.selection.ranked)
