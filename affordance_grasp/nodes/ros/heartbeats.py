"""Heartbeats: that a process hangs, was stopped or has ended is noticed within a moment.

By default DDS notices after 20 s that a process was killed, and never that one was stopped. A beat
comes from Python, and may be late where the node computes; the liveliness of its topic comes from
a thread of DDS, which no work delays. A heart has stopped where both are silent.
"""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import LivelinessPolicy, QoSProfile, ReliabilityPolicy
from unique_identifier_msgs.msg import UUID

from affordance_grasp.nodes.ros.running import spin_until

PERIOD_S = 0.05
LEASE_S = 0.4
"""Silence of a stopped heart: eight beats."""
WATCH_S = 1.2
"""The same for who moves nothing, and so need not be the first to know."""
HANG_S = 1.8
"""Silence of a heart whose process lives on."""
BEAT = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=Duration(seconds=LEASE_S),
)
CLOSE_S = 1.0
NO_SERVICE = Parameter("start_type_description_service", value=False)


class Pulse:
    """A heart as another node hears it."""

    def __init__(self, lease_s: float = LEASE_S) -> None:
        """Not heard yet; ``lease_s`` of silence stop a heart whose process is silent too."""
        self._lease_s = lease_s
        self.heard, self.heard_s = False, 0.0
        self._alive = True

    def beat(self) -> None:
        """It is heard now."""
        self.heard, self.heard_s = True, monotonic()

    def live(self, alive: bool) -> None:
        """What DDS says of its process."""
        self._alive = alive

    @property
    def stopped(self) -> bool:
        """Whether it is silent; also where it was never heard."""
        silent_s = monotonic() - self.heard_s
        return silent_s > (HANG_S if self._alive else self._lease_s)


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
        self._thread = Thread(
            target=spin_until, args=(self._executor, self._closing), name="heartbeats", daemon=True
        )
        self._thread.start()

    def send(self, topic: str, beat: Callable[[], bytes]) -> None:
        """Publish what ``beat`` returns, 16 bytes, every ``PERIOD_S``."""
        publisher = self._node.create_publisher(UUID, self._resolve(topic), BEAT)

        def send() -> None:
            publisher.publish(UUID(uuid=list(beat())))

        self._node.create_timer(PERIOD_S, send, clock=self._steady)

    def hear(
        self, topic: str, take: Callable[[bytes], None], live: Callable[[bool], None]
    ) -> None:
        """Call ``take`` with every beat, ``live`` when a sender is lost or comes back."""

        def hear(message: UUID) -> None:
            take(bytes(message.uuid))

        self._node.create_subscription(
            UUID,
            self._resolve(topic),
            hear,
            BEAT,
            event_callbacks=SubscriptionEventCallbacks(
                liveliness=lambda change: live(change.not_alive_count == 0)
            ),
        )

    def sent_by_another(self, topic: str) -> bool:
        """Whether any node sends beats on a topic."""
        return self._node.count_publishers(self._resolve(topic)) > 0

    def close(self) -> None:
        """Fall silent."""
        self._closing.set()
        self._thread.join(CLOSE_S)
        self._executor.shutdown(CLOSE_S)
        self._node.destroy_node()
