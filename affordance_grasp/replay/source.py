"""The frames of a bag in order, each with the pose of the camera where the bag knows it."""

from collections.abc import Iterator
from dataclasses import dataclass

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.replay.bags.bag import Bag, RawMessage, decode
from affordance_grasp.replay.bags.headers import Header, read_header
from affordance_grasp.replay.bags.topics import Topics
from affordance_grasp.streams.history import JointHistory, TransformHistory
from affordance_grasp.streams.pairing import Losses, Pairer, RawFrame

WARM_UP_NS = 2_000_000_000


@dataclass(frozen=True)
class View:
    """Where the camera was: ``T_base_cam`` (4, 4), joint angles ``q`` (J,) [rad], and by what.

    ``source`` is ``joint_states`` (hand-eye and forward kinematics) or ``tf``, whose joint angles
    are those of home because tf does not tell them.
    """

    T_base_cam: Floats
    q: Floats
    source: str


@dataclass(frozen=True)
class NumberedFrame:
    """A frame and its place among all frames of the bag, from 0."""

    index: int
    raw: RawFrame
    view: View | None


@dataclass(frozen=True)
class Place:
    """A frame that was dealt with: where to go on after it."""

    index: int
    stamp_ns: int
    bag_ns: int


class FrameSource:
    """Reads one bag; ``losses`` tells at any time what was left out since the last place."""

    def __init__(self, bag: Bag, topics: Topics, robot: RobotConfig | None) -> None:
        """Read the camera's intrinsics and the fixed transforms first, wherever they are.

        Without ``robot`` nobody asks where the camera was.
        """
        self.bag, self.topics, self._robot = bag, topics, robot
        self._asked_ns = 0
        self.losses = Losses()
        self._joints = JointHistory(robot.arm.joint_names if robot else ())
        self._transforms = TransformHistory()
        self._info = next(bag.messages([topics.camera_info]), None)
        if robot and topics.tf_static:
            for message in bag.messages([topics.tf_static]):
                self._try(message)

    def frames(
        self, start_ns: int | None = None, stop_ns: int | None = None, after: Place | None = None
    ) -> Iterator[NumberedFrame]:
        """Frames between two times of the recording [ns]; with ``after`` those behind it.

        What lies before ``start_ns`` is read too, because it counts.
        """
        self._asked_ns = start_ns or 0
        if after is None:
            first, pairs = 0, self._pairs(None, stop_ns)
        else:
            first, pairs = after.index + 1, self._pairs(after.bag_ns - WARM_UP_NS, stop_ns)
            self._skip(pairs, after)
        for index, raw in enumerate(pairs, start=first):
            if raw.color.bag_ns < self._asked_ns:
                self.losses.clear()  # nobody asked for that part
                continue
            yield NumberedFrame(index, raw, self._view(raw.header))

    def _skip(self, pairs: Iterator[RawFrame], after: Place) -> None:
        wanted = (after.stamp_ns, after.bag_ns)
        if not any((raw.header.stamp_ns, raw.color.bag_ns) == wanted for raw in pairs):
            raise InvalidInput(
                f"bag {self.bag.path} is not the one that was begun: it has no colour image of "
                f"stamp {after.stamp_ns}; use another folder or start afresh"
            )
        self.losses.clear()  # they were counted when that frame was dealt with

    def _pairs(self, start_ns: int | None, stop_ns: int | None) -> Iterator[RawFrame]:
        pairer = Pairer(self.topics, self.losses, self._info)
        moving = (self.topics.joint_states, self.topics.tf)
        wanted = [*pairer.topics, *(name for name in moving if name and self._robot)]
        for message in self.bag.messages(wanted, start_ns, stop_ns):
            if message.topic in pairer.topics:
                try:
                    pairer.take(message)
                except InvalidInput as error:
                    self._lose(message, error)
            elif message.bag_ns >= self._asked_ns - WARM_UP_NS:
                self._try(message)
            yield from pairer.ready(message.bag_ns, self._joints.newest_ns)
        yield from pairer.rest()

    def _try(self, message: RawMessage) -> None:
        """Take what the robot says; a broken message is counted and left out."""
        try:
            decoded = decode(message)
            if message.topic == self.topics.joint_states:
                self._joints.take(read_header(message).stamp_ns, decoded)
            else:
                self._transforms.take(decoded, static=message.topic == self.topics.tf_static)
        except InvalidInput as error:
            self._lose(message, error)

    def _lose(self, message: RawMessage, error: InvalidInput) -> None:
        if message.bag_ns >= self._asked_ns:
            self.losses.lose(message.topic, str(error))

    def _view(self, header: Header) -> View | None:
        if self._robot is None:
            return None
        robot, q = self._robot, self._joints.at(header.stamp_ns)
        if q is not None and header.frame_id == robot.hand_eye.camera_frame:
            return View(robot.T_base_cam(q), q, "joint_states")
        base = robot.settings.base_frame
        T = self._transforms.lookup(base, header.frame_id.lstrip("/"), header.stamp_ns)
        if T is None:
            return None
        return View(T, robot.home_q if q is None else q, "tf")
