"""The layout of msgpack-numpy, byte by byte, and what a hostile peer may send instead."""

import pickle

import msgpack
import numpy as np
import pytest

from affordance_grasp.errors import ExternalFault
from affordance_grasp.external.packing import MAX_BYTES, pack, unpack

CLOUD = np.arange(6, dtype=np.float32).reshape(2, 3)


FIELDS = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2, 3], b"data": CLOUD.tobytes()}


def test_an_array_is_written_as_msgpack_numpy_reads_it():
    plain = msgpack.unpackb(pack({"action": "infer", "point_cloud": CLOUD}), raw=False)
    assert plain == {"action": "infer", "point_cloud": FIELDS}


def test_messages_survive_the_round_trip():
    message = unpack(pack({"a": CLOUD, "b": np.zeros((0, 4, 4)), "c": [1, "x", None]}), "test")
    np.testing.assert_array_equal(message["a"], CLOUD)
    assert message["a"].dtype == np.float32
    assert message["b"].shape == (0, 4, 4)
    assert message["c"] == [1, "x", None]


@pytest.mark.parametrize(
    "changes",
    [
        {b"type": "|O", b"data": pickle.dumps([1])},
        {b"kind": b"O", b"type": "O", b"data": pickle.dumps([1])},
        {b"type": [["x", "<f4"]]},
        {b"type": "<U9"},
        {b"type": "nonsense"},
        {b"type": None},
        {b"shape": [2, -3]},
        {b"shape": [2, 4]},
        {b"shape": [2**62, 2**62]},
        {b"shape": "23"},
        {b"shape": [True, 6]},
        {b"shape": [1] * 40},
        {b"data": "text"},
        {b"data": b"short"},
        {b"data": None},
    ],
)
def test_an_array_that_is_none_is_refused(changes):
    with pytest.raises(ExternalFault, match="test: an array of"):
        unpack(msgpack.packb({"grasps": FIELDS | changes}), "test")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not MessagePack"),
        (b"\xc1", "not MessagePack"),
        (b"\x81\xa1", "not MessagePack"),
        (b"\x91" * 5000, "not MessagePack"),
        (b"\xdd\xff\xff\xff\xff", "not MessagePack"),
        (msgpack.packb([1, 2]), "a list, expected a map"),
        (msgpack.packb("grasps"), "a str, expected a map"),
        (b"\0" * (MAX_BYTES + 1), "at most"),
        (msgpack.packb({str(i): 0 for i in range(100_000)}), "exceeds"),
        (b"\x81\xc0\x01", "not MessagePack"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data, words):
    with pytest.raises(ExternalFault, match=words):
        unpack(data, "test")
