"""Executes a grasp: plans the whole pick first, then approaches, closes and lifts."""

from dataclasses import dataclass

from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from affordance_grasp.action import ExecuteGrasp
from affordance_grasp.control.execution import PickExecution, perform_pick
from affordance_grasp.control.gripper import Hold
from affordance_grasp.control.pick import plan_pick
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import MotionFault, UnknownName
from affordance_grasp.nodes.arm import ARMS
from affordance_grasp.nodes.calls import NoAnswer
from affordance_grasp.nodes.exclusive_action import ExclusiveAction, Stages
from affordance_grasp.nodes.grasp_messages import from_timings, to_target
from affordance_grasp.nodes.joints import JointMonitor
from affordance_grasp.nodes.parameters import declare, describe
from affordance_grasp.nodes.running import run
from affordance_grasp.share import share_path

WHAT_TO_DO = "the arm stands still; see that its way is free, bring it home, then ask again"


@dataclass(frozen=True)
class ControllerParameters:
    """Parameters of the node."""

    robot: str = describe("simulation", "kind of robot that is commanded")
    robot_file: str = describe("config/aubo_i5.yaml", "the robot's limits, mounting and ways")
    speed_scaling: float = describe(0.2, "share of the joint speed limits, in (0, 1]")

    def __post_init__(self) -> None:
        """Refuse a robot that nobody can drive."""
        if self.robot not in ARMS:
            raise UnknownName("robot", self.robot, tuple(ARMS))


class ControllerNode(Node):
    """Offers ``execute``; nothing moves before the whole pick is planned."""

    def __init__(self) -> None:
        """Read the robot and offer the action."""
        super().__init__("controller")
        p = declare(self, ControllerParameters)
        self._robot = load_robot(share_path(p.robot_file), speed_scaling=p.speed_scaling)
        self._arm = ARMS[p.robot](self)
        self._joints = JointMonitor(self, self._robot.arm.joint_names)
        self._action = ExclusiveAction(self, ExecuteGrasp, "execute", self._execute)
        self.get_logger().info(f"robot {p.robot} at {p.speed_scaling:.0%} of its speed")

    def close(self) -> None:
        """Stop the arm, while that can still be said."""
        self._arm.stop()

    def _execute(self, handle: ServerGoalHandle, result: ExecuteGrasp.Result) -> None:
        stages = Stages(lambda stage: self._tell(handle, stage))
        self._arm.begin(lambda: handle.is_cancel_requested)
        try:
            execution = self._pick(handle.request, stages)
        except BaseException as error:  # whatever it was, a fault of ours too, the arm must stand
            self._arm.stop()
            # Where nobody answered, nobody knows how the arm stands; the fault says so already.
            if isinstance(error, MotionFault) and not isinstance(error.__cause__, NoAnswer):
                raise MotionFault(f"{error}; {WHAT_TO_DO}") from error
            raise
        finally:
            result.timings = from_timings(stages.timings_s())
        result.final_width_m = execution.width_m
        result.message = _verdict(execution)

    def _pick(self, goal: ExecuteGrasp.Goal, stages: Stages) -> PickExecution:
        stages("plan")
        robot = self._robot
        T_base_tcp, width_m = to_target(goal.grasp, robot.settings.base_frame)
        plan = plan_pick(robot, self._joints.now(), T_base_tcp, width_m)
        return perform_pick(self._arm, plan, robot.gripper, stages)

    def _tell(self, handle: ServerGoalHandle, stage: str) -> None:
        self.get_logger().info(stage)
        handle.publish_feedback(ExecuteGrasp.Feedback(stage=stage))


def _verdict(execution: PickExecution) -> str:
    """What the gripper feels, as a sentence; raises when it is not something held."""
    width_mm = execution.width_m * 1e3
    if execution.held:
        return f"lifted with something {width_mm:.0f} mm wide between the fingers"
    if execution.verdict is Hold.NOT_CLOSED:
        raise MotionFault(f"the fingers stayed open at {width_mm:.0f} mm; see to the gripper")
    lost = "was lost on the way up" if execution.closed_verdict is Hold.HELD else "was not caught"
    raise MotionFault(
        f"the object {lost}: the fingers are closed to {width_mm:.0f} mm; the arm is home, ask "
        "again"
    )


def main() -> None:
    """Run the node."""
    run(ControllerNode, threads=6)


if __name__ == "__main__":
    main()
