"""The vendor's SDK, needed only with a real camera."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from affordance_grasp.extras import require


@lru_cache(maxsize=1)
def realsense() -> Any:
    """The module ``pyrealsense2``, or a sentence on how to get it."""
    return require("pyrealsense2", "the camera (with the apt package libusb-1.0-0)")


@lru_cache(maxsize=1)
def _context() -> Any:
    return realsense().context()


def connected_devices() -> Iterable[Any]:
    """The RealSense devices that are plugged in now, queried on iteration."""
    yield from _context().query_devices()
