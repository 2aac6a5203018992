"""The simulated work cell in this process, without ROS: look, plan, pick and stop."""

from threading import Event
from time import sleep

from affordance_grasp.control.motion.execution import perform_pick
from affordance_grasp.errors import InvalidInput, MotionFault
from affordance_grasp.pipeline import Planner
from affordance_grasp.simulation.cell.actuators import FRAME_PERIOD_S, SimulatedActuators
from affordance_grasp.simulation.cell.outcome import PickOutcome
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.view.planned import Planned, arm_pose, plan_seen
from affordance_grasp.view.work_cell import ArmState, Moves, Sight, Tell

STOPPED = "stopped on request; the arm stands still where it is"


class SimulatedCell:
    """A world and a planner; made, used and closed by one thread, as its renderer is."""

    moves = Moves.SIMULATION

    def __init__(self, planner: Planner, world: World, title: str, pace: float = 1.0) -> None:
        """``pace``: simulated seconds per second at most; it is slower where the machine is."""
        self._planner, self._world, self.title, self._pace = planner, world, title, pace
        self.robot = world.robot
        self._stopped = Event()
        self._state = self._now()

    def look(self) -> Sight:
        """What the wrist camera sees now."""
        return Sight(self._world.observe(), arm_pose(self.robot, self._world.joint_positions()))

    def plan(self, query: str, tell: Tell) -> Planned:
        """Look, and plan from where the arm is."""
        self._stopped.clear()
        tell("look")
        seen = self.look()
        tell("decide")
        planned = plan_seen(self._planner, seen.frame, query, seen.pose)
        self._check()
        return planned

    def pick(self, planned: Planned, tell: Tell) -> str:
        """Make the pick in the simulation, and judge it by the object's own state."""
        if planned.pick is None:
            raise InvalidInput(planned.why_no_pick)
        self._stopped.clear()
        actuators = SimulatedActuators(self._world, lambda world, stage: self._pass())
        try:
            perform_pick(actuators, planned.pick, self.robot.gripper, tell)
        except MotionFault as error:
            SimulatedActuators(self._world).stop()
            self._state = self._now()
            raise MotionFault(STOPPED if self._stopped.is_set() else error) from error
        return _described(self._world.outcome())

    def stop(self) -> None:
        """Brake at the next frame of the simulation, within 0.1 s."""
        self._stopped.set()

    def state(self) -> ArmState | None:
        """Where the simulated arm is."""
        return self._state

    def picture(self) -> None:
        """None: what is seen is told by ``look``."""

    def close(self) -> None:
        """Free the renderers."""
        self._world.close()

    def _pass(self) -> None:
        """Every 0.1 s of simulated time."""
        self._state = self._now()
        self._check()
        sleep(FRAME_PERIOD_S / self._pace)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise MotionFault(STOPPED)

    def _now(self) -> ArmState:
        return ArmState(self._world.joint_positions(), self._world.gripper_width_m())


def _described(outcome: PickOutcome) -> str:
    if not (outcome.lifted and outcome.held):
        raise MotionFault("the object was not lifted; the arm is home, look and plan again")
    parts = ", ".join(outcome.parts_held) or "nothing"
    return f"lifted by {outcome.height_m * 100:.0f} cm; the fingers hold: {parts}"
