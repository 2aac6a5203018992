"""MessagePack with numpy arrays, in the layout of the package ``msgpack-numpy``.

Only arrays of plain numbers are read, and within limits, because the bytes come from a network;
that package would also unpickle objects.
"""

from math import prod
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import ExternalFault
from affordance_grasp.extras import require

MAX_BYTES = 16 * 2**20
MAX_NAMES = 1000
NUMBERS = "fiu"


def pack(message: dict[str, Any]) -> bytes:
    """A message with numpy arrays as bytes."""
    return bytes(_msgpack().packb(message, default=_encoded, use_bin_type=True))


def unpack(data: bytes, sender: str) -> dict[str, Any]:
    """The message in some bytes, its arrays as numpy arrays.

    Raises:
        ExternalFault: no map, too large, or an array that is none.
    """
    if len(data) > MAX_BYTES:
        raise ExternalFault(f"{sender}: answer of {len(data)} bytes; at most {MAX_BYTES} are read")
    msgpack = _msgpack()
    try:
        message = msgpack.unpackb(data, raw=False, max_map_len=MAX_NAMES)
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        raise ExternalFault(f"{sender}: answer is not MessagePack ({error})") from error
    if not isinstance(message, dict):
        raise ExternalFault(f"{sender}: answer is a {type(message).__name__}, expected a map")
    return {str(name): _decoded(value, sender) for name, value in message.items()}


def _encoded(value: Any) -> dict[bytes, Any]:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} cannot be packed")
    return {
        b"nd": True,
        b"type": value.dtype.str,
        b"kind": b"",
        b"shape": value.shape,
        b"data": value.tobytes(),
    }


def _decoded(value: Any, sender: str) -> Any:
    if not (isinstance(value, dict) and value.get(b"nd") is True):
        return value
    kind, shape, data = value.get(b"type"), value.get(b"shape"), value.get(b"data")
    dtype = _plain_dtype(kind)
    if dtype is None or not isinstance(data, bytes) or not _is_shape(shape):
        raise ExternalFault(
            f"{sender}: an array of type {kind!r:.40} and shape {shape!r:.40} is not readable; "
            "expected plain numbers"
        )
    if prod(shape) * dtype.itemsize != len(data):
        raise ExternalFault(f"{sender}: an array of shape {shape} has {len(data)} bytes")
    array: NDArray[Any] = np.frombuffer(data, dtype).reshape(shape)
    return array


def _plain_dtype(kind: Any) -> np.dtype[Any] | None:
    if not isinstance(kind, str) or len(kind) > 4:
        return None
    try:
        dtype = np.dtype(kind)
    except TypeError:
        return None
    return dtype if dtype.kind in NUMBERS else None


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    return (
        isinstance(shape, list)
        and len(shape) <= 4
        and all(type(side) is int and 0 <= side <= MAX_BYTES for side in shape)
    )


def _msgpack() -> Any:
    return require("msgpack", "a server of others")
