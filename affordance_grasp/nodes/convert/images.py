"""``sensor_msgs/Image`` <-> arrays, through ``cv_bridge`` where this ROS 2 has it.

The ROS made of Python wheels has none; there numpy reads and writes the same bytes. What a message
claims is checked before either sees it, in :mod:`affordance_grasp.streams.messages`.
"""

from array import array
from contextlib import redirect_stderr
from functools import cache, partial
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from affordance_grasp.streams import messages
from affordance_grasp.streams.depth import millimetres
from affordance_grasp.streams.messages import ImageMessage, PixelFormat, unpacked


@cache
def bridge() -> Any | None:
    """ROS's own converter, or None where there is none that starts.

    Only its conversions without a change of colour are used. They hand neither an array nor a type
    of OpenCV to its compiled half, which Jazzy built for numpy 1 and OpenCV 4: beside numpy 2 a
    change of colour ends the process, OpenCV 5 has other numbers for types of several channels,
    and numpy complains at length of the mere import.
    """
    try:
        with redirect_stderr(StringIO()):
            from cv_bridge import CvBridge

            converter = CvBridge()
            converter.encoding_to_cvtype2("rgb8")  # loads the compiled half
    except (ImportError, AttributeError):
        return None
    return converter


def unpack(message: ImageMessage, encoding: PixelFormat) -> NDArray[np.generic]:
    """The pixels (H, W, C) of a message that was checked, in its own order of channels.

    ``cv_bridge`` (3.4 was tried) shears images whose rows are no multiple of their pixels, takes a
    ``step`` of 0 literally, swaps bytes by a method that numpy 2 no longer has, and does not know
    ``Z16``; those are left to numpy.
    """
    converter, step = bridge(), int(message.step)
    odd = message.is_bigendian or message.encoding == "Z16"
    if converter is None or odd or step % encoding.pixel_bytes or not step:
        return unpacked(message, encoding)
    pixels: NDArray[np.generic] = converter.imgmsg_to_cv2(message)
    return pixels.reshape(message.height, message.width, encoding.channels)


def packed(pixels: NDArray[np.generic], encoding: str, header: Header) -> Image:
    """A message of pixels (H, W) or (H, W, C), whose type is that of the encoding."""
    converter = bridge()
    if converter is not None:
        bridged: Image = converter.cv2_to_imgmsg(pixels, header=header)
        bridged.encoding = encoding
        return bridged
    message = Image(header=header, height=pixels.shape[0], width=pixels.shape[1])
    message.encoding = encoding
    message.step = pixels.nbytes // pixels.shape[0]
    # array.array is what the generated message stores; anything else is copied byte by byte.
    message.data = array("B", pixels.tobytes())
    return message


def from_color(color: NDArray[np.uint8], header: Header) -> Image:
    """An rgb8 image."""
    return packed(color, "rgb8", header)


def from_depth_m(depth_m: NDArray[np.float32], header: Header) -> Image:
    """A 16UC1 image in millimetres; beyond 65.534 m there is no reading."""
    return packed(millimetres(depth_m), "16UC1", header)


def from_map(values: NDArray[np.float32], header: Header) -> Image:
    """A 32FC1 image."""
    return packed(values.astype(np.float32), "32FC1", header)


to_color = partial(messages.to_color, unpack=unpack)
to_depth_m = partial(messages.to_depth_m, unpack=unpack)
to_map = partial(messages.to_map, unpack=unpack)
to_rgbd = partial(messages.to_rgbd, unpack=unpack)

bridge()  # when a node starts, not with its first image
