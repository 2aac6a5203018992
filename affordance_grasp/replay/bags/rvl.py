"""Depth in RVL, the run-length code of compressedDepth.

Wilson, Fast Lossless Depth Image Compression, 2017.

Runs of pixels without and with a reading take turns: the length of each, then the differences
between readings, folded so that small ones of either sign are small numbers. All are numbers of
4-bit groups, the lowest 3 bits first, whose fourth bit says that another follows; the groups fill
32-bit words from the top.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import check_image_size
from affordance_grasp.errors import InvalidInput

WHAT = "RVL depth image"
SIZE_BYTES = 8
MOST_GROUPS = 11
"""Of the 32 bits that a number has at most."""


def decode_rvl(encoded: bytes) -> NDArray[np.uint16]:
    """The values (H, W) of a depth image: its width and height as int32, then its runs.

    Raises:
        InvalidInput: its size is absurd, or the runs do not make an image of that size.
    """
    if len(encoded) < SIZE_BYTES:
        raise InvalidInput(f"{WHAT} is cut off before its size")
    width, height = struct.unpack_from("<ii", encoded)
    check_image_size(width, height, WHAT)
    numbers = _numbers(encoded[SIZE_BYTES:])
    read, differences = _runs(numbers, width * height)
    units = np.zeros(width * height, np.uint16)
    units[read] = np.cumsum(differences).astype(np.uint16)
    return units.reshape(height, width)


def _numbers(coded: bytes) -> NDArray[np.int64]:
    """All numbers of the code."""
    words = np.frombuffer(coded[: len(coded) // 4 * 4], "<u4").byteswap().view(np.uint8)
    groups = np.column_stack([words >> 4, words & 15]).ravel()
    last = np.flatnonzero(groups < 8)
    if not len(last):
        return np.zeros(0, np.int64)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last + 1 - first
    if lengths.max() > MOST_GROUPS:
        raise InvalidInput(f"{WHAT} holds a number of more than 32 bits")
    groups = groups[: last[-1] + 1]
    place = np.arange(len(groups)) - np.repeat(first, lengths)
    return np.add.reduceat((groups & 7).astype(np.int64) << 3 * place, first)


def _runs(numbers: NDArray[np.int64], pixels: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which pixels have a reading, and the difference of each reading from the one before."""
    read, differences = np.zeros(pixels, bool), []
    pixel = place = 0
    while pixel < pixels:
        if place + 2 > len(numbers):
            raise InvalidInput(f"{WHAT} is cut off after {pixel} of {pixels} pixels")
        empty, full = int(numbers[place]), int(numbers[place + 1])
        start, place = pixel + empty, place + 2
        pixel = start + full
        if pixel > pixels or place + full > len(numbers):
            raise InvalidInput(f"{WHAT} has runs of more pixels than its {pixels}, or is cut off")
        read[start:pixel] = True
        folded = numbers[place : place + full]
        differences.append((folded >> 1) ^ -(folded & 1))
        place += full
    return read, np.concatenate(differences)
