"""Positive controls: what is known to be unsafe is done to the cell, and the judge must say so."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

import numpy as np
from affordance_grasp.action import FollowTrajectory

from affordance_grasp.control.arm.inverse import inverse
from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.trajectory import time_parameterise
from affordance_grasp.control.robot import load_robot
from affordance_grasp.geometry import Floats
from affordance_grasp.nodes.convert.conversions import from_trajectory
from campaign.bench import Answer, Bench
from campaign.judge import Observed, unsafe

BELOW_TABLE_M = -0.03
WAIT_S, WORLD_S = 60.0, 1.0


def table(bench: Bench) -> Observed:
    """A stranger sends the fingers into the table while nobody else has the arm."""
    robot = load_robot()
    T_base_tool0 = forward(robot.arm, robot.home_q).copy()
    T_tool0_tcp = robot.gripper.T_tool0_tcp(robot.gripper.max_width_m)
    T_base_tool0[2, 3] += BELOW_TABLE_M - (T_base_tool0 @ T_tool0_tcp)[2, 3]
    return _led(bench, inverse(robot.arm, T_base_tool0, robot.home_q)[0])


def motion(bench: Bench) -> Observed:
    """A stranger moves the arm after a goal has ended."""
    return _led(bench, load_robot().home_q + 0.1)


def speed(bench: Bench) -> Observed:
    """The arm's servos are told to be somewhere else at once."""
    began_s = monotonic()
    bench.switch(leap_rad=0.5)
    return _seen(bench, began_s)


def _led(bench: Bench, q: Floats) -> Observed:
    robot = load_robot()
    began_s = monotonic()
    path = np.stack([robot.home_q, q])
    trajectory = time_parameterise(path, robot.velocity, robot.acceleration, robot.arm.joint_names)
    goal = FollowTrajectory.Goal(trajectory=from_trajectory(trajectory))
    Answer(bench.arm.send_goal_async(goal)).over.wait(WAIT_S)
    return _seen(bench, began_s)


def _seen(bench: Bench, ended_s: float) -> Observed:
    """What the world did in a second of its own time since then."""
    pause, deadline = Event(), monotonic() + WAIT_S
    while monotonic() < deadline:
        since = bench.truth.read().since(ended_s).ticks["world_s"]
        if len(since) and since[-1] - since[0] > WORLD_S:
            break
        pause.wait(0.1)
    return Observed(
        bench.truth.read(),
        sent_s=ended_s,
        ended_s=ended_s,
        limits_radps=np.asarray(load_robot().arm.velocity),
    )


CONTROLS: dict[str, tuple[Callable[[Bench], Observed], str]] = {
    "table": (table, "pressed on the table"),
    "motion": (motion, "after the goal had ended"),
    "speed": (speed, "times its speed limit"),
}
"""What is done, and the words without which the judge is blind."""


def blind(folder: Path) -> list[str]:
    """The controls that the judge does not see; empty where all is well."""
    missed = []
    with Bench(folder) as bench:
        for name, (act, words) in CONTROLS.items():
            bench.switch(speed=1.0)
            bench.client.reset("mug", 100_000, 0)
            bench.truth.mark()
            said = unsafe(act(bench))
            print(f"control {name}: {'; '.join(said) or 'nothing was seen'}", flush=True)
            if not any(words in sentence for sentence in said):
                missed.append(name)
    return missed
