"""The frames of a bag in order, each with the camera's pose where the bag has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.replay.bags.bag import Bag, RawMessage, decode, read_header
from affordance_grasp.replay.bags.decoding import RawFrame, decode_frame
from affordance_grasp.replay.bags.topics import TopicNames, Topics, find_topics
from affordance_grasp.replay.bags.viewer import Rig, viewer_streams
from affordance_grasp.replay.report.results import FrameResult
from affordance_grasp.streams.camera_pose import CameraPose, HandEyePose, TfPose
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.messages import Header
from affordance_grasp.streams.pairing import COLOR, DEPTH, INFO, TRUTH, Losses, Pairer, Stamped
from affordance_grasp.streams.timeline import NotKnown
from affordance_grasp.streams.transforms import TransformTree

WARM_UP_NS = 2_000_000_000
NO_POSE = "the bag has neither joint_states nor tf"


@dataclass(frozen=True)
class CameraState:
    """The camera's pose ``T_base_cam`` (4, 4), joint positions ``q`` (J,) [rad], and their source.

    ``source`` is ``joint_states`` (hand-eye and forward kinematics) or ``tf``; ``q`` is home
    with tf, which has no joint positions.
    """

    T_base_cam: Floats
    q: Floats
    source: str


@dataclass(frozen=True)
class NumberedFrame:
    """A frame and its place among all frames of the bag, from 0.

    ``no_view``: where a pose was sought and ``view`` is None, the reason.
    """

    index: int
    raw: RawFrame
    view: CameraState | None
    no_view: str = ""
    rig: Rig | None = None

    def frame(self) -> RgbdFrame:
        """The frame as a value; raises its fault."""
        return decode_frame(self.raw, self.rig)


@dataclass(frozen=True)
class RecordedFrame:
    """A frame, its number in the bag from 0, its stamp [ns], and the camera's pose.

    ``view`` is None where no robot was given or the bag has no pose.
    """

    index: int
    stamp_ns: int
    frame: RgbdFrame
    view: CameraState | None


class FrameSource:
    """Reads one bag; ``losses`` counts what was left out since the last frame."""

    def __init__(self, bag: Bag, topics: Topics, robot: RobotConfig | None) -> None:
        """Read the camera's intrinsics and the fixed transforms first, wherever they are.

        Without ``robot`` no camera pose is sought.
        """
        self.bag, self.topics, self._robot = bag, topics, robot
        self._asked_ns = 0
        self.losses = Losses()
        self._joints = JointHistory(robot.arm.joint_names if robot else ())
        self._transforms = TransformTree()
        self._poses: dict[str, CameraPose] = {}
        if robot and topics.joint_states:
            self._poses["joint_states"] = HandEyePose(robot, self._joints)
        if robot and (topics.tf or topics.tf_static):
            self._poses["tf"] = TfPose(robot.settings.base_frame, self._transforms)
        self._viewer = viewer_streams(bag, topics)
        self._info = next(bag.messages([topics.camera_info]), None)
        if robot and topics.tf_static:
            for message in bag.messages([topics.tf_static]):
                self._try(message)

    def frames(
        self,
        start_ns: int | None = None,
        stop_ns: int | None = None,
        after: FrameResult | None = None,
    ) -> Iterator[NumberedFrame]:
        """Frames between two times of the recording [ns]; with ``after`` those behind that one.

        Messages before ``start_ns`` are read too, because they are counted.
        """
        self._asked_ns = start_ns or 0
        if after is None:
            first, pairs = 0, self._pairs(None, stop_ns)
        else:
            first, pairs = after.index + 1, self._pairs(after.bag_ns - WARM_UP_NS, stop_ns)
            self._skip(pairs, after)
        for index, raw in enumerate(pairs, start=first):
            if raw.color.bag_ns < self._asked_ns:
                self.losses.clear()  # that part is not requested
                continue
            rig = self._viewer.rig if self._viewer else None
            yield NumberedFrame(index, raw, *self._view(raw.header), rig)

    def _skip(self, pairs: Iterator[RawFrame], after: FrameResult) -> None:
        wanted = (after.stamp_ns, after.bag_ns)
        if not any((raw.header.stamp_ns, raw.color.bag_ns) == wanted for raw in pairs):
            raise InvalidInput(
                f"bag {self.bag.path} is not the one of the earlier run: it has no colour image "
                f"of stamp {after.stamp_ns}; use another folder or start afresh"
            )
        self.losses.clear()  # they were counted with that frame

    def _pairs(self, start_ns: int | None, stop_ns: int | None) -> Iterator[RawFrame]:
        topics, robot = self.topics, (self.topics.joint_states, self.topics.tf)
        roles = {topics.depth: DEPTH, topics.camera_info: INFO, topics.color: COLOR}
        if topics.truth:
            roles[topics.truth] = TRUTH
        pairer = Pairer(self.losses, self._info, topics.truth is not None, ahead=True)
        wanted = [*roles, *(name for name in robot if name and self._robot)]
        for message in self.bag.messages(wanted, start_ns, stop_ns):
            if message.topic in roles:
                try:
                    header = self._viewer.header if self._viewer else read_header
                    stamped = Stamped(header(message), message, message.bag_ns)
                    pairer.take(roles[message.topic], stamped)
                except InvalidInput as error:
                    self._lose(message, error)
            elif message.bag_ns >= self._asked_ns - WARM_UP_NS:
                self._try(message)
            yield from pairer.ready(message.bag_ns, self._known)
        yield from pairer.rest()

    def _try(self, message: RawMessage) -> None:
        """Take a robot's message; a broken one is counted and left out."""
        try:
            if message.topic == self.topics.joint_states:
                self._joints.take(decode(message))
            else:
                static = message.topic == self.topics.tf_static
                self._transforms.take(decode(message), static)
        except InvalidInput as error:
            self._lose(message, error)

    def _lose(self, message: RawMessage, error: InvalidInput) -> None:
        if message.bag_ns >= self._asked_ns:
            self.losses.lose(str(error))

    def _known(self, image: Header) -> bool:
        """Whether every source of the camera's pose has reached the time of an image."""
        return all(pose.knows(image) for pose in self._poses.values())

    def _view(self, image: Header) -> tuple[CameraState | None, str]:
        """The camera's pose, by the first source that has it, or the reason why none has."""
        if self._robot is None:
            return None, ""
        reason = "" if self._poses else NO_POSE
        for source, pose in self._poses.items():
            try:
                T_base_cam = pose.at(image)
            except NotKnown as error:
                reason = reason or str(error)
            except InvalidInput as error:
                self.losses.lose(str(error))
                reason = reason or str(error)
            else:
                return CameraState(T_base_cam, self._q(image, self._robot), source), ""
        return None, reason

    def _q(self, image: Header, robot: RobotConfig) -> Floats:
        """Joint positions (J,) [rad] at an image; those of home where they are unknown."""
        try:
            return self._joints.at(image.stamp_ns)
        except (NotKnown, InvalidInput):
            return robot.home_q


def read_bag(
    path: Path | str,
    robot: RobotConfig | None = None,
    every: int = 1,
    topics: TopicNames | None = None,
) -> Iterator[RecordedFrame]:
    """Every n-th frame of a recording: colour, aligned depth, intrinsics; needs no ROS.

    Args:
        path: the bag's folder, or its .mcap or .db3 file.
        robot: whose camera it was; its pose then comes from the bag's joint states or TF.
        every: 1 gives all frames.
        topics: names of topics where they are not those of realsense2_camera.

    Raises:
        InvalidInput: no bag, no such topics, or a message of a frame is broken.
    """
    if every < 1:
        raise InvalidInput(f"every is {every}; must be at least 1")
    with Bag(Path(path)) as bag:
        found = find_topics(bag.topics, topics or TopicNames(), affordance="")
        for numbered in FrameSource(bag, found, robot).frames():
            if numbered.index % every == 0:
                stamp_ns, view = numbered.raw.header.stamp_ns, numbered.view
                yield RecordedFrame(numbered.index, stamp_ns, numbered.frame(), view)
