"""How a RealSense camera is to run; every setting is also a parameter of the camera node."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from affordance_grasp.configuration.settings import Count, Settings, about, one_of

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


@dataclass(frozen=True)
class RealSenseSettings(Settings, title="camera"):
    """One camera, its two streams, and what is done to depth before it is aligned to colour."""

    serial: Annotated[str, about("serial number; empty: that of the only camera connected")] = ""
    width: Annotated[Count, about("of the colour image and of the aligned depth [pixel]")] = 640
    height: Annotated[Count, about("of the colour image and of the aligned depth [pixel]")] = 480
    depth_width: Annotated[Count, about("of depth before it is aligned [pixel]")] = 848
    depth_height: Annotated[Count, about("of depth before it is aligned [pixel]")] = 480
    rate_hz: Annotated[Count, about("frames per second of both streams")] = 15
    preset: Annotated[
        str,
        about("stereo preset; empty: as the camera is set"),
        one_of("camera preset", f"{__name__}:PRESETS"),
    ] = ""
    decimation: Annotated[
        int, Meta(ge=1, le=8), about("depth pixels per side that become one; 1: all are kept")
    ] = 1
    spatial: Annotated[bool, about("smooth depth along surfaces")] = False
    temporal: Annotated[bool, about("average depth over frames; a moving arm smears it")] = False
    hole_filling: Annotated[
        str,
        about("depth for pixels without"),
        one_of("hole filling", f"{__name__}:HOLE_FILLING"),
    ] = "off"
