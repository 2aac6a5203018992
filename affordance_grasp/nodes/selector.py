"""Selects a grasp and has it executed: frame, heatmap, candidates, ranking."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Semaphore

from geometry_msgs.msg import PoseStamped
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from affordance_grasp.action import AffordanceGrasp, ExecuteGrasp
from affordance_grasp.choice.families import load_recogniser
from affordance_grasp.control.motion.pick import reach_from
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import sentence
from affordance_grasp.msg import GraspDecision, SelectedGrasp
from affordance_grasp.nodes.arms.held_object import HeldObjectMonitor
from affordance_grasp.nodes.check_camera import report_camera
from affordance_grasp.nodes.convert.columns import from_obstacles
from affordance_grasp.nodes.convert.grasp_messages import from_best, from_decision, from_timings
from affordance_grasp.nodes.convert.markers import grasp_markers
from affordance_grasp.nodes.inputs.camera_pose import CAMERA_POSES
from affordance_grasp.nodes.inputs.described_robot import DescribedRobot
from affordance_grasp.nodes.inputs.frames import FrameStream
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.inputs.known_obstacles import OBSTACLES
from affordance_grasp.nodes.inputs.remote import RemoteServices, ServedFrame
from affordance_grasp.nodes.parameters import SelectorParameters
from affordance_grasp.nodes.ros.action_servers import ExclusiveAction, Stages
from affordance_grasp.nodes.ros.calls import LATCHED, Refused, publish_to, serve
from affordance_grasp.nodes.ros.diagnostics import Diagnostics, Health, health_of
from affordance_grasp.nodes.ros.goals import ActionClient, Goals
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import Lease
from affordance_grasp.nodes.ros.parameters import LiveParameters
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.pipeline import GraspPlan, check_confidence, plan_grasps
from affordance_grasp.srv import SelectGrasp

EXECUTION_TIMEOUT_S = 180.0
WAITING = 3
OWN_STAGES = ("look", "decide", "selected")


@dataclass(frozen=True)
class Decision:
    """A plan and its best grasp in the base frame."""

    message: GraspDecision
    plan: GraspPlan
    grasp: SelectedGrasp


class SelectorNode(Node):
    """Offers the service ``select`` and the action ``grasp``."""

    def __init__(self) -> None:
        """Subscribe to camera and joints; offer the service and the action."""
        super().__init__("selector")
        self._live = LiveParameters(self, SelectorParameters)
        p = self._live.now
        self._robot = load_robot(p.robot_file)
        self._recogniser = load_recogniser()
        self._frames = FrameStream(self)
        camera_frame = self._robot.hand_eye.camera_frame
        self._check = report_camera(self, self._frames, camera_frame, p.camera_patience_s)
        self._joints = JointMonitor(self, self._robot.arm.joint_names)
        self._described = DescribedRobot(self, self._robot)
        self._held = HeldObjectMonitor(self)
        locate = CAMERA_POSES[p.camera_pose]
        self._camera = locate(self, self._robot, self._joints, p.pose_timeout_s)
        self._selected = publish_to(self, PoseStamped, "selected_grasp", LATCHED)
        self._markers = publish_to(self, MarkerArray, "grasp_markers", LATCHED)
        self._decision = publish_to(self, GraspDecision, "decision", LATCHED)
        self._obstacles = publish_to(self, PointCloud2, OBSTACLES, LATCHED)
        self._goals = Goals()
        self._remote = RemoteServices(self, p.service_timeout_s, self._goals.check)
        in_order = MutuallyExclusiveCallbackGroup()  # or stages overtake each other
        self._heartbeats = Heartbeats(self)
        lease = Lease(self._heartbeats, "execute")
        self._execute = ActionClient(self, ExecuteGrasp, "execute", lease, callback_group=in_order)
        # Each call that waits for its turn holds a thread, and a cancellation needs one too.
        self._room, self._turn = Semaphore(WAITING), Lock()
        serve(self, SelectGrasp, "select", self._select, ReentrantCallbackGroup())
        self._action = ExclusiveAction(
            self, self._heartbeats, AffordanceGrasp, "grasp", self._grasp
        )
        Diagnostics(self, "grasps", self._health)
        self.get_logger().info(f"rule {p.rule}: grasps can be asked for")

    def close(self) -> None:
        """Cancel the controller's goal, and say so to the client."""
        self._action.leave()
        self._heartbeats.close()

    def _health(self) -> Health:
        described, joints = (lambda: self._described.robot), self._joints.check
        return health_of((self._check.check, joints, described, self._remote.check))

    def _select(self, request: SelectGrasp.Request, response: SelectGrasp.Response) -> None:
        if not self._room.acquire(blocking=False):
            raise Refused("select is busy with other calls; try again")
        try:
            with self._turn:
                decision = self._decide(request.query, lambda stage: None)
        finally:
            self._room.release()
        response.selection = decision.message.selection
        response.grasp = decision.grasp

    def _grasp(self, handle: ServerGoalHandle, result: AffordanceGrasp.Result) -> None:
        stages = Stages(lambda stage: self._tell(handle, stage, ""))
        self._goals.begin(lambda: self._action.unwanted(handle))
        try:
            decision = self._decide(handle.request.query, stages)
            result.selection = decision.message.selection
            result.grasp = decision.grasp
            self._tell(handle, "selected", _described(decision))
            dry_run = handle.request.dry_run
            if dry_run and not self._execute.server_is_ready():
                result.message = f"dry run without a controller: {_described(decision)}"
                return
            executed = self._goals.send(
                self._execute,
                ExecuteGrasp.Goal(grasp=decision.grasp, dry_run=dry_run),
                EXECUTION_TIMEOUT_S,
                "executing the grasp",
                lambda feedback: stages(feedback.stage),
            )
            result.final_width_m = executed.final_width_m
            result.message = executed.message
            if dry_run:
                result.message += f"; {_described(decision)}"
        finally:
            self._goals.end()
            result.timings = from_timings(stages.timings_s())

    def _decide(self, query: str, tell: Callable[[str], None]) -> Decision:
        """Observe once and decide; raises when no grasp can be executed."""
        self._held.check()  # or the object in the hand would be taken for one on the table
        tell("look")
        p = self._live.now
        self._remote.refuse_unknown(query)
        self._joints.await_first()  # before the image that they are to be known for
        stamped = self._frames.next(p.frame_timeout_s)
        T_base_cam = self._camera.at(stamped.header)
        frame = stamped.frame()
        self._goals.check()
        tell("decide")
        max_width_m = self._robot.gripper.max_width_m
        served = ServedFrame(self._remote, stamped, self._robot)
        plan = plan_grasps(
            frame,
            query,
            served,
            served,
            rule=p.rule,
            reach=reach_from(self._described.robot, self._joints.now(), T_base_cam),
            max_width_m=max_width_m,
            seed=p.seed,
            recogniser=self._recogniser,
        )
        base = Header(stamp=stamped.header.stamp, frame_id=self._robot.settings.base_frame)
        for reason, count in plan.candidates.left_out.items():
            of = plan.candidates.examined
            self.get_logger().info(f"left out of {of} hand poses, {reason}: {count}")
        if plan.obstacles is not None:
            self._obstacles.publish(from_obstacles(plan.obstacles, base))
        message = from_decision(plan, stamped)
        self._decision.publish(message)
        self._markers.publish(grasp_markers(plan.selection, stamped.header))
        check_confidence(plan.heatmap, p.min_confidence)
        if plan.best is None:
            raise Refused(plan.refusal)
        grasp = from_best(plan.best, T_base_cam, base)
        self._selected.publish(PoseStamped(header=base, pose=grasp.pose))
        return Decision(message, plan, grasp)

    def _tell(self, handle: ServerGoalHandle, stage: str, detail: str) -> None:
        if stage in OWN_STAGES:  # the controller logs its own
            self.get_logger().info(sentence(f"{stage} {detail}"))
        handle.publish_feedback(AffordanceGrasp.Feedback(stage=stage, detail=detail))


def _described(decision: Decision) -> str:
    p, grasp = decision.grasp.pose.position, decision.grasp
    return (
        f"{decision.plan.heatmap.affordance}, {decision.plan.object}: "
        f"grasp at ({p.x:.3f}, {p.y:.3f}, {p.z:.3f}) m, "
        f"{grasp.width_m * 1e3:.0f} mm wide, heatmap {grasp.heat:.2f}, "
        f"quality {grasp.quality:.2f}, first of {len(decision.plan.selection.ranked)}"
    )


def main() -> None:
    """Run the node."""
    run(SelectorNode, threads=8)


if __name__ == "__main__":
    main()
