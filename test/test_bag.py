"""Bags of both storages, whole and damaged, opened with no ROS."""

import os
import sqlite3

import numpy as np
import pytest
from small_bags import FRAME_ID, START_NS, bag_writer, image, ros1_writer, transforms

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Bag, RawMessage, decode, read_header
from affordance_grasp.streams.messages import Header

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
STORAGES = ("MCAP", "SQLITE3")


def write_bag(path, storage="MCAP", mode=None, count=5):
    with bag_writer(path, storage, mode) as bag:
        for i in range(count):
            bag.write("/b", image(i * 0.1, PIXELS + i, "rgb8"), i * 0.1)
            bag.write("/a", image(i * 0.1, PIXELS, "rgb8"), i * 0.1)
    return path


@pytest.mark.parametrize(
    ("storage", "mode"),
    [*((s, m) for s in STORAGES for m in (None, "FILE", "MESSAGE")), ("MCAP", "STORAGE")],
)
def test_messages_come_in_order_and_whole(tmp_path, storage, mode):
    with Bag(write_bag(tmp_path / "bag", storage, mode)) as bag:
        assert [(t.name, t.count) for t in bag.topics] == [("/a", 5), ("/b", 5)]
        assert bag.start_ns == START_NS
        messages = list(bag.messages(["/b"]))
    assert [m.bag_ns - START_NS for m in messages] == [i * 10**8 for i in range(5)]
    np.testing.assert_array_equal(decode(messages[3]).data, (PIXELS + 3).ravel())


@pytest.mark.parametrize("storage", STORAGES)
def test_a_part_of_the_recording_and_a_single_file(tmp_path, storage):
    folder = write_bag(tmp_path / "bag", storage)
    file = next(p for p in folder.iterdir() if p.suffix in (".mcap", ".db3"))
    with Bag(file) as bag:
        some = list(bag.messages(["/a"], START_NS + 10**8, START_NS + 3 * 10**8))
        assert len(some) == 2
        assert list(bag.messages(["/none"])) == []


def test_the_header_is_read_without_decoding(tmp_path):
    with Bag(write_bag(tmp_path / "bag")) as bag:
        message = list(bag.messages(["/a"]))[2]
    header = read_header(message)
    assert header.stamp_ns == START_NS + 2 * 10**8
    assert header.frame_id == FRAME_ID


def raw(data):
    return RawMessage("/a", "sensor_msgs/msg/Image", 0, data)


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"\0\1\0\0" + b"\xff" * 20, b"\0\7" * 20])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(InvalidInput, match="/a does not begin with a readable header"):
        read_header(raw(data))
    with pytest.raises(InvalidInput, match="message on /a is no sensor_msgs/msg/Image"):
        decode(raw(data))


def test_every_cut_of_a_message_is_refused_and_none_crashes(tmp_path):
    with Bag(write_bag(tmp_path / "bag")) as bag:
        whole = next(iter(bag.messages(["/a"]))).data
    for length in range(len(whole)):
        with pytest.raises(InvalidInput):
            decode(raw(whole[:length]))


def test_an_empty_bag_is_refused(tmp_path):
    with bag_writer(tmp_path / "bag") as bag:
        bag.write("/a", image(0, PIXELS, "rgb8"), 0)
    empty = tmp_path / "empty"
    with bag_writer(empty):
        pass
    with pytest.raises(InvalidInput, match="holds no messages"):
        Bag(empty)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.97])
def test_a_bag_that_is_cut_off_is_one_sentence(tmp_path, storage, share):
    folder = write_bag(tmp_path / "bag", storage, count=200)
    file = next(p for p in folder.iterdir() if p.suffix in (".mcap", ".db3"))
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    refused = pytest.raises(InvalidInput, match=r"cannot be read \(.*damaged, cut off")
    with refused as caught, Bag(folder) as bag:
        list(bag.messages(["/a"]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("storage", STORAGES)
def test_noise_in_a_bag_never_raises_anything_else(tmp_path, storage):
    rng = np.random.default_rng(0)
    folder = write_bag(tmp_path / "bag", storage, count=30)
    file = next(p for p in folder.iterdir() if p.suffix in (".mcap", ".db3"))
    whole = np.frombuffer(file.read_bytes(), np.uint8)
    for _ in range(25):
        noisy = whole.copy()
        at = rng.integers(0, len(noisy), 40)
        noisy[at] = rng.integers(0, 256, 40)
        file.write_bytes(noisy.tobytes())
        try:
            with Bag(folder) as bag:
                for message in bag.messages(["/a", "/b"]):
                    read_header(message)
                    decode(message)
        except InvalidInput:
            continue


def test_what_is_no_bag_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="there is no bag"):
        Bag(tmp_path / "none")
    (tmp_path / "video.mkv").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"video.mkv is no recording; expected .*\.bag file"):
        Bag(tmp_path / "video.mkv")
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(InvalidInput, match="damaged.*'rosbag reindex' of ROS 1 may save it"):
        Bag(tmp_path / "old.bag")
    (tmp_path / "old.bag").unlink()
    with pytest.raises(InvalidInput, match="no metadata.yaml; expected"):
        Bag(tmp_path)
    folder = write_bag(tmp_path / "bag")
    (folder / "metadata.yaml").unlink()
    with pytest.raises(InvalidInput, match=r"try .*bag\.mcap itself"):
        Bag(folder)


def read_images(path):
    with Bag(path) as bag:
        return [decode(message).data[0] for message in bag.messages(["/a", "/b"])]


def metadata_changed(folder, *changes):
    path = folder / "metadata.yaml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


WHOLE = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0]


@pytest.mark.parametrize("mode", [None, "FILE", "MESSAGE"])
@pytest.mark.parametrize("storage", STORAGES)
def test_what_the_metadata_says_of_the_storage_does_not_matter(tmp_path, storage, mode):
    folder = write_bag(tmp_path / "bag", storage, mode)
    metadata_changed(
        folder,
        (f"storage_identifier: {storage.lower()}", "storage_identifier: ''"),
        ("message_count: 10", "message_count: 0"),
        ("offered_qos_profiles: []", "offered_qos_profiles: [{history: keep_last, depth: 3}]"),
    )
    assert read_images(folder) == WHOLE


@pytest.mark.parametrize("storage", STORAGES)
def test_messages_that_were_compressed_one_by_one_need_no_metadata(tmp_path, storage):
    folder = write_bag(tmp_path / "bag", storage, "MESSAGE")
    (file,) = (p for p in folder.iterdir() if p.suffix != ".yaml")
    assert read_images(file) == WHOLE


def test_a_compressed_message_is_never_unpacked_without_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("affordance_grasp.replay.bags.storage.LARGEST_MESSAGE", 20)
    (first, *_), (whole, *_) = (
        [m.data for m in Bag(write_bag(tmp_path / name, "MCAP", mode)).messages(["/a"])]
        for name, mode in (("packed", "MESSAGE"), ("plain", None))
    )
    assert first == whole[:20]


def test_a_chunk_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("affordance_grasp.replay.bags.storage.LARGEST_CHUNK", 100)
    with pytest.raises(InvalidInput, match="has a chunk of 0.0 GB, which is unpacked at once"):
        Bag(write_bag(tmp_path / "bag", "MCAP", "STORAGE"))


@pytest.fixture
def split(tmp_path):
    """A recording in three files, in a wrong order in its metadata."""
    whole = write_bag(tmp_path / "split")
    for part in (1, 2):
        with bag_writer(tmp_path / f"part{part}") as bag:
            bag.write("/b", image(part, PIXELS + part, "rgb8"), part)
        (file,) = (tmp_path / f"part{part}").glob("*.mcap")
        file.rename(whole / f"split_{part}.mcap")
    listed = "".join(f"  - {name}.mcap\n" for name in ("split_2", "split", "split_1"))
    metadata_changed(whole, ("  - split.mcap\n", listed))
    return whole


def test_a_recording_in_parts_is_read_in_order(split):
    with Bag(split) as bag:
        assert [(t.name, t.count) for t in bag.topics] == [("/a", 5), ("/b", 7)]
        stamps = [message.bag_ns for message in bag.messages(["/b"])]
        assert len(stamps) == 7 and stamps == sorted(stamps)
        assert bag.end_ns == stamps[-1] + 1


def test_a_missing_part_is_named_and_what_is_there(split):
    (split / "split_1.mcap").unlink()
    words = r"lacks 1 of its 3 files: split_1\.mcap; copy them there, or read .*split_2\.mcap"
    with pytest.raises(InvalidInput, match=words):
        Bag(split)


@pytest.mark.parametrize(
    "kind", ["sensor_msgs/Image", "sensor_msgs::msg::Image", "sensor_msgs::msg::dds_::Image_"]
)
def test_other_spellings_of_a_type_are_that_type(tmp_path, kind):
    folder = write_bag(tmp_path / "bag", "SQLITE3")
    database = sqlite3.connect(folder / "bag.db3")
    database.execute("UPDATE topics SET type = ?", (kind,))
    database.commit()
    database.close()
    with Bag(folder) as bag:
        assert {topic.type for topic in bag.topics} == {"sensor_msgs/msg/Image"}
    assert read_images(folder) == WHOLE


@pytest.mark.parametrize("behind", [b"", np.float32(0.001).tobytes()])
def test_a_recording_of_ros_1_is_read_alike(tmp_path, behind):
    with ros1_writer(tmp_path / "old.bag", behind) as bag:
        for i in range(3):
            bag.write("/a", image(i * 0.1, PIXELS + i, "rgb8"), i * 0.1)
            bag.write("/tf", transforms(0, ("a", "b", (1, 2, 3), (0, 0, 0, 1))), i * 0.1)
        bag.write("/a", b"short", 0.4, "sensor_msgs/msg/Image")
    with Bag(tmp_path / "old.bag") as bag:
        assert [(t.name, t.type, t.count) for t in bag.topics] == [
            ("/a", "sensor_msgs/msg/Image", 4),
            ("/tf", "tf2_msgs/msg/TFMessage", 3),
        ]
        *messages, broken = bag.messages(["/a"])
        tree = decode(next(bag.messages(["/tf"])))
    assert [read_header(m) for m in messages] == [
        Header(START_NS + i * 10**8, FRAME_ID) for i in range(3)
    ]
    np.testing.assert_array_equal(decode(messages[2]).data, (PIXELS + 2).ravel())
    assert tree.transforms[0].transform.translation.y == 2
    with pytest.raises(InvalidInput, match="does not begin with a readable header"):
        read_header(broken)


def test_a_recording_of_another_system_is_told_so(tmp_path):
    folder = write_bag(tmp_path / "bag")
    file = folder / "bag.mcap"
    file.write_bytes(file.read_bytes().replace(b"ros2", b"ros1", 1))
    with pytest.raises(InvalidInput, match="was not recorded by ROS 2.*rosbags-convert"):
        Bag(file)


def test_a_file_without_the_first_line_of_ros_1_is_not_read_further(tmp_path):
    with (tmp_path / "old.bag").open("wb") as sparse:
        sparse.truncate(2**34)  # 16 GB of zeros and no end of a line
    with pytest.raises(
        InvalidInput, match="no recording of ROS 1: it does not begin with '#ROSBAG V2.0'"
    ):
        Bag(tmp_path / "old.bag")


@pytest.mark.parametrize("name", ["bag.mcap", "bag.db3", "old.bag"])
def test_a_file_that_never_ends_is_not_opened(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InvalidInput, match="device or pipe"):
        Bag(tmp_path / name)
