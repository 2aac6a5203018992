"""What the fingers may hold, which a further grasp would drop, or take for the object to grasp."""

from threading import Condition

from rclpy.node import Node
from std_msgs.msg import String

from affordance_grasp.control.gripper import Gripper
from affordance_grasp.nodes.inputs.joints import JointMonitor
from affordance_grasp.nodes.ros.calls import LATCHED, Refused, listen, publish_to

TOPIC, RELEASE = "holding", "release"
UNKNOWN = "the fingers may hold something"
MOVED_M = 0.003
OPEN_M, SHUT_M = 0.0045, 0.003  # from the ends of the stroke
PERIOD_S, NEWS_S = 0.1, 0.5


class HeldObject:
    """Held from closing on, until the fingers are seen to open, or to close on nothing.

    The topic ``holding`` says what it is; an empty text says that the fingers are free. Fingers
    that are half closed from the beginning may hold something too.
    """

    def __init__(self, node: Node, gripper: Gripper, assume: bool) -> None:
        """With ``assume`` it is asked at first how the fingers stand."""
        self._gripper, self._assume = gripper, assume
        self._fingers = JointMonitor(node, (gripper.joint_name,))
        self._release = node.resolve_service_name(RELEASE)
        self._topic = publish_to(node, String, TOPIC, LATCHED)
        self._held_m: float | None = None
        self.now_holds("")
        node.create_timer(PERIOD_S, self._look)

    def now_holds(self, what: str) -> None:
        """Since now, in words; empty: nothing."""
        self._held_m = None
        self._what = what
        self._topic.publish(String(data=f"{what}; {self._how()}" if what else ""))

    def stays(self) -> None:
        """The fingers are where they hold it: it is released when they open from here."""
        self._held_m = self._width_m()

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
        now_m, held_m = self._width_m(), self._held_m
        if now_m is None:
            return
        shut = now_m < self._gripper.min_width_m + SHUT_M
        open_m = self._gripper.max_width_m - OPEN_M
        if self._assume:
            self._assume = False
            if now_m < open_m and not shut:
                self.now_holds(UNKNOWN)
                self.stays()
        elif held_m is not None:
            opened = now_m > min(open_m, held_m + MOVED_M)
            if opened or (shut and now_m < held_m - MOVED_M):
                self.now_holds("")

    def _width_m(self) -> float | None:
        with self._fingers.arrived:
            history = self._fingers.history
            if not history.received:
                return None
            return self._gripper.width_from_joint(float(history.newest[0]))


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
