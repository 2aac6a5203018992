"""The simulated robot's driver: two actions, one for the arm and one for the gripper."""

from collections.abc import Callable, Iterator
from time import monotonic

import numpy as np
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from affordance_grasp.action import FollowTrajectory, MoveGripper
from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.motion.trajectory import resample, top_speed
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import JointTrajectory
from affordance_grasp.errors import InvalidInput, MotionFault
from affordance_grasp.nodes.arms.simulated_arm import FOLLOW, GRIP, ROBOT
from affordance_grasp.nodes.convert.conversions import to_trajectory
from affordance_grasp.nodes.ros.action_servers import Actions
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.simulation.cell.live_world import Ended, LiveWorld, Motion
from affordance_grasp.simulation.cell.world import World

START_TOLERANCE_RAD = 0.03
END_TOLERANCE_RAD = 0.01
SETTLE_S = 1.0
STALL_S = 0.2
STALL_M = 0.0004
WIDTH_TOLERANCE_M = 0.001
FEEDBACK_S = 0.05
POLL_S = 0.005
CHECK_S = 0.01
LONGEST_S = 300.0
SPEED_TOLERANCE = 1.02


class SimulatedDriver:
    """Serves ``follow_trajectory`` and ``move_gripper`` to one client at a time.

    A motion that its client cancels, or whose client falls silent, stops at once.
    """

    def __init__(
        self, node: Node, live: LiveWorld, robot: RobotConfig, group: CallbackGroup
    ) -> None:
        """Offer the two actions on a node whose callback group is reentrant."""
        self._live, self._robot = live, robot
        self._heartbeats = Heartbeats(node)
        self._actions = Actions(node, self._heartbeats, ROBOT)
        self._actions.serve(FollowTrajectory, FOLLOW, self._follow, group)
        self._actions.serve(MoveGripper, GRIP, self._grip, group)

    def close(self) -> None:
        """End all motions, then fall silent."""
        self._actions.leave()
        self._heartbeats.close()

    def _follow(self, handle: ServerGoalHandle, result: FollowTrajectory.Result) -> None:
        trajectory = to_trajectory(handle.request.trajectory)
        self._check_trajectory(trajectory)
        motion = self._start_arm(handle, trajectory)
        begun = self._live.ask(lambda world: world.time_s)
        for _ in self._while_wanted(handle, motion, self._stop_arm):
            elapsed_s = self._live.ask(lambda world: world.time_s) - begun
            if elapsed_s > trajectory.duration_s + SETTLE_S:
                motion.drop()
                self._stop_arm()
                raise MotionFault("the arm did not reach the end of the trajectory in time")
            handle.publish_feedback(FollowTrajectory.Feedback(elapsed_s=elapsed_s))

    def _check_trajectory(self, trajectory: JointTrajectory) -> None:
        arm = self._robot.arm
        if trajectory.joint_names != arm.joint_names:
            raise InvalidInput(f"trajectory joints must be {', '.join(arm.joint_names)}")
        if trajectory.duration_s > LONGEST_S:
            raise InvalidInput(
                f"the trajectory takes {trajectory.duration_s:.0f} s; at most {LONGEST_S:g} s"
            )
        positions, _ = resample(trajectory, CHECK_S)
        if not within_limits(arm, positions).all():
            raise InvalidInput("the trajectory leaves the joint limits")
        speed = top_speed(trajectory)
        fast = int(np.argmax(speed / arm.velocity))
        if speed[fast] > SPEED_TOLERANCE * arm.velocity[fast]:
            raise InvalidInput(
                f"the trajectory moves {arm.joint_names[fast]} at up to {speed[fast]:.3g} rad/s; "
                f"its limit is {arm.velocity[fast]:.3g} rad/s"
            )

    def _start_arm(self, handle: ServerGoalHandle, trajectory: JointTrajectory) -> Motion:
        """Check and start in one call of the world, so that one of two goals is refused."""
        goal_q = trajectory.positions[-1]

        def begin(world: World) -> None:
            if world.moving:
                raise InvalidInput("the arm is following another trajectory")
            gap = np.abs(world.joint_positions() - trajectory.positions[0]).max()
            if gap > START_TOLERANCE_RAD:
                raise InvalidInput(
                    f"the trajectory starts {gap:.3f} rad from where the arm is; "
                    f"at most {START_TOLERANCE_RAD} is allowed"
                )
            world.start_trajectory(trajectory)

        def arrived(world: World) -> bool:
            gap = np.abs(world.joint_positions() - goal_q).max()
            return not world.moving and bool(gap < END_TOLERANCE_RAD)

        return self._start(handle, begin, arrived)

    def _start(
        self, handle: ServerGoalHandle, begin: Callable[[World], None], ended: Ended
    ) -> Motion:
        """Begin what is still wanted in that moment: a busy machine may take it up late."""

        def begin_wanted(world: World) -> None:
            if why := self._actions.unwanted(handle):
                raise MotionFault(f"the motion was not begun: {why}")
            begin(world)

        return self._live.start(begin_wanted, ended)

    def _stop_arm(self) -> None:
        """Brake, and wait until the arm stands still."""
        stands = self._live.start(lambda world: world.stop_arm(), lambda world: not world.moving)
        stands.wait(SETTLE_S)

    def _grip(self, handle: ServerGoalHandle, result: MoveGripper.Result) -> None:
        goal = handle.request
        width_m, force_n = float(goal.width_m), float(goal.force_n)
        if not np.isfinite(width_m):
            raise InvalidInput(f"gripper width must be a finite length, not {width_m} m")

        def stop() -> None:
            self._live.ask(lambda w: w.set_gripper_target(w.gripper_width_m(), force_n))

        motion = self._start(
            handle, lambda world: world.set_gripper_target(width_m, force_n), _fingers_rest()
        )
        for _ in self._while_wanted(handle, motion, stop):
            now_m = self._live.ask(World.gripper_width_m)
            handle.publish_feedback(MoveGripper.Feedback(width_m=now_m))
        result.width_m = self._live.ask(World.gripper_width_m)
        clamped_m = self._robot.gripper.clamp_width(width_m)
        result.stalled = abs(result.width_m - clamped_m) > WIDTH_TOLERANCE_M

    def _while_wanted(
        self, handle: ServerGoalHandle, motion: Motion, stop: Callable[[], None]
    ) -> Iterator[None]:
        """Iterate whenever feedback is due until the motion is over; stop it when unwanted."""
        due = monotonic() + FEEDBACK_S
        while not motion.wait(POLL_S):
            if why := self._actions.unwanted(handle):
                motion.drop()
                stop()
                raise MotionFault(f"the motion was ended: {why}")
            if monotonic() >= due:
                due = monotonic() + FEEDBACK_S
                yield


def _fingers_rest() -> Ended:
    """A function: whether the fingers have been still for ``STALL_S``."""
    since: list[tuple[float, float]] = []

    def rest(world: World) -> bool:
        now_s, width_m = world.time_s, world.gripper_width_m()
        if not since or abs(width_m - since[-1][1]) > STALL_M:
            since[:] = [(now_s, width_m)]
        return now_s - since[-1][0] >= STALL_S

    return rest
