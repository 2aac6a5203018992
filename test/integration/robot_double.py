"""Stands in for a robot behind ros2_control: a trajectory controller and a gripper controller.

Run as a process of its own, with real control_msgs: ``python robot_double.py FAULT [GRIPPER
[ROBOT_FILE]]``.
It plays trajectories ``RATE`` times as fast as they are meant. From the second motion on it has
the fault that it was started with. It prints what it was asked for, one line of JSON each.
"""

import json
import os
import sys
from threading import Event, Thread
from time import monotonic

import numpy as np
import rclpy
from control_msgs.action import FollowJointTrajectory, GripperCommand, ParallelGripperCommand
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState

from affordance_grasp.control.robot import load_robot
from affordance_grasp.share import DEFAULT_ROBOT

RATE, SLOW_RATE = 4.0, 0.05
TICK_S = 0.01
OBJECT_M = 0.03
CLOSED_RAD = 0.7929  # what the common Robotiq driver tells where the linkage is at 0.8
ARM_ACTION = "joint_trajectory_controller/follow_joint_trajectory"
GRIPPER_ACTION = "robotiq_gripper_controller/gripper_cmd"
GRIPPERS = {"ParallelGripperCommand": ParallelGripperCommand, "GripperCommand": GripperCommand}


def tell(**words) -> None:
    """One line for the test to read."""
    print(json.dumps(words), flush=True)


class RobotDouble(Node):
    """An arm at home, an open gripper with something 30 mm wide in front of it."""

    def __init__(self, fault: str, gripper: str, robot_file: str) -> None:
        super().__init__("robot_double")
        self._fault, self._robot = fault, load_robot(robot_file)
        names = self._robot.arm.joint_names
        # A controller lists joints as it likes.
        self._order = sorted(range(len(names)), key=names.__getitem__)
        self._names = [names[i] for i in self._order]
        self._q = self._robot.home_q[self._order]
        if fault == "elsewhere":
            self._q = self._q + 0.3
        self._finger = self._joint(self._robot.gripper.max_width_m)
        self._motions = 0
        self._silent = Event()
        group = ReentrantCallbackGroup()
        self._states = self.create_publisher(JointState, "joint_states", 10)
        self.create_timer(0.02, self._publish, callback_group=group)
        ActionServer(
            self,
            FollowJointTrajectory,
            ARM_ACTION,
            self._follow,
            goal_callback=self._judge,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
        )
        self._grips = GRIPPERS[gripper]
        ActionServer(
            self,
            self._grips,
            GRIPPER_ACTION,
            self._grip,
            callback_group=group,
        )
        self._greeting = self.create_timer(0.02, self._greet, callback_group=group)

    def _greet(self) -> None:
        """Ready once the controller's clients are matched: goals sent before that get lost."""
        actions = (ARM_ACTION, GRIPPER_ACTION)
        if all(self.count_clients(f"{action}/_action/send_goal") for action in actions):
            self._greeting.cancel()
            tell(event="ready")

    def _publish(self) -> None:
        if self._silent.is_set():
            return
        stamp = self.get_clock().now().to_msg()
        arm = JointState(name=self._names, position=self._q.tolist())
        gripper = JointState(name=[self._robot.gripper.joint_name], position=[self._finger])
        for message in (arm, gripper):
            message.header.stamp = stamp
            self._states.publish(message)

    def _judge(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        self._motions += 1
        tell(
            event="goal",
            joints=list(goal.trajectory.joint_names),
            tolerance=[goal.path_tolerance[0].position, goal.goal_tolerance[0].position],
            seconds=goal.trajectory.points[-1].time_from_start.sec,
        )
        return GoalResponse.REJECT if self._at_fault("reject") else GoalResponse.ACCEPT

    def _at_fault(self, fault: str) -> bool:
        return self._fault == fault and self._motions >= 2

    def _follow(self, handle) -> FollowJointTrajectory.Result:
        result = FollowJointTrajectory.Result()
        path = handle.request.trajectory
        columns = [path.joint_names.index(name) for name in self._names]
        times = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in path.points]
        positions = np.array([p.positions for p in path.points])[:, columns]
        begun, pause = monotonic(), Event()
        rate = SLOW_RATE if self._at_fault("slow") else RATE
        while (share := rate * (monotonic() - begun) / times[-1]) < 1 or self._endless():
            if handle.is_cancel_requested and not self._at_fault("deaf"):
                handle.canceled()
                tell(event="cancelled", share=share)
                return result
            if not self._at_fault("stuck"):
                now = min(share, 1.0) * times[-1]
                self._q = np.array([np.interp(now, times, column) for column in positions.T])
            if share > 0.3 and self._fails(handle, result):
                return result
            pause.wait(TICK_S)
        if not self._at_fault("stuck"):
            self._q = positions[-1]
        handle.succeed()
        return result

    def _endless(self) -> bool:
        return any(self._at_fault(fault) for fault in ("hang", "deaf", "silent"))

    def _fails(self, handle, result: FollowJointTrajectory.Result) -> bool:
        """Whether the motion ends here."""
        if self._at_fault("vanish"):
            os._exit(3)
        if self._at_fault("silent"):
            self._silent.set()
        if self._at_fault("abort"):
            result.error_code = FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
            result.error_string = "wrist1_joint path error 0.31"
            handle.abort()
            return True
        return False

    def _grip(self, handle):
        """Fingers take a while to begin; the answer comes at once, as from a hasty driver."""
        command = handle.request.command
        parallel = self._grips is ParallelGripperCommand
        asked = command.position[0] if parallel else command.position
        effort = command.effort[0] if parallel else command.max_effort
        touching, closes = self._joint(OBJECT_M), self._robot.gripper.closed_joint > 0
        end = min(asked, touching) if closes else max(asked, touching)
        tell(event="grip", position=asked, effort=effort)
        result = self._grips.Result(stalled=end != asked, reached_goal=end == asked)
        if parallel:
            result.state = JointState(position=[self._finger])
        else:
            result.position = self._finger
        Thread(target=self._close, args=(end,), daemon=True).start()
        handle.succeed()
        return result

    def _close(self, end: float) -> None:
        begun, start, pause = monotonic(), self._finger, Event()
        while (share := (monotonic() - begun) / 0.4) < 1:
            self._finger = start + max(0.0, share - 0.3) / 0.7 * (end - start)
            pause.wait(TICK_S)
        self._finger = end

    def _joint(self, width_m: float) -> float:
        """Of the fingers, as the driver scales it."""
        gripper = self._robot.gripper
        scale = CLOSED_RAD / gripper.closed_joint if gripper.closed_joint else 1.0
        return gripper.joint_from_width(width_m) * scale


def main() -> None:
    """Run until interrupted."""
    defaults = ("none", "ParallelGripperCommand", DEFAULT_ROBOT)
    fault, gripper, robot_file = (*sys.argv[1:], *defaults[len(sys.argv) - 1 :])
    rclpy.init()
    executor = MultiThreadedExecutor(6)
    executor.add_node(RobotDouble(fault, gripper, robot_file))
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        tell(event="ended")


if __name__ == "__main__":
    main()
