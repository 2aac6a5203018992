"""The simulated work cell as a robot and a camera on ROS: topics, actions, verdict, reset."""

from collections.abc import Callable

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import MotionFault
from affordance_grasp.nodes.arms.simulated_driver import SimulatedDriver
from affordance_grasp.nodes.convert.images import from_color
from affordance_grasp.nodes.inputs.frames import FramePublisher
from affordance_grasp.nodes.parameters import SimulatorParameters
from affordance_grasp.nodes.ros.calls import publish_to, serve
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run
from affordance_grasp.replay.bags.recorder import CLOSE_BAG_S, BagRecorder
from affordance_grasp.replay.bags.world_recorder import record_joints
from affordance_grasp.simulation.cell.clutter import random_neighbours
from affordance_grasp.simulation.cell.live_world import LiveWorld
from affordance_grasp.simulation.cell.observer import Observer
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.render_thread import ImageFeed, RenderThread, Snapshot
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.dataset.functional_parts import functional_parts, serving_parts
from affordance_grasp.simulation.objects import make_object
from affordance_grasp.srv import JudgePick, ResetSimulation


class SimulatorNode(Node):
    """Publishes the topics of the robot's and the camera's drivers, and executes commands."""

    def __init__(self) -> None:
        """Make the world and offer everything."""
        super().__init__("simulator")
        self._settings = p = declare(self, SimulatorParameters)
        self._robot = load_robot(p.robot_file)
        self._publish_to_topics()
        self._recorder: BagRecorder | None = None
        first = self._world_maker(p.object, p.seed, p.pose_seed)
        self._rendering = RenderThread(self._feeds(), lambda: self.get_clock().now().nanoseconds)
        self._live = LiveWorld(first, self._publish, p.speed)
        # The database of a bag belongs to the thread that opened it, as renderers do.
        self._recorder = self._live.ask(lambda world: self._open_bag())
        group = ReentrantCallbackGroup()
        self._driver = SimulatedDriver(self, self._live, self._robot, group)
        serve(self, ResetSimulation, "~/reset", self._reset, group)
        serve(self, JudgePick, "~/judge", self._judge, group)
        self.create_timer(1.0, self._check, callback_group=group)
        self.get_logger().info(f"a {p.object} stands on the table")

    def close(self) -> None:
        """End all motions, finish the image and the bag, and stop the world."""
        self._driver.close()
        self._rendering.close()
        recorder, self._recorder = self._recorder, None
        if recorder is not None and self._live.alive:
            self._live.ask(lambda world: recorder.close(), CLOSE_BAG_S)
        self._live.close()

    def _open_bag(self) -> BagRecorder | None:
        p = self._settings
        return BagRecorder(p.record, p.record_storage) if p.record else None

    def _check(self) -> None:
        if not (self._live.alive and self._rendering.alive):
            raise MotionFault("the simulation stopped by a fault of its own")

    def _world_maker(self, family: str, seed: int, pose_seed: int) -> Callable[[], World]:
        """Make the object first, so that an unknown name changes nothing."""
        household_object = make_object(family, seed)
        placement, count = random_placement(pose_seed), self._settings.neighbours
        neighbours = random_neighbours(self._robot, household_object, placement, pose_seed, count)
        return lambda: World(
            self._robot, household_object, placement, pose_seed, neighbours=neighbours
        )

    def _publish_to_topics(self) -> None:
        # Reliable, as the vendor's drivers publish; best-effort subscribers can read it too.
        self._frames = FramePublisher(self, QoSProfile(depth=2))
        self._photo = publish_to(self, Image, "outside/image_raw", qos_profile_sensor_data)
        self._joints = publish_to(self, JointState, "joint_states")

    def _feeds(self) -> tuple[ImageFeed, ImageFeed]:
        photo, p = self._photo, self._settings
        frames = ImageFeed(p.camera_rate_hz, self._frames.watched, self._publish_frame)
        photos = ImageFeed(
            p.photo_rate_hz, lambda: photo.get_subscription_count() > 0, self._publish_photo
        )
        return frames, photos

    # In the world's thread.

    def _publish(self, world: World) -> None:
        self._publish_joints(world)
        self._rendering.offer(world)

    def _publish_joints(self, world: World) -> None:
        """Arm and gripper in separate messages, as their drivers do."""
        now = self.get_clock().now()
        if self._recorder is not None:
            record_joints(self._recorder, world, now.nanoseconds)
        header = Header(stamp=now.to_msg())
        arm = JointState(header=header, name=list(world.robot.arm.joint_names))
        arm.position = world.joint_positions().tolist()
        arm.velocity = world.joint_velocities().tolist()
        self._joints.publish(arm)
        gripper = JointState(header=header, name=[world.robot.gripper.joint_name])
        gripper.position = [world.gripper_joint()]
        self._joints.publish(gripper)

    # In the rendering thread.

    def _publish_frame(self, observer: Observer, snapshot: Snapshot) -> None:
        stamp = Time(nanoseconds=snapshot.stamp_ns).to_msg()
        header = Header(stamp=stamp, frame_id=self._robot.hand_eye.camera_frame)
        frame = observer.observe(snapshot.state)
        self._frames.publish(frame, header)
        if (recorder := self._recorder) is not None:
            parts = serving_parts(snapshot.world.household_object.family)
            masks = observer.part_masks(snapshot.state, parts)
            self._live.ask(
                lambda _: recorder.frame(snapshot.stamp_ns, frame, header.frame_id, masks)
            )

    def _publish_photo(self, observer: Observer, snapshot: Snapshot) -> None:
        stamp = Time(nanoseconds=snapshot.stamp_ns).to_msg()
        photo = observer.photo(snapshot.state, self._settings.photo_width, "cell")
        self._photo.publish(from_color(photo, Header(stamp=stamp, frame_id="outside")))

    # Services.

    def _reset(self, request: ResetSimulation.Request, response: ResetSimulation.Response) -> None:
        maker = self._world_maker(request.object, request.seed, request.pose_seed)
        self._live.replace(maker)
        self.get_logger().info(f"a {request.object} stands on the table")

    def _judge(self, request: JudgePick.Request, response: JudgePick.Response) -> None:
        family, outcome = self._live.ask(
            lambda world: (world.household_object.family, world.outcome())
        )
        parts = functional_parts(request.affordance, family)
        response.lifted = outcome.lifted
        response.height_m = outcome.height_m
        response.held = outcome.held
        response.parts_held = list(outcome.parts_held)
        response.functional = outcome.held_by(parts)


def main() -> None:
    """Run the node."""
    run(SimulatorNode, threads=6)


if __name__ == "__main__":
    main()
