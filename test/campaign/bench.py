"""One running graph, its client, and everything that a fault needs to reach into it."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread
from time import monotonic
from typing import Any

from action_msgs.srv import CancelGoal
from affordance_grasp.action import AffordanceGrasp, ExecuteGrasp, FollowTrajectory, MoveGripper
from affordance_grasp.srv import SelectGrasp
from rclpy.action import ActionClient as RosActionClient

from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.graph.processes import NODES, isolate
from affordance_grasp.nodes.ros.calls import MANY
from affordance_grasp.nodes.ros.goals import ActionClient
from campaign.cell import switch
from campaign.nodes import Nodes
from campaign.truth import TruthReader

READY_S = 60.0
CLAIMS = f"{gettempdir()}/affordance_grasp_campaign_{{}}.lock"
FAST, REAL = 6.0, 1.0
CHECKPOINT = Path(__file__).parents[2] / "models" / "plsp_simulated.safetensors"
PARAMETERS = {
    "grounder": {"checkpoint": CHECKPOINT},
    "simulator": {"camera_rate_hz": 3.0},
    "selector": {"frame_timeout_s": 8.0, "service_timeout_s": 6.0},
    "controller": {"joint_state_timeout_s": 1.5},
}
"""Over ``config/grasp.yaml``; the time limits are those of a real robot's file or longer."""


@dataclass
class Asked:
    """A goal that was sent: when, its stages with their times, and how it ended."""

    query: str
    dry_run: bool = False
    sent_s: float = field(default_factory=monotonic)
    stages: list[tuple[str, float]] = field(default_factory=list)
    ended_s: float | None = None
    success: bool = False
    message: str = ""
    by_client: bool = False
    over: Event = field(default_factory=Event)
    news: Event = field(default_factory=Event)

    def begun_s(self, stage: str) -> float | None:
        """When a stage began, if it did."""
        return next((at_s for name, at_s in self.stages if name == stage), None)

    def reach(self, stage: str, timeout_s: float) -> bool:
        """Wait until a stage begins; False where the goal ends before."""
        deadline = monotonic() + timeout_s
        while self.begun_s(stage) is None:
            if self.over.is_set() or monotonic() > deadline:
                return self.begun_s(stage) is not None
            self.news.wait(0.02)
            self.news.clear()
        return True


class Bench:
    """A graph on a domain of its own; use it in a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home_q = load_robot().home_q
        self._threads: list[Thread] = []

    def __enter__(self) -> "Bench":
        domain = self._own_domain()
        self.nodes = Nodes(self.folder, domain, PARAMETERS)
        self.nodes.start_all()
        self.truth = TruthReader(self.folder)
        self.client = GraspClient("campaign").__enter__()
        node = self.client.node
        self.cancels = node.create_client(CancelGoal, "grasp/_action/cancel_goal")
        self.selects = node.create_client(SelectGrasp, "select", qos_profile=MANY)
        self.goals = ActionClient(node, AffordanceGrasp, "grasp")
        self.executes = ActionClient(node, ExecuteGrasp, "execute")
        self.arm = ActionClient(node, FollowTrajectory, "follow_trajectory")
        self.gripper = ActionClient(node, MoveGripper, "move_gripper")
        try:
            self.client.wait_until_ready(READY_S, self.check)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _own_domain(self) -> int:
        """A domain that no other graph of a campaign takes at the same moment."""
        while True:
            domain = isolate()
            self._claim = os.open(CLAIMS.format(domain), os.O_RDWR | os.O_CREAT)
            with suppress(OSError):
                fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return domain
            os.close(self._claim)

    def __exit__(self, *_: object) -> None:
        self.nodes.stop()
        for thread in self._threads:
            thread.join(1.0)
        for waitable in list(self.client.node.waitables):
            if isinstance(waitable, RosActionClient):
                waitable.destroy()  # or they keep the node, and its shared memory
        self.client.__exit__()
        self.nodes.sweep()
        os.close(self._claim)

    def check(self) -> None:
        """Raise where a node has ended."""
        for name in NODES:
            if (code := self.nodes.exit_code(name)) is not None:
                words = self.nodes.log(name).read_text(errors="replace").strip().splitlines()
                raise AffordanceGraspError(f"{name} ended with code {code}: {words[-1:]}")

    def switch(self, **changes: Any) -> bool:
        """Switch faults of the cell; False where it does not answer."""
        return switch(self.folder, **changes)

    def ask(self, query: str, dry_run: bool = False) -> Asked:
        """Send a goal as the product's own client does, in a thread."""
        asked = Asked(query, dry_run)

        def note(stage: str, detail: str) -> None:
            asked.stages.append((stage, monotonic()))
            asked.news.set()

        def go() -> None:
            try:
                outcome = self.client.grasp(query, dry_run, note)
                asked.success, asked.message = outcome.success, outcome.message
            except AffordanceGraspError as error:
                asked.message, asked.by_client = str(error), True
            except Exception as error:  # of the client, which is the product's too
                asked.message, asked.by_client = f"{type(error).__name__}: {error}", True
            asked.ended_s = monotonic()
            asked.over.set()
            asked.news.set()

        thread = Thread(target=go, daemon=True)
        thread.start()
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        return asked

    def cancel(self) -> None:
        """Cancel whatever goal the selector has, as ``ros2 action`` may."""
        self.cancels.call_async(CancelGoal.Request())


def in_flood(count: int, send: Callable[[], Any]) -> list["Answer"]:
    """Send so many goals at once."""
    return [Answer(send()) for _ in range(count)]


class Answer:
    """The answer to a raw goal, as far as it has come."""

    def __init__(self, sent: Any) -> None:
        self.accepted: bool | None = None
        self.result: Any = None
        self.over = Event()
        sent.add_done_callback(self._take)

    def _take(self, sent: Any) -> None:
        handle = sent.result()
        self.accepted = bool(handle.accepted)
        if not self.accepted:
            self.over.set()
            return
        handle.get_result_async().add_done_callback(self._end)

    def _end(self, future: Any) -> None:
        self.result = future.result().result
        self.over.set()
