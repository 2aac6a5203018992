"""What the fingers may hold, which a further grasp would drop, or take for the object to grasp."""

from threading import Condition

from rclpy.node import Node
from std_msgs.msg import String

from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import LATCHED, Refused, listen, publish_to

TOPIC, RELEASE = "holding", "release"
UNKNOWN = "the fingers may hold something"
MOVED_RAD = 0.03
OPEN_RAD, SHUT_SHARE = 0.05, 0.97
PERIOD_S, NEWS_S = 0.1, 0.5


class HeldObject:
    """Held from closing on, until the fingers are seen to open, or to close on nothing.

    The topic ``holding`` says what it is; an empty text says that the fingers are free. Fingers
    that are half closed from the beginning may hold something too.
    """

    def __init__(self, node: Node, gripper: GripperProfile, assume: bool) -> None:
        """With ``assume`` it is asked at first how the fingers stand."""
        self._gripper, self._assume = gripper, assume
        self._fingers = JointMonitor(node, (gripper.knuckle_joint,))
        self._release = node.resolve_service_name(RELEASE)
        self._topic = publish_to(node, String, TOPIC, LATCHED)
        self._held_rad: float | None = None
        self.now_holds("")
        node.create_timer(PERIOD_S, self._look)

    def now_holds(self, what: str) -> None:
        """Since now, in words; empty: nothing."""
        self._held_rad = None
        self._what = what
        self._topic.publish(String(data=f"{what}; {self._how()}" if what else ""))

    def stays(self) -> None:
        """The fingers are where they hold it: it is released when they open from here."""
        self._held_rad = self._knuckle_rad()

    def check(self) -> None:
        """Raise :class:`Refused` where something may be held, with how to release it."""
        self._look()
        if self._what:
            raise Refused(f"{self._what}; {self._how()}")

    def _how(self) -> str:
        return (
            "take hold of it, then open the fingers where the arm stands: ros2 action send_goal "
            f"{self._release} affordance_grasp/action/MoveGripper {{}}"
        )

    def _look(self) -> None:
        now_rad, held_rad = self._knuckle_rad(), self._held_rad
        if now_rad is None:
            return
        shut = now_rad > SHUT_SHARE * self._gripper.max_knuckle_rad
        if self._assume:
            self._assume = False
            if now_rad > OPEN_RAD and not shut:
                self.now_holds(UNKNOWN)
                self.stays()
        elif held_rad is not None:
            opened = now_rad < max(OPEN_RAD, held_rad - MOVED_RAD)
            if opened or (shut and now_rad > held_rad + MOVED_RAD):
                self.now_holds("")

    def _knuckle_rad(self) -> float | None:
        with self._fingers.arrived:
            history = self._fingers.history
            return float(history.newest[0]) if history.received else None


class HeldObjectMonitor:
    """The same as another node hears of it."""

    def __init__(self, node: Node) -> None:
        """Nothing is held as long as nobody says so."""
        self._said, self._news = "", Condition()
        listen(node, String, TOPIC, self._take, LATCHED)

    def check(self) -> None:
        """As :meth:`HeldObject.check`, of which the news may come a moment later."""
        with self._news:
            if not self._news.wait_for(lambda: not self._said, NEWS_S):
                raise Refused(self._said)

    def _take(self, message: String) -> None:
        with self._news:
            self._said = message.data
            self._news.notify_all()
