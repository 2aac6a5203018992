"""What the simulated arm refuses to follow, as a real driver would."""

from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.control.motion.trajectory import time_parameterise
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput, MotionFault
from affordance_grasp.nodes.arms.simulated_driver import SimulatedDriver
from affordance_grasp.simulation.cell.live_world import LiveWorld

ROBOT = load_robot(speed_scaling=1.0)
HOME = ROBOT.home_q
STEP = np.array([0, 0, 0, 0, 0, 1.0])


class World:
    """An arm at home that starts when it is told."""

    moving = False

    def joint_positions(self):
        return HOME

    def start_trajectory(self, trajectory):
        self.moving = True


@pytest.fixture
def driver():
    """The driver without its action servers."""
    world = World()
    driver = SimulatedDriver.__new__(SimulatedDriver)
    driver._robot = ROBOT
    driver._live = SimpleNamespace(start=lambda begin, ended: begin(world) or Event())
    driver._actions = SimpleNamespace(unwanted=lambda handle: handle)
    return driver


def trajectory(*positions, times_s, velocities=None):
    q = np.array(positions, float)
    qd = np.zeros_like(q) if velocities is None else np.array(velocities, float)
    return JointTrajectory(ROBOT.arm.joint_names, np.array(times_s, float), q, qd)


def test_the_fastest_planned_motion_is_followed(driver):
    names = ROBOT.arm.joint_names
    planned = time_parameterise(
        [HOME, HOME + STEP, HOME], ROBOT.velocity, ROBOT.acceleration, names
    )
    driver._check_trajectory(planned)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (trajectory(HOME, HOME + STEP, times_s=[0, 0.3]), "wrist3_joint at up to 5 rad/s"),
        (trajectory(HOME, HOME + STEP, times_s=[0, 0.001]), "at up to 1.5e\\+03 rad/s"),
        (trajectory(HOME, HOME, times_s=[0, 0.1], velocities=[9 * STEP, 0 * STEP]), "9 rad/s"),
        (trajectory(HOME, HOME + 6 * STEP, times_s=[0, 60]), "leaves the joint limits"),
        (trajectory(HOME, HOME + STEP, times_s=[0, 1e9]), "at most 300 s"),
    ],
)
def test_what_no_arm_could_follow_is_refused(driver, wrong, words):
    with pytest.raises(InvalidInput, match=words):
        driver._check_trajectory(wrong)


def test_other_joints_are_refused(driver):
    other = JointTrajectory(("a",), np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(InvalidInput, match="trajectory joints must be shoulder_joint"):
        driver._check_trajectory(other)


def test_of_two_trajectories_at_once_one_is_refused(driver):
    driver._start_arm("", trajectory(HOME, HOME + STEP, times_s=[0, 2]))
    with pytest.raises(InvalidInput, match="following another trajectory"):
        driver._start_arm("", trajectory(HOME, HOME + STEP, times_s=[0, 2]))


def test_a_trajectory_that_starts_elsewhere_is_refused(driver):
    with pytest.raises(InvalidInput, match="starts 1.000 rad from where the arm is"):
        driver._start_arm("", trajectory(HOME + STEP, HOME, times_s=[0, 2]))


def test_a_motion_that_was_given_up_before_it_begins_never_begins(driver):
    given_up = "the node that asked for it has fallen silent"
    with pytest.raises(MotionFault, match=f"the motion was not begun: {given_up}"):
        driver._start_arm(given_up, trajectory(HOME, HOME + STEP, times_s=[0, 2]))
    driver._start_arm("", trajectory(HOME, HOME + STEP, times_s=[0, 2]))  # it still stands there


class Braking:
    """A world whose arm moves until it is stopped, and then for three more steps."""

    time_s, moving, left = 0.0, True, None

    def step(self, duration_s):
        self.time_s += duration_s
        if self.left is not None:
            self.left -= 1
            self.moving = self.left > 0

    def stop_arm(self):
        self.left = 3

    def close(self):
        """Nothing to free."""


@pytest.mark.parametrize("why", ["stopped on request", "the node that asked for it is silent"])
def test_an_unwanted_motion_ends_when_the_arm_stands_and_is_forgotten(why):
    live = LiveWorld(Braking, lambda world: None, speed=20.0)
    try:
        driver = SimulatedDriver.__new__(SimulatedDriver)
        driver._live = live
        driver._actions = SimpleNamespace(unwanted=lambda handle: why)
        motion = live.start(lambda world: None, lambda world: False)
        with pytest.raises(MotionFault, match=f"the motion was ended: {why}"):
            list(driver._while_wanted(None, motion, driver._stop_arm))
        assert not live.ask(lambda world: world.moving)
        begun_s = live.ask(lambda world: world.time_s)
        ticks = live.start(lambda world: None, lambda world: world.time_s > begun_s + 0.1)
        assert ticks.wait(60.0)
        assert live.ask(lambda world: len(live._motions)) == 0
    finally:
        live.close()
