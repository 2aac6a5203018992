"""A rosbag2 recording (sqlite3 or mcap) as a stream of undecoded messages, read without ROS."""

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.extras import missing
from affordance_grasp.streams.messages import Header, plain_frame

STORAGES = (".mcap", ".db3")
LARGEST_SEQUENCE = 2**30
LONGEST_FRAME_ID = 256
ENCAPSULATION = 4


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
    """An open bag: a folder with metadata.yaml, or one .mcap or .db3 file; use it in ``with``."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InvalidInput: there is no bag, it is damaged, or it holds no messages.
        """
        self.path = Path(path)
        with _refusing(self.path):
            self._reader = _open(self.path)
            if self._reader.message_count == 0:
                self._reader.close()
                raise InvalidInput(f"bag {self.path} holds no messages")
            self.start_ns = int(self._reader.start_time)
            self.end_ns = int(self._reader.end_time)
            self.topics = tuple(
                Topic(name, info.msgtype or "several types", int(info.msgcount))
                for name, info in sorted(self._reader.topics.items())
            )

    def __enter__(self) -> "Bag":
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._reader.close()

    def messages(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RawMessage]:
        """Messages of these topics in the order of recording, ``start_ns <= bag_ns < stop_ns``.

        Only one chunk of the file is held at a time.
        """
        wanted = [c for c in self._reader.connections if c.topic in topics]
        if not wanted:
            return
        with _refusing(self.path):
            for connection, bag_ns, data in self._reader.messages(wanted, start_ns, stop_ns):
                yield RawMessage(connection.topic, connection.msgtype, int(bag_ns), bytes(data))


def _open(path: Path) -> Any:
    from rosbags.rosbag2 import Reader

    _check_is_bag(path)
    reader = Reader(path)
    reader.open()
    return reader


def _check_is_bag(path: Path) -> None:
    if not path.exists():
        raise InvalidInput(f"there is no bag {path}")
    expected = f"expected a folder with metadata.yaml, or a {' or '.join(STORAGES)} file"
    if path.is_file() and path.suffix not in STORAGES:
        raise InvalidInput(f"{path} is no rosbag2 recording; {expected}")
    if path.is_dir() and not (path / "metadata.yaml").exists():
        inside = sorted(file for file in path.iterdir() if file.suffix in STORAGES)
        hint = f"; try {inside[0]} itself, or 'ros2 bag reindex'" if inside else f"; {expected}"
        raise InvalidInput(f"folder {path} has no metadata.yaml{hint}")


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
        raise InvalidInput(
            f"bag {path} cannot be read ({_first_line(error)}); it is damaged, cut off or still "
            "being recorded; 'ros2 bag reindex' or 'mcap recover' may save it"
        ) from error


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
            f"a message on {message.topic} is no {message.type} ({_first_line(error)})"
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


def _first_line(error: Exception) -> str:
    """The first line of a library's error message."""
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
