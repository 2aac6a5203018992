"""Colour, depth, intrinsics and ground truth of one instant, out of a stream of messages.

A colour image is completed as soon as everything it needs has come past its stamp, at the latest
half a second of the recording later. What is held meanwhile is bounded in time and in number.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from affordance_grasp.replay.bags.bag import RawMessage
from affordance_grasp.replay.bags.headers import Header, read_header
from affordance_grasp.replay.bags.topics import Topics

SLOP_NS = 50_000_000
PATIENCE_NS = 500_000_000
MOST_HELD = 64

Stamped = tuple[Header, RawMessage]


@dataclass(frozen=True)
class RawFrame:
    """The messages of one instant, undecoded; ``truth`` only where there is one."""

    header: Header
    color: RawMessage
    depth: RawMessage
    camera_info: RawMessage
    truth: RawMessage | None = None


@dataclass
class Losses:
    """What could not be used since it was cleared, and the first sentence on why."""

    unpaired: int = 0
    broken: int = 0
    first: str = ""
    topics: dict[str, int] = field(default_factory=dict)

    def lose(self, topic: str, reason: str) -> None:
        """Count a broken message."""
        self.broken += 1
        self.first = self.first or reason
        self.topics[topic] = self.topics.get(topic, 0) + 1

    def clear(self) -> None:
        """Begin counting again."""
        self.unpaired, self.broken, self.first = 0, 0, ""
        self.topics.clear()


class Pairer:
    """Takes the camera's messages in order and gives frames in the order of the colour images.

    A colour image without depth or intrinsics within 50 ms is counted as unpaired.
    """

    def __init__(self, topics: Topics, losses: Losses, info: RawMessage | None = None) -> None:
        """``info``: intrinsics for images that have none near their stamp."""
        self._topics, self._losses = topics, losses
        self._waiting: deque[Stamped] = deque()
        self._held: dict[str, deque[Stamped]] = {
            topic: deque(maxlen=MOST_HELD)
            for topic in (topics.depth, topics.camera_info, topics.truth)
            if topic is not None
        }
        self._last_info = info

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics whose messages it takes."""
        return (self._topics.color, *self._held)

    def take(self, message: RawMessage) -> None:
        """Keep a message of the camera; raises InvalidInput when it has no readable header."""
        stamped = read_header(message), message
        if message.topic == self._topics.color:
            self._waiting.append(stamped)
        else:
            self._held[message.topic].append(stamped)
        if message.topic == self._topics.camera_info:
            self._last_info = message

    def ready(self, bag_ns: int, others_ns: int | None) -> Iterator[RawFrame]:
        """Frames that are complete now.

        Args:
            bag_ns: how far the recording has been read.
            others_ns: stamp up to which everything else is known; None: nothing is waited for.
        """
        while self._waiting:
            header, message = self._waiting[0]
            overdue = bag_ns - message.bag_ns > PATIENCE_NS or len(self._waiting) > MOST_HELD
            behind = others_ns is not None and others_ns < header.stamp_ns
            if not overdue and (behind or not self._passed(header.stamp_ns)):
                return
            yield from self._complete(header, message)

    def rest(self) -> Iterator[RawFrame]:
        """The frames that are still held, when nothing comes any more."""
        while self._waiting:
            yield from self._complete(*self._waiting[0])

    def _passed(self, stamp_ns: int) -> bool:
        """Whether depth, and ground truth where it was seen, have come up to a stamp."""
        names = (self._topics.depth, self._topics.truth)
        held = [self._held[name] for name in names if name is not None]
        return all(window and window[-1][0].stamp_ns >= stamp_ns for window in held)

    def _complete(self, header: Header, color: RawMessage) -> Iterator[RawFrame]:
        self._waiting.popleft()
        depth = self._nearest(self._topics.depth, header.stamp_ns)
        info = self._nearest(self._topics.camera_info, header.stamp_ns) or self._last_info
        if depth is None or info is None:
            self._losses.unpaired += 1
            return
        truth = self._topics.truth and self._nearest(self._topics.truth, header.stamp_ns)
        yield RawFrame(header, color, depth, info, truth or None)

    def _nearest(self, topic: str, stamp_ns: int) -> RawMessage | None:
        """The message of a topic nearest in stamp, at most 50 ms away."""
        held = self._held[topic]
        away = [abs(header.stamp_ns - stamp_ns) for header, _ in held]
        if not away or min(away) > SLOP_NS:
            return None
        return held[away.index(min(away))][1]
