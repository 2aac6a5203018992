"""Processing of a frameset: depth filters, then alignment to colour.

The order is the vendor's recommendation: decimate, filter in disparity (where a stereo camera's
noise is even), fill, align.
"""

from typing import Any

from affordance_grasp.camera.sdk import realsense
from affordance_grasp.camera.settings import HOLE_FILLING, RealSenseSettings


class DepthFilters:
    """The filters of the settings; the temporal one keeps state between frames."""

    def __init__(self, settings: RealSenseSettings) -> None:
        """Make the filters."""
        rs = realsense()
        smoothing = [rs.spatial_filter()] * settings.spatial
        smoothing += [rs.temporal_filter()] * settings.temporal
        if smoothing:
            smoothing = [rs.disparity_transform(True), *smoothing, rs.disparity_transform(False)]
        self._chain: list[Any] = []
        if settings.decimation > 1:
            decimation = rs.decimation_filter()
            decimation.set_option(rs.option.filter_magnitude, settings.decimation)
            self._chain.append(decimation)
        self._chain += smoothing
        if settings.hole_filling != "off":
            # The SDK numbers its modes from 0, without "off".
            self._chain.append(
                rs.hole_filling_filter(HOLE_FILLING.index(settings.hole_filling) - 1)
            )
        self._align = rs.align(rs.stream.color)

    def __call__(self, frameset: Any) -> Any:
        """The frameset with filtered depth at the pixels of the colour image."""
        for depth_filter in self._chain:
            frameset = depth_filter.process(frameset).as_frameset()
        return self._align.process(frameset)
