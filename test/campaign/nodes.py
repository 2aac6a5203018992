"""The nodes of a graph as real processes that start in a moment.

Each is forked from a server that has imported everything and touched nothing of ROS or torch, and
then runs the very ``main`` that its executable runs, with the same arguments.
"""

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import monotonic

from affordance_grasp.nodes.graph.processes import NODES
from affordance_grasp.nodes.ros.running import PARENT
from affordance_grasp.share import share_path
from campaign.cell import FOLDER

MODULES = {name: f"affordance_grasp.nodes.{name}" for name in NODES} | {
    "simulator": "campaign.cell"
}
HEAVY = ("torch", "mujoco", "scipy.spatial", "affordance_grasp.methods.plsp.network")
STOP_S = 8.0
DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG."""
STACKS = signal.SIGUSR1
"""Upon it a node writes the stacks of its threads to its log."""

Parameters = Mapping[str, Mapping[str, object]]


class Nodes:
    """The processes of one graph."""

    def __init__(self, folder: Path, domain: int, parameters: Parameters) -> None:
        self.folder, self._parameters = folder, parameters
        self._environment = {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "ROS_LOG_DIR": f"{folder}/ros",
            "FASTRTPS_DEFAULT_PROFILES_FILE": str(share_path("config/fastdds.xml")),
            FOLDER: str(folder),
        }
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload([*MODULES.values(), *HEAVY])
        self.running: dict[str, multiprocessing.context.ForkServerProcess] = {}
        self._shared: set[Path] = set()
        self._killed = False
        self.left: list[str] = []

    def start_all(self) -> None:
        """Start every node of the graph."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in NODES:
            self.start(name)

    def start(self, name: str, log: str = "") -> None:
        """Start one node under its name, or another of its kind beside it as ``log``."""
        words = [name, "--ros-args", "--params-file", str(share_path("config/grasp.yaml"))]
        for key, value in self._parameters.get(name, {}).items():
            words += ["-p", f"{key}:={value}"]
        key = log or name
        process = self._forks.Process(
            target=_become,
            args=(words, str(self.log(key)), self._environment),
        )
        process.start()
        self.running[key] = process

    def log(self, name: str) -> Path:
        """Where a node's output goes."""
        return self.folder / f"{name}.log"

    def send(self, name: str, number: int) -> None:
        """Send a signal, if the process is there."""
        process = self.running[name]
        if process.exitcode is None and process.pid is not None:
            if number == signal.SIGKILL:
                self._shared |= _shared_files(process.pid)
                self._killed = True
            os.kill(process.pid, number)

    def exit_code(self, name: str) -> int | None:
        """None while it runs."""
        return self.running[name].exitcode

    def stop(self) -> None:
        """End all politely."""
        for process in self.running.values():
            if process.exitcode is None and process.pid is not None:
                self._shared |= _shared_files(process.pid)
                os.kill(process.pid, signal.SIGCONT)
                process.terminate()
        deadline = monotonic() + STOP_S
        for name, process in self.running.items():
            process.join(max(0.0, deadline - monotonic()))
            if process.exitcode is None:
                self.left.append(f"{name} did not end within {STOP_S:g} s of SIGTERM")
                self._killed = True
                process.kill()
                process.join()

    def sweep(self) -> None:
        """Remove what is left in shared memory once all who used it have ended.

        A process that is killed leaves its files; one that ends does not.
        """
        left = [file for file in self._shared if file.exists()]
        if left and not self._killed:
            self.left.append(f"{len(left)} files are left in shared memory")
        for file in left:
            file.unlink(missing_ok=True)


def _shared_files(pid: int) -> set[Path]:
    """The segments of Fast DDS that a process uses, its own and those of its peers."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    paths = {line.split()[-1] for line in lines if "/dev/shm/fastrtps_" in line}
    return {Path(path) for path in paths if "fastrtps_port" not in path}


def _become(words: list[str], log: str, environment: dict[str, str]) -> None:
    """In the new process: what the executable would do."""
    os.setsid()
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)  # a stopped one sees nothing else
    faulthandler.register(STACKS)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment | {PARENT: str(os.getppid())})
    sys.argv = words
    import_module(MODULES[words[0]]).main()
