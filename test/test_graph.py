"""The nodes as processes, asked over DDS."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from time import monotonic, sleep, time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.action import ExecuteGrasp, MoveGripper
from affordance_grasp.msg import SelectedGrasp
from affordance_grasp.srv import GenerateGrasps, GroundAffordance, SelectGrasp
from arm_log import ArmLog
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from spinning import onlooker
from std_msgs.msg import Header

from affordance_grasp.control.motion.execution import STAGES
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import MotionFault
from affordance_grasp.geometry import pose
from affordance_grasp.nodes.convert.conversions import from_intrinsics, from_pose
from affordance_grasp.nodes.convert.images import from_color, from_map, to_color, to_map
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import Graph, NodeDied, is_empty, isolate
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.parameters import ViewParameters
from affordance_grasp.nodes.ros.calls import NoAnswer, wait
from affordance_grasp.nodes.ros.goals import ActionClient, Goals
from affordance_grasp.nodes.view import LiveCell

pytestmark = pytest.mark.processes

READY_S = 300.0
ANSWER_S = 180.0
OLD_S = 10.0  # where nothing moves for a while, late messages tell as much as new ones
HEADER = Header(frame_id="camera_color_optical_frame")
TRAINED = Path(__file__).parents[1] / "models" / "plsp_simulated.safetensors"


@pytest.fixture(scope="module")
def checkpoint(request) -> Path:
    return TRAINED if TRAINED.exists() else request.getfixturevalue("random_checkpoint")


@pytest.fixture(scope="module")
def graph(checkpoint, tmp_path_factory):
    isolate()
    logs = tmp_path_factory.mktemp("logs")
    parameters = {
        "grounder": {"checkpoint": checkpoint, "query": "hold"},
        "simulator": {"speed": 2.0, "camera_rate_hz": 2.0},
        "selector": {"frame_timeout_s": ANSWER_S / 2, "service_timeout_s": ANSWER_S / 2},
    }
    with Graph(logs, parameters=parameters) as graph:
        yield graph


@pytest.fixture(scope="module")
def client(graph):
    with GraspClient() as client:
        client.wait_until_ready(READY_S, graph.check)
        yield client


@pytest.fixture(scope="module")
def joints(client):
    return JointMonitor(client.node, load_robot().arm.joint_names, OLD_S)


def ask(client, kind, name, request):
    """By a client that stays: the first request of a new one may overtake its discovery."""
    known = {service.srv_name: service for service in client.node.clients}
    service = known.get(name) or client.node.create_client(kind, name)
    assert service.wait_for_service(ANSWER_S)
    return wait(service.call_async(request), ANSWER_S, name)


def scene_color() -> np.ndarray:
    rng = np.random.default_rng(0)
    color = rng.integers(90, 110, (240, 320, 3), dtype=np.uint8)
    color[80:160, 120:200] = (200, 40, 30)
    return color


def ground(client, color, query="hold", **changes):
    image = from_color(color, HEADER)
    for name, value in changes.items():
        setattr(image, name, value)
    return ask(
        client, GroundAffordance, "ground", GroundAffordance.Request(image=image, query=query)
    )


def test_an_image_is_grounded(client):
    answer = ground(client, scene_color(), "grasp")
    assert answer.success, answer.message
    assert (answer.affordance, answer.method) == ("hold", "plsp")
    heat = to_map(answer.heatmap)
    assert heat.shape == (240, 320)
    assert heat.max() == pytest.approx(1.0) and heat.min() >= 0
    assert answer.heatmap.header.frame_id == HEADER.frame_id


@pytest.mark.parametrize(
    ("query", "changes", "words"),
    [
        ("hold", {"encoding": "mono16"}, "encoding 'mono16'"),
        ("hold", {"height": 100}, "bytes"),
        ("juggle", {}, "known"),
    ],
)
def test_the_grounder_refuses_and_lives_on(client, query, changes, words):
    answer = ground(client, scene_color(), query, **changes)
    assert not answer.success
    assert words in answer.message
    assert ground(client, scene_color()).success


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_the_generator_refuses_depth_without_readings_and_lives_on(client, value):
    intrinsics = CameraIntrinsics(300.0, 300.0, 160.0, 120.0, 320, 240)
    depth = np.full((240, 320), value, np.float32)  # as metres: millimetres have no NaN
    request = GenerateGrasps.Request(
        color=from_color(scene_color(), HEADER),
        depth=from_map(depth, HEADER),
        camera_info=from_intrinsics(intrinsics, HEADER),
    )
    for _ in range(2):
        answer = ask(client, GenerateGrasps, "generate_grasps", request)
        assert not answer.success
        assert answer.message and "\n" not in answer.message


def test_the_query_is_shown_live_to_who_looks(client):
    shown, arrived = [], Event()

    def take(message):
        shown.append(message)
        arrived.set()

    with onlooker(client.node.context) as node:
        node.create_subscription(Image, "heatmap/overlay", take, 1)  # reliable, as by default
        assert arrived.wait(ANSWER_S)
    assert to_color(shown[0]).shape == (480, 640, 3)
    assert shown[0].header.frame_id == HEADER.frame_id


def test_without_an_image_only_the_query_is_asked(client):
    answer = ask(client, GroundAffordance, "ground", GroundAffordance.Request(query="grab it"))
    assert answer.success and answer.affordance == "hold" and not answer.heatmap.width
    answer = ask(client, GroundAffordance, "ground", GroundAffordance.Request(query="juggle"))
    assert not answer.success and answer.message.startswith("unknown query 'juggle'")


def test_every_node_tells_its_health(client):
    wanted = {"grounder: heatmaps", "selector: grasps", "controller: motion"}
    told, all_told = {}, Event()

    def take(message):
        told.update((status.name, status) for status in message.status)
        if wanted <= set(told):
            all_told.set()

    with onlooker(client.node.context) as node:
        node.create_subscription(DiagnosticArray, "/diagnostics", take, 10)
        assert all_told.wait(ANSWER_S), told
    assert told["grounder: heatmaps"].level == DiagnosticStatus.OK


@pytest.fixture(scope="module")
def controller(client):
    action = ActionClient(client.node, ExecuteGrasp, "execute")
    assert action.wait_for_server(ANSWER_S)
    return action


def execute(controller, grasp: SelectedGrasp) -> ExecuteGrasp.Result:
    handle = wait(controller.send_goal_async(ExecuteGrasp.Goal(grasp=grasp)), ANSWER_S, "execute")
    return wait(handle.get_result_async(), ANSWER_S, "execute").result


@pytest.mark.parametrize(
    ("frame", "position", "words"),
    [
        ("base_link", (2.0, 0.0, 0.1), ""),
        ("base_link", (0.5, 0.0, -0.2), ""),
        ("base_link", (float("nan"), 0.0, 0.1), "NaN"),
        ("map", (0.5, 0.0, 0.1), "frame 'map'"),
    ],
)
def test_nothing_moves_for_a_grasp_that_cannot_be(controller, joints, frame, position, words):
    before = joints.now()
    T = pose(np.diag([1.0, -1.0, -1.0]), [0, 0, 0])
    grasp = SelectedGrasp(header=Header(frame_id=frame), pose=from_pose(T), width_m=0.02)
    grasp.pose.position.x, grasp.pose.position.y, grasp.pose.position.z = position
    result = execute(controller, grasp)
    assert not result.success
    assert result.message and words in result.message
    np.testing.assert_allclose(joints.now(), before, atol=2e-3)


def test_select_decides_and_moves_nothing(client, joints):
    client.reset("mug", 100_001, 1)
    before = joints.now()
    answer = ask(client, SelectGrasp, "select", SelectGrasp.Request(query="hold"))
    assert answer.success, answer.message
    assert answer.grasp.header.frame_id == "base_link"
    assert answer.selection.ranked and answer.selection.affordance == "hold"
    np.testing.assert_allclose(joints.now(), before, atol=2e-3)
    refused = ask(client, SelectGrasp, "select", SelectGrasp.Request(query="juggle"))
    assert not refused.success and "juggle" in refused.message


def test_the_gripper_tells_where_it_stands(client):
    gripper = load_robot().gripper
    monitor = JointMonitor(client.node, (gripper.joint_name,))
    assert _awaited(monitor).tolist() == pytest.approx([0.0], abs=0.02)


def _awaited(monitor):
    deadline = monotonic() + ANSWER_S
    while True:
        try:
            return monitor.now()
        except NoAnswer:
            assert monotonic() < deadline


class Enough(Exception):
    """The test has seen what it waited for."""


def test_cancelling_stops_the_arm(client, graph, joints, record_property):
    client.reset("mug", 100_001, 1)
    log, stages, asked = ArmLog(client.node), [], []

    def check():
        graph.check()
        if log.under_way.is_set():
            asked.append(time())
            raise Enough

    with pytest.raises(Enough):
        client.grasp("hold", False, lambda stage, _: stages.append(stage), check)
    assert joints.rest(0.3, ANSWER_S), "the arm still moves"
    here = joints.now()
    assert joints.rest(1.0, ANSWER_S)
    np.testing.assert_allclose(joints.now(), here, atol=2e-3)
    # It was asked early in the approach; descending may have begun where processes are slow.
    assert "approach" in stages and not {"close", "lift"} & set(stages)
    took_s = log.still_after_s(asked[0])
    record_property("cancel_to_standstill_s", took_s)
    print(f"from asking to standstill: {took_s:.3f} s")


def test_a_page_looks_plans_and_stops_what_it_began(client, joints):
    client.reset("mug", 100_000, 0)
    robot = load_robot()
    with onlooker(client.node.context) as node:
        cell = LiveCell(node, ViewParameters(moves="simulation", frame_timeout_s=ANSWER_S))
        seen = cell.look()
        np.testing.assert_allclose(seen.pose.T_base_cam, robot.T_base_cam(joints.now()), atol=0.01)
        assert cell.picture().shape == (480, 640, 3)
        planned = cell.plan("hold", lambda _: None)
        assert planned.pick is not None, planned.why_no_pick
        assert planned.plan.obstacles is not None
        np.testing.assert_allclose(cell.state().q, joints.now(), atol=0.01)
        with pytest.raises(MotionFault, match="stopped on request"):
            cell.pick(planned, lambda stage: cell.stop() if "approach" in stage else None)
        assert joints.rest(0.3, ANSWER_S), "the arm still moves"
        cell.close()


def test_a_mug_is_picked_through_the_graph(client, graph):
    client.reset("mug", 100_000, 0)
    stages = []
    outcome = client.grasp("hold", False, lambda stage, _: stages.append(stage), graph.check)
    assert outcome.success, outcome.message
    decided = ["look", "decide", "selected"]
    assert stages == [*decided, "plan", *STAGES]
    assert outcome.final_width_m > 0.002
    verdict = client.judge("hold")
    assert verdict.lifted and verdict.held
    if TRAINED.exists():
        assert verdict.functional, f"held by {verdict.parts_held}"
    plan = client.plan()
    assert plan.best is not None
    assert plan.frame.color.shape == (480, 640, 3)
    assert len(plan.selection.ranked) + len(plan.selection.rejected) == len(plan.candidates)


def test_what_is_in_the_hand_is_not_planned_on_but_released(client):
    again = client.grasp("hold", True, lambda stage, _: None)
    assert not again.success and "the fingers hold what they lifted" in again.message
    release = ActionClient(client.node, MoveGripper, "release")
    assert Goals().run(release, MoveGripper.Goal(), ANSWER_S, "releasing").result.success
    assert not client.judge("hold").held
    again = client.grasp("hold", True, lambda stage, _: None)
    assert "the fingers hold" not in again.message


def ended(client, log, graph, number):
    """How a grasp ends whose selector gets a signal under way; standstill and end after [s]."""

    def ask():
        deadline = monotonic() + ANSWER_S
        while monotonic() < deadline:
            try:
                message = client.grasp("hold", False, lambda stage, _: None).message
            except NoAnswer as error:
                return str(error)
            if "busy with another goal" not in message:  # one that went on has yet to end its last
                return message
        return "busy all the time"

    client.reset("mug", 100_000, 0)
    return log.interrupt(lambda: os.kill(graph.process_ids()["selector"], number), ask)


def test_a_selector_that_stands_still_or_is_ended_keeps_no_motion_going(client, graph):
    log = ArmLog(client.node)
    words, still_s, heard_s = ended(client, log, graph, signal.SIGSTOP)
    os.kill(graph.process_ids()["selector"], signal.SIGCONT)
    assert "the node that does it has gone" in words
    assert still_s < 3 and heard_s < 6  # 0.4 s both, where there is a core to spare
    words, still_s, heard_s = ended(client, log, graph, signal.SIGTERM)
    assert "executing the grasp: the node selector is being stopped" in words
    assert still_s < 3 and heard_s < 6
    gone = Event()
    assert not gone.wait(1.0) and not client._grasp.server_is_ready(), "it looks alive"


@pytest.mark.parametrize("place", [0, 7])
def test_a_domain_is_not_empty_while_any_participant_is_left(place):
    domain = next(filter(is_empty, range(101, 0, -1)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("", 7410 + 250 * domain + 2 * place))
        assert not is_empty(domain)
    assert is_empty(domain)


def test_a_domain_with_somebody_in_it_is_not_empty(client):
    domain = client.node.context.get_domain_id()
    assert not is_empty(domain)
    assert any(map(is_empty, range(1, 102)))


def test_the_simulator_refuses_an_unknown_object_and_keeps_the_old(client):
    from affordance_grasp.nodes.ros.calls import Refused

    with pytest.raises(Refused, match="unknown object.*mug"):
        client.reset("unicorn", 0, 0)
    with pytest.raises(Refused, match="unknown affordance"):
        client.judge("juggle")


def test_nodes_that_cannot_start_are_reported_with_their_reasons(tmp_path):
    isolate()
    missing = tmp_path / "missing.safetensors"
    refused = [
        ("grounder", {"checkpoint": missing}, "code 2: grounder.*missing.safetensors"),
        ("candidates", {"generator": "magic"}, "unknown generator 'magic'; known: antipodal"),
        ("candidates", {"generator": "7"}, "unknown generator '7'; known: antipodal"),
    ]
    with ExitStack() as started:
        for number, (node, parameters, words) in enumerate(refused):
            graph = Graph(tmp_path / str(number), [node], {node: parameters})
            refused[number] = started.enter_context(graph), words
        for graph, words in refused:
            deadline = monotonic() + ANSWER_S
            with pytest.raises(NodeDied, match=words):
                while monotonic() < deadline:
                    graph.check()
                    sleep(0.1)


def test_what_ros_itself_refuses_is_a_sentence_too():
    ended = subprocess.run(
        [sys.executable, "-m", "affordance_grasp.nodes.candidates"],
        env=os.environ
        | {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_KEYSTORE": "/nowhere"}
        | {"ROS_SECURITY_STRATEGY": "Enforce"},
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWER_S,
    )
    assert ended.returncode == 3
    assert "ROS refuses: " in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("code", "told", "exit_code"), [(2, True, 2), (3, True, 3), (1, False, 3), (-9, False, 3)]
)
def test_a_node_s_own_complaint_keeps_its_exit_code(code, told, exit_code):
    died = NodeDied("grounder", code, "what it said")
    assert (died.told, died.exit_code) == (told, exit_code)
    assert str(died) == f"node grounder ended with code {code}: what it said"


def test_nodes_end_with_the_process_they_were_started_for_and_free_its_memory(tmp_path):
    script = (
        "import os, sys, time; from pathlib import Path\n"
        "from affordance_grasp.nodes.graph.client import GraspClient\n"
        "from affordance_grasp.nodes.graph.processes import Graph, isolate\n"
        "isolate()\n"
        "graph = Graph(Path(sys.argv[1]), ['candidates']).__enter__()\n"
        "client = GraspClient()\n"
        "print(graph.process_ids()['candidates'], flush=True)\n"
        "mapped = Path('/proc/self/maps').read_text().split()\n"
        "print(*{name for name in mapped if name.startswith('/dev/shm/fastrtps')})\n"
        "log = Path(sys.argv[1]) / 'candidates.log'\n"
        "while 'is ready' not in log.read_text(): time.sleep(0.1)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=ANSWER_S,
    )
    node, mapped = killed.stdout.decode().strip().split("\n")
    process = Path("/proc") / node
    deadline = monotonic() + ANSWER_S
    while process.exists():
        assert monotonic() < deadline, "an orphan lives on"
        sleep(0.1)
    own = [Path(name) for name in mapped.split() if "_port" not in name]  # others share ports
    assert own and not [file for file in own if file.exists()]


def test_nodes_end_when_the_graph_ends(tmp_path):
    isolate()
    with Graph(tmp_path, ["candidates"]) as graph:
        process = Path("/proc") / str(graph.process_ids()["candidates"])
        deadline = monotonic() + ANSWER_S
        while "is ready" not in (tmp_path / "candidates.log").read_text():
            assert monotonic() < deadline
            graph.check()
            sleep(0.1)
        assert process.exists()
    assert not process.exists()
