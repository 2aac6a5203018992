"""Bags of both storages, whole and damaged, opened with no ROS."""

import numpy as np
import pytest
from small_bags import FRAME_ID, START_NS, bag_writer, image

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import Bag, RawMessage, decode, read_header

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
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(InvalidInput, match="old.bag is no rosbag2 recording; expected"):
        Bag(tmp_path / "old.bag")
    with pytest.raises(InvalidInput, match="no metadata.yaml; expected"):
        Bag(tmp_path)
    folder = write_bag(tmp_path / "bag")
    (folder / "metadata.yaml").unlink()
    with pytest.raises(InvalidInput, match=r"try .*bag\.mcap itself"):
        Bag(folder)
