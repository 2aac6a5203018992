"""A recording of ROS 2 or ROS 1 as a stream of undecoded messages in CDR, read without ROS."""

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from affordance_grasp.errors import AffordanceGraspError, InvalidInput, first_line
from affordance_grasp.extras import missing
from affordance_grasp.replay.bags.storage import (
    ROS1,
    message_type,
    open_reader,
    plain_message,
    recorded_files,
    storage_of,
)
from affordance_grasp.streams.messages import Header, plain_frame

LARGEST_SEQUENCE = 2**30
LONGEST_FRAME_ID = 256
ENCAPSULATION = 4
DEPTH_UNITS_BYTES = 4
DAMAGED = "it is damaged, cut off or still being recorded; {} may save it"
SAVES = {ROS1: "'rosbag reindex' of ROS 1"}
ADVICE = {
    "Profile is not ros2": "it was not recorded by ROS 2; record it so, or convert it: "
    "'rosbags-convert --src A.bag --dst B' for a recording of ROS 1",
}


@dataclass(frozen=True)
class Topic:
    """One topic of a bag: its name, its message type, how many messages it has."""

    name: str
    type: str
    count: int


@dataclass(frozen=True)
class RawMessage:
    """One message as stored in the bag: CDR bytes, and the time of recording [ns]."""

    topic: str
    type: str
    bag_ns: int
    data: bytes


class Bag:
    """An open recording: a folder with metadata.yaml, or one file; use it in ``with``."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InvalidInput: there is no bag, it is damaged, or it holds no messages.
        """
        self.path = Path(path)
        self._opened = ExitStack()
        with self._opened, _refusing(self.path):
            readers = [open_reader(file, self._opened) for file in recorded_files(self.path)]
            self._readers = sorted(readers, key=lambda reader: int(reader.start_time))
            self._ros1 = storage_of(self.path) == ROS1
            if not sum(reader.message_count for reader in readers):
                raise InvalidInput(f"bag {self.path} holds no messages")
            self.start_ns = int(self._readers[0].start_time)
            self.end_ns = max(int(reader.end_time) for reader in readers)
            self.topics = _topics(c for reader in readers for c in reader.connections)
            self._opened = self._opened.pop_all()

    def __enter__(self) -> "Bag":
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._opened.close()

    def messages(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RawMessage]:
        """Messages of these topics in the order of recording, ``start_ns <= bag_ns < stop_ns``.

        Only one chunk of the file is held at a time.
        """
        with _refusing(self.path):
            for reader in self._readers:
                wanted = [c for c in reader.connections if c.topic in topics]
                if not wanted:
                    continue
                for connection, bag_ns, data in reader.messages(wanted, start_ns, stop_ns):
                    kind = message_type(connection)
                    cdr = _from_ros1(data, kind) if self._ros1 else plain_message(bytes(data))
                    yield RawMessage(connection.topic, kind, int(bag_ns), cdr)


def _topics(connections: Iterable[Any]) -> tuple[Topic, ...]:
    """The topics of all files; several publishers of one topic count together."""
    kinds: dict[str, set[str]] = {}
    counts = Counter[str]()
    for connection in connections:
        kinds.setdefault(connection.topic, set()).add(message_type(connection))
        counts[connection.topic] += int(connection.msgcount)
    return tuple(
        Topic(name, min(of) if len(of) == 1 else "several types", counts[name])
        for name, of in sorted(kinds.items())
    )


def _from_ros1(data: bytes, kind: str) -> bytes:
    """A message of ROS 1 as CDR; bytes that are none where it is broken.

    The camera vendor's recorder writes 4 bytes behind an image, its depth units.
    """
    from rosbags.serde import SerdeError

    for end in (len(data), -DEPTH_UNITS_BYTES):
        try:
            return bytes(typestore().ros1_to_cdr(data[:end], kind))
        except (SerdeError, KeyError, ValueError, struct.error):
            continue
    return b""


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn any error that a damaged file causes in the reader into one sentence."""
    try:
        yield
    except AffordanceGraspError:
        raise
    except ImportError as error:
        raise missing("rosbags", "reading bags", error) from error
    except Exception as error:  # struct, sqlite, zstd, lz4, KeyError ...: the file may be anything
        words = first_line(error)
        saves = SAVES.get(storage_of(path), "'ros2 bag reindex' or 'mcap recover'")
        damaged = DAMAGED.format(saves)
        advice = next((a for sign, a in ADVICE.items() if sign in words), damaged)
        raise InvalidInput(f"bag {path} cannot be read ({words}); {advice}") from error


@cache
def typestore() -> Any:
    """The standard message types, which have been the same since ROS 2 Humble."""
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    store.max_sequence_length = LARGEST_SEQUENCE
    return store


def decode(message: RawMessage) -> Any:
    """The message with its fields as attributes.

    Raises:
        InvalidInput: the bytes are not a message of that type.
    """
    from rosbags.serde import SerdeError

    try:
        return typestore().deserialize_cdr(message.data, message.type)
    except (SerdeError, UnicodeDecodeError, ValueError, KeyError) as error:
        raise InvalidInput(
            f"a message on {message.topic} is no {message.type} ({first_line(error)})"
        ) from error


def read_header(message: RawMessage) -> Header:
    """The header with which the message begins (CDR), without decoding the rest.

    Raises:
        InvalidInput: the message is cut off or does not begin with a header.
    """
    data = message.data
    try:
        order = {0: ">", 1: "<"}[data[1]]
        sec, nanosec, length = struct.unpack_from(f"{order}iII", data, ENCAPSULATION)
        text = data[ENCAPSULATION + 12 : ENCAPSULATION + 12 + length]
        if nanosec >= 10**9 or length > LONGEST_FRAME_ID or len(text) != length:
            raise ValueError
        frame_id = plain_frame(text.rstrip(b"\0").decode())
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise InvalidInput(
            f"a message on {message.topic} does not begin with a readable header"
        ) from error
    return Header(sec * 10**9 + nanosec, frame_id)
