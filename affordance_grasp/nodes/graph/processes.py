"""The whole graph as processes of this machine, with no launch system.

Starts the very executables and parameters that ``launch/grasp.launch.py`` starts, on a ROS domain
of its own, watches that none dies, and stops them all. The demo and the tests use it.
"""

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

from affordance_grasp.errors import AffordanceGraspError, EnvironmentFault, WorkerDied
from affordance_grasp.nodes.graph.shared_memory import sweep
from affordance_grasp.nodes.ros.running import PARENT
from affordance_grasp.replay.bags.recorder import CLOSE_BAG_S
from affordance_grasp.share import share_path

NODES = ("simulator", "grounder", "candidates", "selector", "controller")
STOP_S = 5.0
KILL_S = 10.0
FREE_DOMAINS = range(1, 102)
MOST_PARTICIPANTS = 20

Overrides = Mapping[str, Mapping[str, object]]


class NodeDied(WorkerDied):
    """A node of the graph ended by itself; ``told``: with this package's error, ``exit_code``."""

    def __init__(self, node: str, code: int, last_words: str) -> None:
        """Keep the exit code beside the sentence."""
        super().__init__(f"node {node} ended with code {code}: {last_words}")
        self.told = code in (AffordanceGraspError.exit_code, EnvironmentFault.exit_code)
        self.exit_code = code if self.told else WorkerDied.exit_code


def isolate() -> int:
    """Choose a ROS domain at random for this process and its children, on this host only.

    No other participant on this host uses it. Fast DDS also gets shared memory in which a camera
    frame has room, unless configured otherwise.
    """
    domains = random.SystemRandom().sample(FREE_DOMAINS, len(FREE_DOMAINS))
    domain = next(filter(is_empty, domains), None)
    if domain is None:
        raise EnvironmentFault(
            f"the ROS domains {FREE_DOMAINS[0]} to {FREE_DOMAINS[-1]} all have participants on "
            "this host; end some of these processes"
        )
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(share_path("config/fastdds.xml")))
    return domain


def is_empty(domain: int) -> bool:
    """Whether no participant on this host is in a ROS domain.

    The n-th participant of a domain listens on port 7400 + 250 domain + 10 + 2 n (RTPS 2.2,
    9.6.1.1); the first may have left before the others.
    """
    first = 7410 + 250 * domain
    return all(map(_is_free, range(first, first + 2 * MOST_PARTICIPANTS, 2)))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        try:
            place.bind(("", port))
        except OSError:
            return False
    return True


class Graph:
    """Node processes, started together and stopped together; use it in a ``with`` block."""

    def __init__(
        self,
        log_folder: Path,
        nodes: Sequence[str] = NODES,
        parameters: Overrides | None = None,
    ) -> None:
        """Nothing starts yet.

        Args:
            log_folder: gets one ``<node>.log`` each.
            nodes: names of the executables.
            parameters: node -> parameter -> value, over those of ``config/grasp.yaml``.
        """
        self._logs = Path(log_folder)
        self._nodes = tuple(nodes)
        self._parameters = parameters or {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Graph":
        """Start every node."""
        sweep()
        self._logs.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "ROS_LOG_DIR": str(self._logs / "ros"),
            "PYTHONUNBUFFERED": "1",
            PARENT: str(os.getpid()),
        }
        for node in self._nodes:
            with open(self._log(node), "wb") as log:
                self._processes[node] = subprocess.Popen(
                    self._command(node),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,  # Ctrl-C is for us; we stop them in good order
                )
        return self

    def __exit__(self, *_: object) -> None:
        """Request every node to end, and kill those that remain after a few seconds.

        One that records is given as long as closing a bag may take.
        """
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        begun = monotonic()
        for node, process in self._processes.items():
            records = self._parameters.get(node, {}).get("record")
            patience_s = CLOSE_BAG_S if records else STOP_S
            try:
                process.wait(max(0.0, begun + patience_s - monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(KILL_S)

    def check(self) -> None:
        """Raise :class:`NodeDied` with the last line of its log when a node has ended."""
        for node, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise NodeDied(node, code, self.last_words(node))

    def process_ids(self) -> dict[str, int]:
        """Node -> process id."""
        return {node: process.pid for node, process in self._processes.items()}

    def last_words(self, node: str) -> str:
        """The last line of a node's log."""
        lines = self._log(node).read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")

    def _log(self, node: str) -> Path:
        return self._logs / f"{node}.log"

    def _command(self, node: str) -> list[str]:
        command = [sys.executable, "-m", f"affordance_grasp.nodes.{node}", "--ros-args"]
        command += ["--params-file", str(share_path("config/grasp.yaml"))]
        for name, value in self._parameters.get(node, {}).items():
            # JSON is YAML: quotes keep a path such as 7 or a#b a string.
            plain = value if isinstance(value, int | float) else str(value)
            command += ["-p", f"{name}:={json.dumps(plain, ensure_ascii=False)}"]
        return command
