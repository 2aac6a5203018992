"""A page in the browser beside the graph: what is seen and planned, *pick* and *stop*.

It asks the selector as any client does; nothing is decided here.
"""

from contextlib import ExitStack, suppress
from threading import Condition, Event

from action_msgs.srv import CancelGoal
from rclpy.node import Node

from affordance_grasp.action import AffordanceGrasp
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput, MotionFault
from affordance_grasp.msg import GraspDecision
from affordance_grasp.nodes.convert.grasp_messages import to_plan
from affordance_grasp.nodes.convert.images import to_color
from affordance_grasp.nodes.inputs.camera_pose import CAMERA_POSES
from affordance_grasp.nodes.inputs.frames import FrameStream, StampedFrame
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.inputs.known_obstacles import KnownObstacles
from affordance_grasp.nodes.parameters import ViewParameters
from affordance_grasp.nodes.ros.calls import LATCHED, NoAnswer, listen
from affordance_grasp.nodes.ros.goals import ActionClient, Goals
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import Lease
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.report.figures import RgbImage
from affordance_grasp.view.page import serve
from affordance_grasp.view.planned import ArmPose, Planned, with_motion
from affordance_grasp.view.work_cell import ArmState, Moves, Sight, Tell

GRASP_TIMEOUT_S = 200.0
ACCEPT_TIMEOUT_S = 20.0
DECISION_S = 5.0
STOPPED = ("grasp", "execute")
"""Actions of which *stop* cancels every goal, whoever sent it."""


class LiveCell:
    """The graph as the page's work cell."""

    def __init__(self, node: Node, p: ViewParameters) -> None:
        """Subscribe to camera, joints and decisions; become a client of the selector."""
        self.robot, self.moves = load_robot(p.robot_file), Moves[p.moves.upper()]
        self.title = f"live, {self.moves.value}"
        self._timeout_s = p.frame_timeout_s
        self._newest: StampedFrame | None = None
        self._frames = FrameStream(node, self._see)
        self._joints = JointMonitor(node, self.robot.arm.joint_names)
        self._fingers = JointMonitor(node, (self.robot.gripper.joint_name,))
        locate = CAMERA_POSES[p.camera_pose]
        self._camera = locate(node, self.robot, self._joints, p.pose_timeout_s)
        self._obstacles = KnownObstacles(node)
        self._heartbeats = Heartbeats(node)
        lease = Lease(self._heartbeats, "grasp")
        self._grasp = ActionClient(node, AffordanceGrasp, "grasp", lease)
        self._cancels = [
            node.create_client(CancelGoal, f"{name}/_action/cancel_goal") for name in STOPPED
        ]
        self._stopped = Event()
        self._goals = Goals(self._check, ACCEPT_TIMEOUT_S)
        self._decided = Condition()
        self._decision: GraspDecision | None = None
        listen(node, GraspDecision, "decision", self._take, LATCHED)

    def look(self) -> Sight:
        """The next frame of the camera."""
        stamped = self._frames.next(self._timeout_s)
        return Sight(stamped.frame(), ArmPose(self._joints.now(), self._camera.at(stamped.header)))

    def plan(self, query: str, tell: Tell) -> Planned:
        """A dry run of the selector and the controller; what was decided, if anything was."""
        with self._decided:
            before = self._decision
        result = self._ask(query, True, tell)
        with self._decided:
            new = self._decided.wait_for(lambda: self._decision is not before, DECISION_S)
            decision = self._decision
        if not new or decision is None:
            raise NoAnswer(result.message or "the selector published no decision")
        header, pose = decision.color.header, None
        with suppress(NoAnswer):  # a plan that took long: where its image was taken is forgotten
            pose = ArmPose(self._joints.now(), self._camera.at(header))
        plan = to_plan(decision, self._obstacles.of(header.stamp, self.robot.settings.base_frame))
        if not result.success:
            return Planned(self.robot, query, plan, pose, why_no_pick=result.message)
        return with_motion(self.robot, query, plan, pose)

    def pick(self, planned: Planned, tell: Tell) -> str:
        """Have it grasped: the selector looks once more, and decides by that."""
        if self.moves is Moves.NOTHING:
            raise InvalidInput("this graph moves nothing: dry_run, or robot:=none")
        result = self._ask(planned.query, False, tell)
        if not result.success:
            raise MotionFault(result.message)
        return str(result.message)

    def stop(self) -> None:
        """Cancel every goal of the selector and of the controller, whoever sent it."""
        self._stopped.set()
        for client in self._cancels:
            client.call_async(CancelGoal.Request())  # the zero id and stamp mean all goals

    def state(self) -> ArmState | None:
        """Where the arm is; None while its joints are not known."""
        if self._joints.complaint():
            return None
        gripper = self.robot.gripper
        known = not self._fingers.complaint()
        joint = float(self._fingers.history.newest[0]) if known else None
        width_m = gripper.max_width_m if joint is None else gripper.width_from_joint(joint)
        return ArmState(self._joints.history.newest, width_m)

    def picture(self) -> RgbImage | None:
        """The newest colour image; one that cannot be read is told of by ``look``."""
        newest, self._newest = self._newest, None
        with suppress(InvalidInput):
            return None if newest is None else to_color(newest.color)
        return None

    def close(self) -> None:
        """Let go of the selector."""
        self._heartbeats.close()

    def _ask(self, query: str, dry_run: bool, tell: Tell) -> AffordanceGrasp.Result:
        self._stopped.clear()
        try:
            return self._goals.run(
                self._grasp,
                AffordanceGrasp.Goal(query=query, dry_run=dry_run),
                GRASP_TIMEOUT_S,
                "the grasp",
                lambda feedback: tell(f"{feedback.stage} {feedback.detail}".strip()),
            ).result
        finally:
            self._goals.end()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise MotionFault("stopped on request")

    def _see(self, stamped: StampedFrame) -> None:
        self._newest = stamped

    def _take(self, message: GraspDecision) -> None:
        with self._decided:
            self._decision = message
            self._decided.notify_all()


class ViewNode(Node):
    """Serves the page as long as it lives."""

    def __init__(self) -> None:
        """Serve it; the address, and the token where one is asked for, are logged."""
        super().__init__("view")
        p = declare(self, ViewParameters)
        cell = LiveCell(self, p)
        self._served = ExitStack()
        address = self._served.enter_context(serve(p.host, p.port, lambda: cell))
        self.get_logger().info(f"open {address} in a browser")

    def close(self) -> None:
        """Stop what this page began."""
        self._served.close()


def main() -> None:
    """Run the node."""
    run(ViewNode, threads=6)


if __name__ == "__main__":
    main()
