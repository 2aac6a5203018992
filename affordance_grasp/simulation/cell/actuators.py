"""The simulated world as actuators: a planned pick executed without ROS."""

from collections.abc import Callable

from affordance_grasp.control.motion.execution import perform_pick
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import MotionFault
from affordance_grasp.simulation.cell.outcome import PickOutcome
from affordance_grasp.simulation.cell.world import World

FRAME_PERIOD_S = 0.1
ARM_SETTLE_S = 0.2
GRIPPER_TIMEOUT_S = 3.0
STALL_S = 0.1
STALL_M = 0.0002

OnFrame = Callable[[World, str], None]


class SimulatedActuators:
    """The world's arm and gripper as :class:`affordance_grasp.control.motion.execution.Actuators`.

    ``on_frame(world, stage)`` is called every 0.1 s of simulated time, to record images.
    """

    def __init__(self, world: World, on_frame: OnFrame | None = None) -> None:
        """Drive this world."""
        self._world = world
        self._on_frame = on_frame
        self.stage = "start"

    def enter(self, stage: str) -> None:
        """Set the stage that the next images belong to."""
        self.stage = stage

    def move(self, trajectory: JointTrajectory, any_path: bool = False) -> None:
        """Follow one trajectory to its end and let the arm settle there."""
        self._world.start_trajectory(trajectory)
        self._pass_time(trajectory.duration_s + ARM_SETTLE_S)
        if self._world.moving:
            raise MotionFault(f"{self.stage}: the trajectory did not end in its own duration")

    def grip(self, width_m: float, force_n: float) -> float:
        """Close or open until the fingers stop, at their target or on an object."""
        self._world.set_gripper_target(width_m, force_n)
        still_s, waited_s, width = 0.0, 0.0, self._world.gripper_width_m()
        while still_s < 2 * STALL_S:
            if waited_s > GRIPPER_TIMEOUT_S:
                raise MotionFault(f"{self.stage}: fingers still move after {GRIPPER_TIMEOUT_S} s")
            self._pass_time(STALL_S)
            waited_s += STALL_S
            moved = abs(self._world.gripper_width_m() - width)
            still_s = still_s + STALL_S if moved < STALL_M else 0.0
            width = self._world.gripper_width_m()
        return width

    def hold(self, duration_s: float) -> float:
        """Let time pass."""
        self._pass_time(duration_s)
        return self._world.gripper_width_m()

    def stop(self) -> None:
        """Brake, and let the arm settle."""
        self._world.stop_arm()
        while self._world.moving:
            self._pass_time(FRAME_PERIOD_S)
        self._pass_time(ARM_SETTLE_S)

    def _pass_time(self, duration_s: float) -> None:
        """Step in slices that end on multiples of the frame period."""
        end = self._world.time_s + duration_s
        while self._world.time_s < end - 1e-6:
            frames = int(self._world.time_s / FRAME_PERIOD_S + 1e-6)
            next_frame_s = (frames + 1) * FRAME_PERIOD_S
            self._world.step(min(next_frame_s, end) - self._world.time_s)
            if self._on_frame and self._world.time_s >= next_frame_s - 1e-6:
                self._on_frame(self._world, self.stage)


def execute_pick(world: World, plan: PickPlan, on_frame: OnFrame | None = None) -> PickOutcome:
    """Execute a pick and judge it by the state of the object.

    Args:
        world: the work cell; the arm must be at the start of the plan.
        plan: trajectories and widths from :func:`affordance_grasp.control.motion.pick.plan_pick`.
        on_frame: called with the world and the stage every 0.1 s of simulated time.
    """
    actuators = SimulatedActuators(world, on_frame)
    perform_pick(actuators, plan, world.robot.gripper, actuators.enter)
    return world.outcome()
