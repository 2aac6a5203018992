"""The graph beside a real robot: the maker's camera driver and controllers, each a process."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")
pytest.importorskip("control_msgs", reason="no complete ROS 2 here: no control_msgs")

import rclpy
from launching import Launch
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node

from affordance_grasp.nodes.graph.processes import isolate
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, DEPTH_INFO, INFO, FrameStream

pytestmark = pytest.mark.processes

HERE = Path(__file__).parent
PICK_S = 400.0
FRAME_S = 120.0
NAMESPACE = "/camera/camera"


@contextmanager
def process(script: str, *arguments: str, log: Path):
    with open(log, "wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-u", str(HERE / script), *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        running.terminate()
        running.wait()


@pytest.mark.parametrize("reliability", ["reliable", "best_effort"])
def test_frames_of_the_makers_driver_arrive_whatever_its_qos(tmp_path, reliability):
    isolate()
    names = [f"{topic}:={NAMESPACE}/{topic}" for topic in (COLOR, INFO, DEPTH, DEPTH_INFO)]
    remaps = [word for name in names for word in ("-r", name)]
    rclpy.init(args=["--ros-args", *remaps])
    node, executor = Node("viewer"), MultiThreadedExecutor(2)
    frames = FrameStream(node)
    executor.add_node(node)
    spinning = Thread(target=executor.spin, daemon=True)
    spinning.start()
    try:
        with process("camera_double.py", reliability, log=tmp_path / "camera.log"):
            stamped = frames.next(FRAME_S)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
        spinning.join()
    frame = stamped.frame()
    assert stamped.header.frame_id == "camera_color_optical_frame"
    assert frame.color.shape == (480, 640, 3)
    assert 0.3 < frame.depth_m[frame.depth_m > 0].min() < 0.6


def awaited(launch, words):
    deadline = monotonic() + PICK_S
    while words not in launch.output:
        launch.check()
        assert monotonic() < deadline, launch.output
        sleep(0.1)


def events(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines() if line[:1] == "{"]


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_a_real_arm_picks_what_a_real_camera_sees(tmp_path, dry_run):
    isolate()
    log = tmp_path / "robot.log"
    arguments = ("camera:=driver", "robot:=aubo", "query:=hold", "speed_scaling:=1.0")
    with (
        process("camera_double.py", log=tmp_path / "camera.log"),
        process("robot_double.py", "none", log=log),
        Launch(*arguments, f"dry_run:={dry_run}") as launch,
    ):
        awaited(launch, "process has finished cleanly")  # `ask`, with exit code 0
        code = launch.interrupt()
    assert code == 0, launch.output
    assert "Traceback" not in launch.output
    asked = [event for event in events(log) if event in ("goal", "grip")]
    if dry_run == "true":
        assert "of motion planned, none made" in launch.output
        assert not asked
    else:
        assert "lifted with something 30 mm wide between the fingers" in launch.output
        assert asked == ["grip", "goal", "goal", "grip", "goal", "goal", "grip"]
