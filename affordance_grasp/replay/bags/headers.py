"""Stamp and frame of a message, read from its first bytes without decoding the rest."""

import struct

from affordance_grasp.errors import InvalidInput
from affordance_grasp.replay.bags.bag import RawMessage
from affordance_grasp.streams.messages import Header, plain_frame

LONGEST_FRAME_ID = 256
_ENCAPSULATION = 4


def read_header(message: RawMessage) -> Header:
    """The header with which the message begins (CDR, either byte order).

    Raises:
        InvalidInput: the message is cut off or does not begin with a header.
    """
    data = message.data
    try:
        order = {0: ">", 1: "<"}[data[1]]
        sec, nanosec, length = struct.unpack_from(f"{order}iII", data, _ENCAPSULATION)
        text = data[_ENCAPSULATION + 12 : _ENCAPSULATION + 12 + length]
        if nanosec >= 10**9 or length > LONGEST_FRAME_ID or len(text) != length:
            raise ValueError
        frame_id = plain_frame(text.rstrip(b"\0").decode())
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise InvalidInput(
            f"a message on {message.topic} does not begin with a readable header"
        ) from error
    return Header(sec * 10**9 + nanosec, frame_id)
