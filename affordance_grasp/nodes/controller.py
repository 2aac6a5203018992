"""Executes a grasp: plans the whole pick first, then approaches, closes and lifts.

``ARMS`` names the kinds of robots; the parameter ``robot`` chooses.
"""

from collections.abc import Callable

from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from affordance_grasp.action import ExecuteGrasp, MoveGripper
from affordance_grasp.control.gripper import Hold
from affordance_grasp.control.motion.execution import (
    OPEN_TOLERANCE_M,
    PickExecution,
    perform_pick,
)
from affordance_grasp.control.motion.pick import PickPlan, plan_pick
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.errors import AffordanceGraspError, MotionFault
from affordance_grasp.nodes.arms.arm import RobotArm
from affordance_grasp.nodes.arms.held_object import RELEASE, UNKNOWN, HeldObject
from affordance_grasp.nodes.arms.moveit_arm import MoveItArm
from affordance_grasp.nodes.arms.ros2_control_arm import Ros2ControlArm
from affordance_grasp.nodes.arms.simulated_arm import SimulatedArm
from affordance_grasp.nodes.convert.grasp_messages import from_timings, to_target
from affordance_grasp.nodes.convert.markers import path_markers
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.inputs.known_obstacles import KnownObstacles
from affordance_grasp.nodes.parameters import ControllerParameters
from affordance_grasp.nodes.ros.action_servers import ExclusiveAction, Stages
from affordance_grasp.nodes.ros.calls import LATCHED, NoAnswer, Refused, publish_to
from affordance_grasp.nodes.ros.diagnostics import Diagnostics, Health, health_of
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.parameters import LiveParameters
from affordance_grasp.nodes.ros.running import run

WHAT_TO_DO = "the arm stands still; see that its path is free, bring it home, then retry"
NOT_SEEN = "whether the arm stands still is unknown: use the robot's own stop, then check it"
UNSEEN = "what stands beside the object is not known: only the table is kept clear of"
NOT_TOLD = (
    "what stands beside the object is not known, as no message of obstacles has the stamp of this "
    "grasp and the base frame: publish them as the selector does, or set require_obstacles to "
    "false, after which the arm keeps clear of the table alone"
)
REST_S, REST_PATIENCE_S = 0.1, 1.5
ARMS: dict[str, Callable[[Node, DescribedRobot, JointMonitor, Heartbeats], RobotArm]] = {
    "simulation": SimulatedArm,
    "ros2_control": Ros2ControlArm,
    "moveit": MoveItArm,
}


class ControllerNode(Node):
    """Offers ``execute``; nothing moves before the whole pick is planned."""

    def __init__(self) -> None:
        """Read the robot and offer the action."""
        super().__init__("controller")
        self._live = LiveParameters(self, ControllerParameters, self._take)
        p = self._live.now
        configured = load_robot(p.robot_file, p.speed_scaling, p.acceleration_scaling)
        self._described = DescribedRobot(self, configured)
        names = configured.arm.joint_names
        self._joints = JointMonitor(self, names, p.joint_state_timeout_s)
        self._heartbeats = Heartbeats(self)
        self._arm = ARMS[p.robot](self, self._described, self._joints, self._heartbeats)
        self._obstacles = KnownObstacles(self)
        self._path = publish_to(self, MarkerArray, "planned_path", LATCHED)
        self._action = ExclusiveAction(
            self, self._heartbeats, ExecuteGrasp, "execute", self._execute
        )
        self._action.serve(MoveGripper, RELEASE, self._release)
        self._held = HeldObject(self, configured.gripper, assume=not p.dry_run)
        Diagnostics(self, "motion", self._health)
        how = "dry run, nothing will move" if p.dry_run else f"{p.speed_scaling:.0%} of its speed"
        self.get_logger().info(f"robot {p.robot}: {how}")

    def close(self) -> None:
        """Stop the arm, verify that it stands still, and say so to the client."""
        if not self._action.leave():
            self.get_logger().error(NOT_SEEN)
        self._heartbeats.close()

    def _health(self) -> Health:
        p = self._live.now
        figures = {"robot": p.robot, "speed": f"{p.speed_scaling:.0%}", "dry run": p.dry_run}
        return health_of((self._joints.check, lambda: self._described.robot), figures)

    def _take(self, changed: ControllerParameters) -> None:
        """Take another speed, unless the arm moves by the present one."""
        with self._action.held_off():
            self._described.scale(changed.speed_scaling)
        self.get_logger().info(f"from now on {changed.speed_scaling:.0%} of its speed")

    def _execute(self, handle: ServerGoalHandle, result: ExecuteGrasp.Result) -> None:
        stages = Stages(lambda stage: self._tell(handle, stage))
        self._arm.begin(lambda: self._action.unwanted(handle))
        try:
            stages("plan")
            self._held.check()
            robot = self._described.robot
            plan = self._plan(robot, handle.request)
            if self._live.now.dry_run or handle.request.dry_run:
                result.message = f"dry run: {plan.duration_s:.1f} s of motion planned, none made"
                return
            execution = self._perform(robot, plan, stages)
        finally:
            self._arm.end()
            result.timings = from_timings(stages.timings_s())
        result.final_width_m = execution.width_m
        result.message = self._verdict(execution)

    def _release(self, handle: ServerGoalHandle, result: MoveGripper.Result) -> None:
        """Open the fingers, as wide as they go and no matter what the goal says."""
        if self._live.now.dry_run:
            raise Refused("dry run: nothing moves, the fingers neither")
        gripper = self._described.gripper
        self._arm.begin(lambda: self._action.unwanted(handle))
        try:
            result.width_m = self._arm.grip(gripper.max_width_m, gripper.min_force_n)
        finally:
            self._arm.end()
        if result.width_m < gripper.max_width_m - OPEN_TOLERANCE_M:
            raise MotionFault(
                f"the fingers opened to {result.width_m * 1e3:.0f} mm only; see what blocks them"
            )
        self._held.now_holds("")

    def _plan(self, robot: RobotConfig, goal: ExecuteGrasp.Goal) -> PickPlan:
        """Plan the whole pick and show it."""
        T_base_tcp, width_m, opening_m = to_target(goal.grasp, robot.settings.base_frame)
        obstacles = self._obstacles.of(goal.grasp.header.stamp, robot.settings.base_frame)
        if obstacles is None:
            if self._live.now.require_obstacles:
                raise Refused(NOT_TOLD)
            self.get_logger().warning(UNSEEN)
        plan = plan_pick(
            robot, self._joints.now(), T_base_tcp, width_m, obstacles, opening_m=opening_m
        )
        self._arm.expect(plan)
        base = Header(stamp=goal.grasp.header.stamp, frame_id=robot.settings.base_frame)
        self._path.publish(path_markers(robot, plan, base))
        return plan

    def _perform(self, robot: RobotConfig, plan: PickPlan, stages: Stages) -> PickExecution:
        def begin(stage: str) -> None:
            if stage == "close":
                self._held.now_holds(UNKNOWN)
            stages(stage)

        try:
            return perform_pick(self._arm, plan, robot.gripper, begin)
        except BaseException as error:  # any error, bugs included: the arm must stop
            self._arm.stop()
            self._held.stays()
            if isinstance(error, AffordanceGraspError):
                raise MotionFault(f"{error}; {self._how_it_stands(error)}") from error
            raise

    def _how_it_stands(self, error: Exception) -> str:
        """Promised only where it was seen, and where who moves the arm has answered."""
        answered = not isinstance(error, NoAnswer) and not isinstance(error.__cause__, NoAnswer)
        still = answered and self._joints.rest(REST_S, REST_PATIENCE_S)
        return WHAT_TO_DO if still else NOT_SEEN

    def _verdict(self, execution: PickExecution) -> str:
        """What the gripper feels, as a sentence; raises when it is not something held."""
        width_mm = execution.width_m * 1e3
        if execution.held:
            self._held.now_holds(f"the fingers hold what they lifted, {width_mm:.0f} mm wide")
            self._held.stays()
            return f"lifted with something {width_mm:.0f} mm wide between the fingers"
        self._held.now_holds("")
        if execution.verdict is Hold.NOT_CLOSED:
            raise MotionFault(f"the fingers stayed open at {width_mm:.0f} mm; see to the gripper")
        caught = execution.closed_verdict is Hold.HELD
        lost = "was lost on the way up" if caught else "was not caught"
        raise MotionFault(
            f"the object {lost}: the fingers are closed to {width_mm:.0f} mm; the arm is home, "
            "ask again"
        )

    def _tell(self, handle: ServerGoalHandle, stage: str) -> None:
        self.get_logger().info(stage)
        handle.publish_feedback(ExecuteGrasp.Feedback(stage=stage))


def main() -> None:
    """Run the node."""
    run(ControllerNode, threads=6)


if __name__ == "__main__":
    main()
