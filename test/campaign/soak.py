"""Thousands of live frames through grounder, candidates and selector: their memory must be flat.

    python -m campaign.soak --frames 10000        # in test/, with the package's environment

One frame of examples/ is published again and again with noise, the stamp of now and joint states
beside it. The grounder shows every frame that it gets to; a decision is asked for all the time.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import numpy as np
from affordance_grasp.srv import SelectGrasp
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import Graph, isolate
from affordance_grasp.nodes.inputs.frames import FramePublisher
from affordance_grasp.nodes.ros.calls import listen
from affordance_grasp.streams.frame_files import read_frame

FRAME = Path(__file__).parents[2] / "examples" / "frame"
NODES = ("grounder", "candidates", "selector")
SAMPLES = 20
SETTLED = 0.25
"""Share of the frames after which caches are full and memory counts."""
MAX_GROWTH_MB = 30.0


@dataclass
class Seen:
    """What came back."""

    overlays: int = 0
    decisions: int = 0
    refused: int = 0


def resident_mb(process: int) -> float:
    """Memory of a process that is in RAM and its own [MB]: no file's, no shared."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"process {process} has no memory")


class Camera:
    """Publishes frames, and the joints that carry the camera."""

    def __init__(self, client: GraspClient) -> None:
        self._node, robot = client.node, load_robot()
        self._frames = FramePublisher(client.node, QoSProfile(depth=2))
        self._joints = client.node.create_publisher(JointState, "joint_states", 10)
        self._state = JointState(name=list(robot.arm.joint_names), position=robot.home_q.tolist())
        self._frame_id = robot.hand_eye.camera_frame
        read = read_frame(FRAME / "color.jpg", FRAME / "depth.png", (615, 615, 320, 240), 0.001)
        draw = np.random.default_rng(0)
        self._noisy = [
            RgbdFrame(
                np.clip(read.color + draw.normal(0, 2, read.color.shape), 0, 255).astype(np.uint8),
                read.depth_m,
                read.intrinsics,
            )
            for _ in range(8)
        ]

    def publish(self, number: int) -> None:
        stamp = self._node.get_clock().now().to_msg()
        self._state.header = Header(stamp=stamp)
        self._joints.publish(self._state)
        frame = self._noisy[number % len(self._noisy)]
        self._frames.publish(frame, Header(stamp=stamp, frame_id=self._frame_id))


def soak(frames: int, rate_hz: float, logs: Path) -> bool:
    """Publish, ask, weigh; print a table; whether no node grew."""
    parameters = {
        "grounder": {"query": "hold", "rate_hz": 1000.0},
        "selector": {"frame_timeout_s": 30.0},
    }
    seen = Seen()
    print(f"{'frames':>8} {'min':>6} " + "".join(f"{node:>12}" for node in NODES) + "   [MB]")
    with Graph(logs, NODES, parameters) as graph, GraspClient() as client:
        camera = Camera(client)
        listen(client.node, Image, "heatmap/overlay", lambda _: _count(seen, "overlays"))
        client.wait_until_ready(300.0, graph.check, simulated=False, executes=False)
        select = client.node.create_client(SelectGrasp, "select")
        begun, asked, weights = monotonic(), None, []
        for number in range(frames):
            if asked is None or asked.done():
                if asked is not None:
                    _count(seen, "decisions" if asked.result().success else "refused")
                asked = select.call_async(SelectGrasp.Request(query="hold"))
            camera.publish(number)
            if number % (frames // SAMPLES) == 0:
                graph.check()
                mb = [resident_mb(process) for process in graph.process_ids().values()]
                weights.append(mb)
                minutes = (monotonic() - begun) / 60
                print(f"{number:8} {minutes:6.1f} " + "".join(f"{each:12.1f}" for each in mb))
                sys.stdout.flush()
            sleep(max(0.0, begun + (number + 1) / rate_hz - monotonic()))
    print(f"{seen.overlays} heatmaps, {seen.decisions} decisions, {seen.refused} refusals")
    settled = np.array(weights[round(SETTLED * len(weights)) :])
    growth = settled[-3:].mean(0) - settled[:3].mean(0)
    told = ", ".join(f"{node} {mb:+.1f} MB" for node, mb in zip(NODES, growth, strict=True))
    print(f"from {SETTLED:.0%} of the frames to the end: {told}")
    return bool(growth.max() < MAX_GROWTH_MB and seen.overlays and seen.decisions)


def _count(seen: Seen, name: str) -> None:
    setattr(seen, name, getattr(seen, name) + 1)


def main() -> None:
    """Exit code 1 when a node grew by more than 30 MB, or nothing came back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--rate-hz", type=float, default=15.0)
    given = parser.parse_args()
    isolate()
    with tempfile.TemporaryDirectory() as logs:
        sys.exit(0 if soak(given.frames, given.rate_hz, Path(logs)) else 1)


if __name__ == "__main__":
    main()
