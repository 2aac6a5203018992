"""RVL against a code written by hand, and against the run-length rule itself."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_bags import compressed

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.decoding import decompress_depth
from affordance_grasp.replay.bags.rvl import decode_rvl
from affordance_grasp.streams.messages import to_depth_m


def groups(number):
    while number > 7:
        yield number & 7 | 8
        number >>= 3
    yield number


def rvl(units):
    """Encode pixel by pixel, as the rule is told."""
    values, nibbles, place, before = units.ravel().tolist(), [], 0, 0
    while place < len(values):
        runs = []
        for wanted in (False, True):
            start = place
            while place < len(values) and bool(values[place]) == wanted:
                place += 1
            runs.append(values[start:place])
            nibbles += groups(place - start)
        for value in runs[1]:
            step, before = value - before, value
            nibbles += groups(2 * step if step >= 0 else -2 * step - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        int("".join(f"{n:x}" for n in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)
    ]
    height, width = units.shape
    return struct.pack("<ii", width, height) + struct.pack(f"<{len(words)}I", *words)


def test_a_code_written_by_hand_is_read():
    # 1 empty; 3 full: +500 = 1000 folded = 0o1750, -2 = 3 folded, 0; 1 empty, 0 full
    word = 0x1_3_8_D_F_1_3_0
    coded = struct.pack("<iiII", 5, 1, word, 0x1_0_0_0_0_0_0_0)
    assert decode_rvl(coded).tolist() == [[0, 500, 498, 498, 0]]


@given(
    arrays(
        np.uint16,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([0, 0, 1, 700, 65535]),
    )
)
def test_what_was_encoded_is_read(units):
    np.testing.assert_array_equal(decode_rvl(rvl(units)), units)


@given(st.binary(max_size=80), st.integers(0, 30), st.integers(0, 30))
def test_any_bytes_are_depth_or_one_sentence(code, width, height):
    for encoded in (code, struct.pack("<ii", width, height) + code):
        try:
            assert decode_rvl(encoded).dtype == np.uint16
        except InvalidInput as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("size", [(0, 5), (-1, 5), (8192, 8192), (2**31 - 1, 2**31 - 1)])
def test_an_absurd_size_is_refused(size):
    with pytest.raises(InvalidInput, match="sides must be"):
        decode_rvl(struct.pack("<ii", *size) + b"\0" * 8)


def test_messages_of_either_encoding_are_read():
    depth_mm = np.random.default_rng(0).integers(400, 900, (6, 8)).astype(np.uint16)
    depth_mm[2, 3:6] = 0
    message = compressed(0, b"\0" * 12 + rvl(depth_mm), "16UC1; compressedDepth rvl")
    np.testing.assert_allclose(to_depth_m(decompress_depth(message)), depth_mm / 1000, atol=1e-6)
    A, B = 100.0 * 101.0, 1 - 100.0 * 101.0 / 10.0
    metres = depth_mm / 1000
    with np.errstate(divide="ignore"):
        units = np.where(depth_mm > 0, np.rint(A / metres + B), 0).astype(np.uint16)
    data = struct.pack("<iff", 0, A, B) + rvl(units)
    read = to_depth_m(decompress_depth(compressed(0, data, "32FC1; compressedDepth rvl")))
    np.testing.assert_allclose(read, metres, rtol=1e-3)
