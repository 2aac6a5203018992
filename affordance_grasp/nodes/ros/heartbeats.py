"""Heartbeats: that a process hangs, was stopped or has ended is noticed within a moment.

DDS itself notices after 20 s that a process was killed, and never that one was stopped.
"""

from collections.abc import Callable
from threading import Event, Thread

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from unique_identifier_msgs.msg import UUID

PERIOD_S = 0.05
LEASE_S = 0.4
"""Silence after which a client is taken for gone: eight beats."""
BEAT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
CLOSE_S, POLL_S = 1.0, 0.1
NO_SERVICE = Parameter("start_type_description_service", value=False)


class Heartbeats:
    """The beats that a node sends and hears, in a thread that none of its work shares."""

    def __init__(self, node: Node) -> None:
        """Begin, on the topics as ``node`` resolves them; by steady time, whatever its clock."""
        self._resolve = node.resolve_topic_name
        self._node = Node(
            f"_{node.get_name()}_heartbeats",
            context=node.context,
            namespace=node.get_namespace(),
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
            parameter_overrides=[NO_SERVICE],
        )
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._node)
        self._closing = Event()
        self._thread = Thread(target=self._spin, name="heartbeats", daemon=True)
        self._thread.start()

    def send(self, topic: str, beat: Callable[[], bytes | None]) -> None:
        """Publish what ``beat`` returns, 16 bytes, every ``PERIOD_S``; nothing for None."""
        publisher = self._node.create_publisher(UUID, self._resolve(topic), BEAT)

        def send() -> None:
            if (now := beat()) is not None:
                publisher.publish(UUID(uuid=list(now)))

        self._node.create_timer(PERIOD_S, send, clock=self._steady)

    def hear(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Call ``take`` with every beat."""

        def hear(message: UUID) -> None:
            take(bytes(message.uuid))

        self._node.create_subscription(UUID, self._resolve(topic), hear, BEAT)

    def sent_by_another(self, topic: str) -> bool:
        """Whether any node sends beats on a topic."""
        return self._node.count_publishers(self._resolve(topic)) > 0

    def close(self) -> None:
        """Fall silent."""
        self._closing.set()
        self._thread.join(CLOSE_S)  # what is taken off a node that spins can break its executor
        self._executor.shutdown(CLOSE_S)
        self._node.destroy_node()

    def _spin(self) -> None:
        try:
            while not self._closing.is_set():
                self._executor.spin_once(POLL_S)
        except ExternalShutdownException:
            return  # as silent as after ``close``
