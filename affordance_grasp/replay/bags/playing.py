"""What ``ros2 bag play`` publishes of a recording for a live graph, and under which names."""

from pathlib import Path

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.storage import ROS1, storage_of
from affordance_grasp.replay.bags.topics import COLOR, COMPRESSED, DEPTH, INFO, Topics, find_topics
from affordance_grasp.replay.bags.viewer import STREAM
from affordance_grasp.replay.options import TopicNames


def played_topics(path: Path, camera: str = "") -> Topics:
    """The topics that a replay of the recording reads, where a live graph can take them.

    Args:
        path: of the recording.
        camera: namespace of the camera; empty: found by type and name.

    Raises:
        InvalidInput: no such topics, or such as only a replay reads; the error says what to do.
    """
    given = TopicNames()
    if camera:
        names = [f"{camera}/{role.names[0]}" for role in (COLOR, DEPTH, INFO)]
        given = TopicNames(color=names[0], depth=names[1], camera_info=names[2])
    with Bag(path) as bag:
        topics = find_topics(bag.topics, given, affordance="")
        packed = {topic.name for topic in bag.topics if topic.type == COMPRESSED}
    by_replay = "'affordance-grasp replay' reads it"
    if storage_of(path) == ROS1:
        raise InvalidInput(f"{path} is of ROS 1, which 'ros2 bag play' cannot play; {by_replay}")
    if STREAM.match(topics.depth):
        raise InvalidInput(f"depth on {topics.depth} is not aligned to colour; {by_replay}")
    for name in {topics.color, topics.depth} & packed:
        raise InvalidInput(f"{name} is compressed, and a live graph takes images; {by_replay}")
    return topics
