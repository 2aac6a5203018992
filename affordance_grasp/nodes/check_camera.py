"""Checks the camera's topics and prints every fault with its remedy.

    ros2 run affordance_grasp check_camera
    ros2 run affordance_grasp check_camera --ros-args -r __ns:=/camera/camera

The selector checks once when it starts; this program checks whenever it is called.
"""

import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo

from affordance_grasp.camera.faults import CameraTopics, TopicStatus, camera_faults
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, INFO, FrameStream
from affordance_grasp.nodes.parameters import CheckCameraParameters
from affordance_grasp.nodes.ros.calls import NoAnswer, node_name
from affordance_grasp.nodes.ros.diagnostics import STEADY
from affordance_grasp.nodes.ros.parameters import declare

PERIOD_S = 0.5
SILENCE_S = 5.0

OnResult = Callable[[list[str]], None]


class CameraCheck:
    """Checks repeatedly until frames are usable or patience ends, then reports the faults."""

    def __init__(
        self,
        node: Node,
        frames: FrameStream,
        camera_frame: str,
        patience_s: float,
        on_result: OnResult,
    ) -> None:
        """Begin to check.

        Args:
            node: whose topics; its names and remappings count.
            frames: what arrives there.
            camera_frame: the calibrated optical frame.
            patience_s: how long faults may last while the nodes start [s].
            on_result: called once with the faults, which may be none.
        """
        self._node, self._frames, self._camera_frame = node, frames, camera_frame
        self._on_result = on_result
        self._left = max(1, round(patience_s / PERIOD_S))
        # By the machine's clock: a bag's is constant until the bag is played.
        self._timer = node.create_timer(PERIOD_S, self._look, clock=STEADY)

    def view(self) -> CameraTopics:
        """The present state of the topics."""
        color, depth, info = (self._topic(topic) for topic in (COLOR, DEPTH, INFO))
        return CameraTopics(color, depth, info, self._camera_frame)

    def check(self) -> None:
        """Raise the first fault of the topics as they are now, silence included."""
        for fault in camera_faults(self.view()):
            raise InvalidInput(fault)
        now_ns = self._node.get_clock().now().nanoseconds
        for topic in (COLOR, DEPTH):
            silent_s = (now_ns - self._frames.latest()[topic].arrived_ns) * 1e-9
            if silent_s > SILENCE_S:
                raise NoAnswer(f"nothing has arrived on {topic} for {silent_s:.0f} s")

    def _look(self) -> None:
        faults = camera_faults(self.view())
        self._left -= 1
        if faults and self._left > 0:
            return
        self._timer.cancel()
        self._on_result(faults)

    def _topic(self, topic: str) -> TopicStatus:
        name = self._node.resolve_topic_name(topic)
        offered = self._node.get_publishers_info_by_topic(name)
        wanted = self._node.get_subscriptions_info_by_topic(name)
        arrival = self._frames.latest().get(topic)
        return TopicStatus(
            name=name,
            types=tuple(dict.fromkeys(end.topic_type for end in offered)),
            publishers=tuple(node_name(end) for end in offered),
            mismatches=tuple(
                sentence
                for publisher in offered
                for reader in wanted
                if (sentence := _mismatch(name, publisher, reader))
            ),
            message=arrival.message if arrival else None,
            arrived_s=arrival.arrived_ns * 1e-9 if arrival else 0.0,
        )


def report_camera(
    node: Node, frames: FrameStream, camera_frame: str, patience_s: float
) -> CameraCheck:
    """Check while the nodes start; the result goes to the node's log."""

    def report(faults: list[str]) -> None:
        for fault in faults:
            node.get_logger().warning(f"camera: {fault}")
        if not faults:
            node.get_logger().info("camera: frames can be used")

    return CameraCheck(node, frames, camera_frame, patience_s, report)


def _mismatch(topic: str, publisher: TopicEndpointInfo, reader: TopicEndpointInfo) -> str:
    """The QoS conflict as a sentence; empty where there is none."""
    fits, reason = qos_check_compatible(publisher.qos_profile, reader.qos_profile)
    if fits != QoSCompatibility.ERROR:
        return ""
    return (
        f"{node_name(reader)} gets nothing of {topic} from {node_name(publisher)}, whose QoS "
        f"does not fit ({reason.removeprefix('ERROR: ').rstrip('; ')}); let it read best effort "
        "and volatile"
    )


def check(node: Node) -> list[str]:
    """Check until frames are usable or the parameter's patience ends; return the faults."""
    parameters = declare(node, CheckCameraParameters)
    camera_frame = load_robot(parameters.robot_file).hand_eye.camera_frame
    results: list[list[str]] = []
    CameraCheck(node, FrameStream(node), camera_frame, parameters.patience_s, results.append)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    while not results:
        executor.spin_once(PERIOD_S)
    return results[0]


def main() -> None:
    """Run the program: exit code 0 when frames can be used, 1 with the faults, 2 on bad input."""
    rclpy.init(args=sys.argv)
    node = Node("check_camera")
    try:
        faults = check(node)
    except AffordanceGraspError as error:
        print(f"check_camera: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    for fault in faults:
        print(f"check_camera: {fault}", file=sys.stderr)
    if not faults:
        print("check_camera: frames can be used")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
