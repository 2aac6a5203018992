"""The files of a recording, and how each is opened: rosbag2 (mcap, sqlite3) or ROS 1.

Of a folder's metadata.yaml only the files' names are used. What they hold, in which storage, and
how it is compressed, they say themselves: tools write that part of the metadata in many ways.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

from affordance_grasp.configuration.documents import read_yaml
from affordance_grasp.errors import InvalidInput, shown, writing
from affordance_grasp.files import check_file

ROS1 = ".bag"
PACKED = ".zstd"
"""Of a file that rosbag2 compressed as a whole."""
STORAGES = (".mcap", ".db3", ROS1)
EXPECTED = f"expected a folder with metadata.yaml, or a {', '.join(STORAGES[:-1])} or {ROS1} file"
METADATA = "metadata.yaml"
LARGEST_FILE = 2**62
MAX_METADATA_BYTES = 2**24
PACKED_MESSAGE = b"\x28\xb5\x2f\xfd"
"""Zstandard's; no message begins with it: the first byte of CDR is 0."""
LARGEST_MESSAGE, LARGEST_CHUNK = 2**30, 2**29
ROS1_MAGIC = b"#ROSBAG V2.0\n"
ROS1_TYPES = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}


def recorded_files(path: Path) -> list[Path]:
    """The files of a recording.

    Args:
        path: a folder with metadata.yaml, or one file.

    Raises:
        InvalidInput: there is no recording, or a part of it is missing.
    """
    if not path.exists():
        raise InvalidInput(f"there is no bag {path}")
    if not path.is_dir():
        if storage_of(path) not in STORAGES:
            raise InvalidInput(f"{path} is no recording; {EXPECTED}")
        return [path]
    there = sorted(file for file in path.iterdir() if storage_of(file) in STORAGES)
    if not (path / METADATA).exists():
        hint = f"; try {there[0]} itself, or 'ros2 bag reindex'" if there else f"; {EXPECTED}"
        raise InvalidInput(f"folder {path} has no {METADATA}{hint}")
    named = _named_files(path / METADATA)
    missing = [name for name in named if path / name not in there]
    if missing:
        raise InvalidInput(
            f"bag {path} lacks {len(missing)} of its {len(named)} files: {', '.join(missing)}; "
            f"copy them there, or read a part by itself: {', '.join(map(str, there)) or 'none is'}"
        )
    return [path / name for name in named]


def storage_of(file: Path) -> str:
    """The ending that tells a file's storage."""
    return Path(file.stem).suffix if file.suffix == PACKED else file.suffix


def open_reader(file: Path, opened: ExitStack) -> Any:
    """The open reader of one file, which is closed with ``opened``."""
    check_file(file, "recording", LARGEST_FILE)
    if file.suffix == PACKED:
        file = _unpacked(file, Path(opened.enter_context(TemporaryDirectory())))
    if file.suffix == ROS1:
        from rosbags.rosbag1 import Reader as Ros1Reader

        _check_ros1(file)
        return opened.enter_context(Ros1Reader(file))
    from rosbags.rosbag2 import Reader

    reader = opened.enter_context(Reader(file))
    largest = max((c.uncompressed_size for c in getattr(reader.storage, "chunks", ())), default=0)
    if largest > LARGEST_CHUNK:
        raise InvalidInput(
            f"{file} has a chunk of {largest * 1e-9:.1f} GB, which is unpacked at once; at most "
            f"{LARGEST_CHUNK * 1e-9:.1f} GB are read"
        )
    return reader


def message_type(connection: Any) -> str:
    """The type of a connection's messages, as ``sensor_msgs/msg/Image``.

    Some recorders leave ``msg`` out, or write DDS's ``sensor_msgs::msg::dds_::Image_``.
    """
    encoding = getattr(connection.ext, "serialization_format", "cdr")
    if encoding != "cdr":
        return f"{encoding} of {connection.msgtype}"
    parts = [part for part in str(connection.msgtype).replace("::", "/").split("/") if part]
    plain = [part for part in parts if part != "dds_"]
    if len(plain) < len(parts):
        plain[-1] = plain[-1].removesuffix("_")
    kind = "/".join([plain[0], "msg", plain[1]] if len(plain) == 2 else plain)
    return ROS1_TYPES.get(kind, kind)


def plain_message(data: bytes) -> bytes:
    """A message that rosbag2 may have compressed by itself."""
    if data[:4] != PACKED_MESSAGE:
        return data
    unpacked = _zstandard().ZstdDecompressor().decompress(data, LARGEST_MESSAGE)
    return bytes(unpacked)


def _named_files(metadata: Path) -> list[str]:
    content = read_yaml(metadata, "bag metadata", MAX_METADATA_BYTES)
    try:
        paths = content["rosbag2_bagfile_information"]["relative_file_paths"]
        names = [PurePath(path).name for path in paths]  # old bags name the folder too
    except (KeyError, TypeError) as error:
        raise InvalidInput(
            f"{metadata} names no files in rosbag2_bagfile_information, relative_file_paths; "
            "'ros2 bag reindex' writes it anew"
        ) from error
    if unknown := [name for name in names if storage_of(Path(name)) not in STORAGES]:
        raise InvalidInput(f"{metadata} names {shown(unknown[0])}, which is no recording")
    if not names:
        raise InvalidInput(f"{metadata} names no files; 'ros2 bag reindex' writes it anew")
    return names


def _check_ros1(file: Path) -> None:
    """Refuse another format: its first line, which the reader reads whole, may have no end."""
    with file.open("rb") as content:
        if content.read(len(ROS1_MAGIC)) != ROS1_MAGIC:
            raise InvalidInput(
                f"{file} is no recording of ROS 1: it does not begin with "
                f"{ROS1_MAGIC.decode().strip()!r}"
            )


def _unpacked(file: Path, folder: Path) -> Path:
    whole = folder / file.stem
    with writing(whole), _zstandard().open(file, "rb") as packed, whole.open("wb") as target:
        shutil.copyfileobj(packed, target)
    return whole


def _zstandard() -> Any:
    """Zstandard, of Python itself or as the reader of bags installs it."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd
