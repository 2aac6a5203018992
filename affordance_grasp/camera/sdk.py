"""The camera maker's library, needed only where a real camera is."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from affordance_grasp.errors import InvalidInput


@lru_cache(maxsize=1)
def realsense() -> Any:
    """The module ``pyrealsense2``, or a sentence on how to get it."""
    try:
        import pyrealsense2
    except ImportError as error:  # also when the system's libusb is missing
        raise InvalidInput(
            f"the camera's library cannot be loaded ({error}); pip install pyrealsense2 and "
            "apt-get install libusb-1.0-0"
        ) from error
    return pyrealsense2


@lru_cache(maxsize=1)
def _context() -> Any:
    return realsense().context()


def connected_devices() -> Iterable[Any]:
    """The RealSense devices that are plugged in now, looked for when they are iterated over."""
    yield from _context().query_devices()
