"""The frames of a rosbag2 recording, one after the other, decoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.decoding import decode_frame
from affordance_grasp.replay.bags.topics import TopicNames, find_topics
from affordance_grasp.replay.source import FrameSource, View


@dataclass(frozen=True)
class RecordedFrame:
    """A frame, its number in the bag from 0, its stamp [ns], and where the camera was.

    ``view`` is None where no robot was given or the bag does not tell.
    """

    index: int
    stamp_ns: int
    frame: RgbdFrame
    view: View | None


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
                raw = numbered.raw
                frame = decode_frame(raw)
                yield RecordedFrame(numbered.index, raw.header.stamp_ns, frame, numbered.view)
