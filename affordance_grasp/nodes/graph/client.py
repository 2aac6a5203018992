"""Client of the graph: reset the simulator, request a grasp, receive its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from affordance_grasp.action import AffordanceGrasp, ExecuteGrasp
from affordance_grasp.geometry import Floats
from affordance_grasp.msg import GraspDecision
from affordance_grasp.nodes.convert.grasp_messages import to_plan, to_timings
from affordance_grasp.nodes.convert.images import to_color
from affordance_grasp.nodes.ros.calls import LATCHED, NoAnswer, call
from affordance_grasp.nodes.ros.goals import ActionClient, Goals
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import Lease
from affordance_grasp.nodes.ros.running import spin_until
from affordance_grasp.pipeline import GraspPlan
from affordance_grasp.srv import (
    GenerateGrasps,
    GroundAffordance,
    JudgePick,
    ResetSimulation,
    SelectGrasp,
)
from affordance_grasp.streams.messages import seconds, to_pose

ANSWER_TIMEOUT_S = 20.0
LEAVE_S = 10.0
GRASP_TIMEOUT_S = 200.0
POLL_S = 0.1

OnFeedback = Callable[[str, str], None]
Check = Callable[[], None]


@dataclass(frozen=True)
class GraspOutcome:
    """How the action ``grasp`` ended, as plain values; lengths [m] and times [s]."""

    success: bool
    message: str
    T_base_tcp: Floats
    width_m: float
    final_width_m: float
    timings_s: dict[str, float]


@dataclass(frozen=True)
class PickVerdict:
    """The simulator's verdict on a pick; see ``srv/JudgePick``."""

    lifted: bool
    height_m: float
    held: bool
    parts_held: tuple[str, ...]
    functional: bool


class GraspClient:
    """A client with its own ROS context, node and thread; use it in a ``with`` block."""

    def __init__(self, name: str = "grasp_client") -> None:
        """Join the graph of this process's ROS domain."""
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, context=self._context)
        self._heartbeats = Heartbeats(self.node)
        lease = Lease(self._heartbeats, "grasp", owns=False)
        self._grasp = ActionClient(self.node, AffordanceGrasp, "grasp", lease)
        self._select = self.node.create_client(SelectGrasp, "select")
        self._reset = self.node.create_client(ResetSimulation, "simulator/reset")
        self._judge = self.node.create_client(JudgePick, "simulator/judge")
        ground = self.node.create_client(GroundAffordance, "ground")
        generate = self.node.create_client(GenerateGrasps, "generate_grasps")
        execute = ActionClient(self.node, ExecuteGrasp, "execute")
        self._offers: dict[str, Callable[[], bool]] = {
            "simulator/reset": self._reset.service_is_ready,
            "simulator/judge": self._judge.service_is_ready,
            "ground": ground.service_is_ready,
            "generate_grasps": generate.service_is_ready,
            "select": self._select.service_is_ready,
            "grasp": self._grasp.server_is_ready,
            "execute": execute.server_is_ready,
        }
        self._decision: GraspDecision | None = None
        self._photos: list[tuple[float, NDArray[np.uint8]]] = []
        self.node.create_subscription(GraspDecision, "decision", self._keep_decision, LATCHED)
        self._executor = MultiThreadedExecutor(2, context=self._context)
        self._executor.add_node(self.node)
        self._left = Event()
        self._thread = Thread(
            target=spin_until, args=(self._executor, self._left), name="grasp_client", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> "GraspClient":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the graph."""
        self._heartbeats.close()
        self._left.set()
        self._thread.join(LEAVE_S)
        self._executor.shutdown(LEAVE_S)
        self.node.destroy_node()
        self._context.try_shutdown()

    def wait_until_ready(
        self,
        timeout_s: float,
        check: Check = lambda: None,
        simulated: bool = True,
        executes: bool = True,
    ) -> None:
        """Wait for all services and actions that a grasp needs.

        Args:
            timeout_s: how long to wait [s].
            check: called while waiting; may raise a fault of the graph.
            simulated: whether a simulator belongs to the graph.
            executes: whether a controller does; without one every grasp is a dry run.
        """
        absent = [] if simulated else ["simulator/reset", "simulator/judge"]
        absent += [] if executes else ["execute"]
        offers = {name: ready for name, ready in self._offers.items() if name not in absent}
        deadline = monotonic() + timeout_s
        while missing := [name for name, ready in offers.items() if not ready()]:
            check()
            if monotonic() > deadline:
                raise NoAnswer(f"not offered after {timeout_s:.0f} s: {', '.join(missing)}")
            self._pause()

    def reset(self, family: str, seed: int, pose_seed: int) -> None:
        """Put an object on the simulated table."""
        request = ResetSimulation.Request(object=family, seed=seed, pose_seed=pose_seed)
        call(self._reset, request, ANSWER_TIMEOUT_S)

    def judge(self, affordance: str) -> PickVerdict:
        """The simulator's verdict on the pick."""
        response = call(self._judge, JudgePick.Request(affordance=affordance), ANSWER_TIMEOUT_S)
        return PickVerdict(
            lifted=response.lifted,
            height_m=float(response.height_m),
            held=response.held,
            parts_held=tuple(response.parts_held),
            functional=response.functional,
        )

    def grasp(
        self, query: str, dry_run: bool, on_feedback: OnFeedback, check: Check = lambda: None
    ) -> GraspOutcome:
        """Request a grasp; a failure is an outcome with its message."""
        answer = Goals(check, ANSWER_TIMEOUT_S).run(
            self._grasp,
            AffordanceGrasp.Goal(query=query, dry_run=dry_run),
            GRASP_TIMEOUT_S,
            "the grasp",
            lambda feedback: on_feedback(feedback.stage, feedback.detail),
        )
        result = answer.result
        return GraspOutcome(
            success=result.success,
            message=result.message,
            T_base_tcp=to_pose(result.grasp.pose, "the grasp"),
            width_m=float(result.grasp.width_m),
            final_width_m=float(result.final_width_m),
            timings_s=to_timings(result.timings),
        )

    def plan(self) -> GraspPlan | None:
        """The selector's last decision, with its images."""
        return None if self._decision is None else to_plan(self._decision)

    def watch(self) -> None:
        """Start to record the outside camera's photos."""
        self.node.create_subscription(
            Image, "outside/image_raw", self._keep_photo, qos_profile_sensor_data
        )

    def await_photo(self, timeout_s: float) -> None:
        """Wait for one more photo, up to a time [s]."""
        count, deadline = len(self.photos()), monotonic() + timeout_s
        while len(self.photos()) == count and monotonic() < deadline:
            self._pause()

    def photos(self) -> list[NDArray[np.uint8]]:
        """The photos recorded so far, oldest first."""
        return [photo for _, photo in list(self._photos)]

    def photo_rate_hz(self) -> float:
        """Photos received per second, fewer than requested on a busy machine."""
        stamps = [stamp for stamp, _ in list(self._photos)]
        if len(stamps) < 2 or stamps[-1] <= stamps[0]:
            return 1.0
        return (len(stamps) - 1) / (stamps[-1] - stamps[0])

    def _pause(self) -> None:
        self._thread.join(POLL_S)

    def _keep_decision(self, message: GraspDecision) -> None:
        self._decision = message

    def _keep_photo(self, message: Image) -> None:
        self._photos.append((seconds(message.header.stamp), to_color(message)))
