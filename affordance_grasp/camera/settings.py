"""How a RealSense camera is to run; every field is also a parameter of the camera node."""

from dataclasses import dataclass, field
from typing import Any

from affordance_grasp.errors import InvalidInput, UnknownName

PRESETS = (
    "custom",
    "default",
    "hand",
    "high_accuracy",
    "high_density",
    "medium_density",
    "remove_ir_pattern",
    "edge_enhancement",
)
"""Stereo presets of the D400 series, in the camera's own numbering."""
HOLE_FILLING = ("off", "left", "farthest", "nearest")
MAX_DECIMATION = 8


def setting(default: Any, description: str) -> Any:
    """A field with a default, and words that a parameter of this name can be described with."""
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True)
class RealSenseSettings:
    """One camera, its two streams, and what is done to depth before it is aligned to colour."""

    serial: str = setting("", "serial number of the camera; empty: the only one connected")
    width: int = setting(640, "width of the colour image and of the aligned depth [pixel]")
    height: int = setting(480, "height of the colour image and of the aligned depth [pixel]")
    depth_width: int = setting(848, "width of the depth image before it is aligned [pixel]")
    depth_height: int = setting(480, "height of the depth image before it is aligned [pixel]")
    rate_hz: int = setting(15, "frames per second of both streams")
    preset: str = setting("", "stereo preset, such as high_accuracy; empty: as the camera is set")
    decimation: int = setting(1, "depth pixels per side that become one, 1 to 8; 1: all are kept")
    spatial: bool = setting(False, "smooth depth along surfaces")
    temporal: bool = setting(False, "average depth over frames; a moving arm smears it")
    hole_filling: str = setting("off", "depth for pixels without: off, left, farthest or nearest")

    def __post_init__(self) -> None:
        """Refuse sizes, rates and names that no camera has."""
        for name in ("width", "height", "depth_width", "depth_height", "rate_hz"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"camera: {name} is {getattr(self, name)}; it must be > 0")
        if self.preset and self.preset not in PRESETS:
            raise UnknownName("camera preset", self.preset, PRESETS)
        if self.hole_filling not in HOLE_FILLING:
            raise UnknownName("hole filling", self.hole_filling, HOLE_FILLING)
        if not 1 <= self.decimation <= MAX_DECIMATION:
            raise InvalidInput(
                f"camera: decimation is {self.decimation}; it must be 1 to {MAX_DECIMATION}"
            )
