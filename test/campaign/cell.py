"""The simulated work cell with faults to inject, and a log of what really happens in it.

The node is the product's ``simulator``; its world tells every tick and command to a file, and what
it publishes and answers passes the faults that are switched on, over a socket beside that file.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import SimpleNamespace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time as Stamp
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.datatypes import CameraIntrinsics, JointTrajectory, RgbdFrame
from affordance_grasp.errors import AffordanceGraspError, MotionFault
from affordance_grasp.nodes import simulator
from affordance_grasp.nodes.arms.simulated_driver import SimulatedDriver
from affordance_grasp.nodes.convert.conversions import (
    from_intrinsics,
    from_trajectory,
    to_trajectory,
)
from affordance_grasp.nodes.convert.images import from_color, from_depth_m, from_map
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import make_object
from campaign.truth import TruthWriter

FOLDER = "CAMPAIGN_CELL"
SOCKET = "cell.sock"
INTRINSICS = CameraIntrinsics(307.5, 307.5, 159.5, 119.5, 320, 240)
ANSWER_S = 5.0
JUMP_RAD = 1.0
WRONG_TIME_S = 10.0
LATE_S = 1.5
LATE_NS = 200_000_000
JOINTS_PERIOD_S = 0.05
"""Of real time: a driver's rate does not grow with the speed of the simulation."""


@dataclass
class Switches:
    """What is wrong now; empty texts: nothing.

    ``clock_s`` is added to every stamp; ``leap_rad`` to the servos' targets, once.
    """

    joints: str = ""
    camera: str = ""
    gripper: str = ""
    arm: str = ""
    clock_s: float = 0.0
    speed: float = 1.0
    leap_rad: float = 0.0


class TruthWorld(World):
    """A world that writes down what happens to it."""

    truth: TruthWriter

    def step(self, duration_s: float) -> None:
        super().step(duration_s)
        right, left = self._contacts.parts_on_pads(self._data)
        rest_m = getattr(self, "_rest_height_m", np.nan)
        self.truth.tick(
            world_s=self.time_s,
            q=self.joint_positions(),
            v=self.joint_velocities(),
            table_n=self._table_force_n,
            width_m=self.gripper_width_m(),
            rise_m=float(self._data.xipos[self._object_id, 2]) - rest_m,
            held=bool(right and left),
            moving=self.moving,
        )

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        super().start_trajectory(trajectory)
        first, last = trajectory.positions[0].tolist(), trajectory.positions[-1].tolist()
        self.truth.event("move", first=first, last=last, duration_s=trajectory.duration_s)

    def stop_arm(self) -> None:
        self.truth.event("stop", moving=self.moving)
        super().stop_arm()

    def set_gripper_target(self, width_m: float, force_n: float | None = None) -> None:
        self.truth.event("grip", width_m=width_m)
        super().set_gripper_target(width_m, force_n)


class FaultyDriver(SimulatedDriver):
    """The driver, which answers early, late, never, or does half of what it should."""

    switches: Switches

    def _follow(self, handle: Any, result: Any) -> None:
        fault = self.switches.arm
        if fault == "refuses":
            raise MotionFault("the drives are off; switch them on")
        if fault == "half":
            _halve(handle.request.trajectory)
        if fault == "early":
            _unheard(super()._follow, handle, type(result)())
        elif fault != "ghost":
            super()._follow(handle, result)
            _delay(fault, handle)

    def _grip(self, handle: Any, result: Any) -> None:
        fault = self.switches.gripper
        if fault == "refuses":
            raise MotionFault("the gripper is not activated; activate it")
        if fault == "early":
            _unheard(super()._grip, handle, type(result)())
        elif fault != "ghost":
            super()._grip(handle, result)
            _delay(fault, handle)
        result.width_m = self._live.ask(World.gripper_width_m)
        if fault == "nan":
            result.width_m = float("nan")


def _unheard(work: Callable[[Any, Any], None], handle: Any, result: Any) -> None:
    """Do it in the background, whatever becomes of the goal."""
    alone = SimpleNamespace(
        request=handle.request,
        goal_id=handle.goal_id,
        is_cancel_requested=False,
        publish_feedback=lambda feedback: None,
        canceled=lambda: None,
    )

    def go() -> None:
        try:
            work(alone, result)
        except AffordanceGraspError as error:
            print(f"the cell, in the background: {error}", flush=True)

    Thread(target=go, daemon=True).start()


def _halve(message: Any) -> None:
    """Keep the first half, so that the arm stops on the way, and says that it arrived."""
    whole = to_trajectory(message)
    positions, velocities = resample(whole, 0.02)
    kept = max(2, len(positions) // 2)
    velocities[kept - 1] = 0.0
    times_s = np.arange(kept) * 0.02
    half = JointTrajectory(whole.joint_names, times_s, positions[:kept], velocities[:kept])
    message.points = from_trajectory(half).points


def _delay(fault: str, handle: Any) -> None:
    """Hold the answer back, for a while or until the goal is cancelled."""
    pause, until = Event(), monotonic() + (LATE_S if fault == "late" else 0.0)
    while fault == "never" or monotonic() < until:
        if handle.is_cancel_requested:
            raise MotionFault("the motion was cancelled")
        pause.wait(0.01)


class CellNode(simulator.SimulatorNode):
    """The simulator of the campaign."""

    switches: Switches

    def __init__(self) -> None:
        self._second: Any = None
        self._frozen: Any = None
        self._due_s = 0.0
        super().__init__()
        self._second = self.create_publisher(JointState, "joint_states", 10)

    def _world_maker(self, family: str, seed: int, pose_seed: int) -> Callable[[], World]:
        household_object, placement = make_object(family, seed), random_placement(pose_seed)
        return lambda: TruthWorld(self._robot, household_object, placement, pose_seed, INTRINSICS)

    def _publish(self, world: World) -> None:
        self._live._speed = self.switches.speed
        if self.switches.leap_rad:
            world.set_arm_target(world.joint_positions() + self.switches.leap_rad)
            self.switches.leap_rad = 0.0
        super()._publish(world)

    def _publish_joints(self, world: World) -> None:
        fault = self.switches.joints
        if fault == "stopped" or monotonic() < self._due_s:
            return
        self._due_s = monotonic() + JOINTS_PERIOD_S
        now = self.get_clock().now().nanoseconds + round(self.switches.clock_s * 1e9)
        header = Header(stamp=Time(nanoseconds=now + _wrong_time_ns(fault)).to_msg())
        arm = JointState(header=header, name=list(world.robot.arm.joint_names))
        arm.position, arm.velocity = (
            world.joint_positions().tolist(),
            world.joint_velocities().tolist(),
        )
        self._joints.publish(self._spoiled(arm, fault))
        gripper = JointState(header=header, name=[world.robot.gripper.joint_name])
        gripper.position = [world.gripper_joint()]
        self._joints.publish(gripper)
        if fault == "doubled" and self._second is not None:
            zeros = [0.0] * len(arm.name)
            self._second.publish(JointState(header=header, name=arm.name, position=zeros))

    def _spoiled(self, arm: JointState, fault: str) -> JointState:
        if fault != "frozen":
            self._frozen = list(arm.position)
        else:
            arm.position, arm.velocity = self._frozen, [0.0] * len(arm.name)
        if fault == "nan":
            arm.position[2] = float("nan")
        elif fault == "jumped":
            arm.position[1] += JUMP_RAD
        elif fault == "three":
            arm.name, arm.position, arm.velocity = arm.name[:3], arm.position[:3], arm.velocity[:3]
        elif fault == "foreign":
            arm.name = [f"other_{name}" for name in arm.name]
        elif fault == "short":
            arm.position = arm.position[:4]
        return arm

    def _publish_frame(self, observer: Any, snapshot: Any) -> None:
        fault = self.switches.camera
        stamp_ns = snapshot.stamp_ns + round(self.switches.clock_s * 1e9) + _wrong_time_ns(fault)
        stamp = Time(nanoseconds=stamp_ns).to_msg() if fault != "zero_stamps" else Stamp()
        header = Header(stamp=stamp, frame_id=self._robot.hand_eye.camera_frame)
        frame = observer.observe(snapshot.state)
        messages = _messages(frame, header)
        CAMERA.get(fault, lambda messages: None)(messages)
        publishers = vars(self._frames)
        for name in ("_info", "_depth_info", "_depth", "_color"):
            if name in messages:
                publishers[name].publish(messages[name])


def _wrong_time_ns(fault: str) -> int:
    sign = {"old": -1, "future": 1}.get(fault, 0)
    return round(sign * WRONG_TIME_S * 1e9)


Messages = dict[str, Any]


def _messages(frame: RgbdFrame, header: Header) -> Messages:
    """What the product publishes of a frame, by the name of its publisher."""
    depth_header = Header(stamp=header.stamp, frame_id=header.frame_id)
    return {
        "depth_m": frame.depth_m,
        "_info": from_intrinsics(frame.intrinsics, header),
        "_depth_info": from_intrinsics(frame.intrinsics, header),
        "_depth": from_depth_m(frame.depth_m, depth_header),
        "_color": from_color(frame.color, Header(stamp=header.stamp, frame_id=header.frame_id)),
    }


def _lose(*names: str) -> Callable[[Messages], None]:
    return lambda messages: [messages.pop(name) for name in names] and None


def _fill(value: int) -> Callable[[Messages], None]:
    def fill(messages: Messages) -> None:
        depth = messages["_depth"]
        depth.data = bytes([value]) * len(depth.data)

    return fill


def _change_depth(change: Callable[[Any], Any]) -> Callable[[Messages], None]:
    """Replace the depth [m] by a function of it, in metres, as NaN has no millimetres."""

    def apply(messages: Messages) -> None:
        messages["_depth"] = from_map(change(messages["depth_m"]), messages["_depth"].header)

    return apply


def _delay_depth(messages: Messages) -> None:
    header = messages["_depth"].header
    header.stamp = Time(nanoseconds=Time.from_msg(header.stamp).nanoseconds - LATE_NS).to_msg()


def _change_info(change: Callable[[Any], None]) -> Callable[[Messages], None]:
    return lambda messages: change(messages["_info"])


def _of_whole_sensor(info: Any) -> None:
    info.k = [4 * value for value in info.k[:8]] + [1.0]


def _of_other_size(info: Any) -> None:
    info.width, info.height = 4 * info.width, 4 * info.height


def _without_focus(info: Any) -> None:
    info.k = [0.0] * 9


def _with_nan(info: Any) -> None:
    info.k = [float("nan"), *info.k[1:]]


def _blacken(messages: Messages) -> None:
    messages["_color"].data = bytes(len(messages["_color"].data))


def _tear(messages: Messages) -> None:
    data = messages["_color"].data
    messages["_color"].data = bytes(data)[: len(data) // 2]


def _move_away(messages: Messages) -> None:
    messages["_color"].header.frame_id = "somewhere_else"


def _upper_half(depth_m: Any) -> Any:
    return np.where(np.arange(len(depth_m))[:, None] < len(depth_m) // 2, depth_m, 0)


CAMERA: dict[str, Callable[[Messages], None]] = {
    "stopped": _lose("_info", "_depth_info", "_depth", "_color"),
    "colour_stopped": _lose("_color"),
    "depth_stopped": _lose("_depth"),
    "info_stopped": _lose("_info"),
    "depth_zero": _fill(0),
    "depth_full": _fill(0xFF),
    "depth_nan": _change_depth(lambda depth_m: np.full_like(depth_m, np.nan)),
    "depth_half_size": _change_depth(lambda depth_m: np.ascontiguousarray(depth_m[::2, ::2])),
    "depth_half_seen": _change_depth(_upper_half),
    "depth_late": _delay_depth,
    "info_of_sensor": _change_info(_of_whole_sensor),
    "info_of_other_size": _change_info(_of_other_size),
    "info_zero": _change_info(_without_focus),
    "info_nan": _change_info(_with_nan),
    "colour_black": _blacken,
    "colour_torn": _tear,
    "other_frame": _move_away,
    "old": lambda messages: None,
    "future": lambda messages: None,
    "zero_stamps": lambda messages: None,
}
"""Faults of the camera; the last three are in the stamps that the messages are made with."""


def _listen(path: Path, switches: Switches) -> None:
    """Take changes of the switches, and answer once they count."""
    path.unlink(missing_ok=True)
    with Listener(str(path), "AF_UNIX") as listener:
        while True:
            with listener.accept() as connection, suppress(OSError, EOFError):
                for name, value in connection.recv().items():
                    setattr(switches, name, value)
                connection.send(True)


def switch(folder: Path, **changes: Any) -> bool:
    """Switch faults of a running cell; whether it answered."""
    known = {field.name for field in fields(Switches)}
    assert set(changes) <= known, changes
    try:
        with Client(str(folder / SOCKET), "AF_UNIX") as connection:
            connection.send(changes)
            return connection.poll(ANSWER_S) and bool(connection.recv())
    except (OSError, EOFError):
        return False


def main() -> None:
    """Run the cell as the node ``simulator``."""
    folder, switches = Path(os.environ[FOLDER]), Switches()
    TruthWorld.truth = TruthWriter(folder)
    CellNode.switches = FaultyDriver.switches = switches
    simulator.SimulatedDriver = FaultyDriver
    Thread(target=_listen, args=(folder / SOCKET, switches), daemon=True).start()
    run(CellNode, threads=6)


if __name__ == "__main__":
    sys.exit(main())
