"""Arrays of plain numbers in numpy's format, whatever their header claims."""

from io import BytesIO
from math import prod
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput, reading

HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def parse_array(encoded: bytes, name: str) -> NDArray[Any]:
    """The array in the bytes of an ``.npy`` file; ``name`` is what an error calls it.

    Its size is compared with the bytes that are there, before any room is made.

    Raises:
        InvalidInput: another format, other values than numbers, or not as many as announced.
    """
    file = BytesIO(encoded)
    with reading(f"{name} is not a numpy array"):  # its header is parsed as Python: any text
        shape, by_columns, dtype = HEADERS[npy.read_magic(file)](file)
    if dtype.kind not in "fiu":
        raise InvalidInput(f"{name} holds no numbers but {dtype}")
    values = encoded[file.tell() :]
    right = all(type(side) is int and side >= 0 for side in shape)
    if not right or prod(shape) * dtype.itemsize != len(values):
        raise InvalidInput(f"{name} holds {len(values)} bytes for {shape} of {dtype}")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if by_columns else "C")
