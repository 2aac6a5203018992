"""What a node finds wrong with itself and with what it needs, on ``/diagnostics``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header

from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.nodes.ros.calls import publish_to

DIAGNOSTICS = "/diagnostics"
PERIOD_S = 1.0
READY = "ready"
STEADY = Clock(clock_type=ClockType.STEADY_TIME)


@dataclass(frozen=True)
class Health:
    """One sentence, how bad it is (a level of ``DiagnosticStatus``), and the figures behind it."""

    sentence: str = READY
    level: bytes = DiagnosticStatus.OK
    figures: Mapping[str, object] = field(default_factory=dict)
    hardware: str = ""


class Diagnostics:
    """Publishes a node's health once per second, by the machine's clock."""

    def __init__(self, node: Node, what: str, health: Callable[[], Health]) -> None:
        """``health`` tells it; what it raises ends the node."""
        self._node, self._what, self._health = node, what, health
        self._publisher = publish_to(node, DiagnosticArray, DIAGNOSTICS)
        group = MutuallyExclusiveCallbackGroup()
        node.create_timer(PERIOD_S, self._publish, group, clock=STEADY)

    def _publish(self) -> None:
        health = self._health()
        figures = [KeyValue(key=key, value=str(value)) for key, value in health.figures.items()]
        status = DiagnosticStatus(
            level=health.level,
            name=f"{self._node.get_fully_qualified_name().lstrip('/')}: {self._what}",
            message=health.sentence,
            hardware_id=health.hardware,
            values=figures,
        )
        now = Header(stamp=self._node.get_clock().now().to_msg())
        self._publisher.publish(DiagnosticArray(header=now, status=[status]))


def health_of(
    checks: Iterable[Callable[[], object]], figures: Mapping[str, object] | None = None
) -> Health:
    """An error with the sentences of all checks that raise one of this package's errors."""
    complaints = []
    for check in checks:
        try:
            check()
        except AffordanceGraspError as error:
            complaints.append(str(error))
    sentence = "; ".join(complaints) or READY
    level = DiagnosticStatus.ERROR if complaints else DiagnosticStatus.OK
    return Health(sentence, level, figures or {})
