"""One RealSense camera (D435, D435i and kin) that streams colour with depth aligned to it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, time
from typing import Any

import numpy as np

from affordance_grasp.camera.intrinsics import distortion_of, intrinsics_of
from affordance_grasp.camera.sdk import realsense
from affordance_grasp.camera.settings import HOLE_FILLING, PRESETS, RealSenseSettings
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.distortion import Distortion
from affordance_grasp.errors import AffordanceGraspError, InvalidInput

DEPTH_SCALES_M = (1e-6, 1e-2)
QUEUED_FRAMESETS = 2


class CameraLost(AffordanceGraspError):
    """The camera is not connected, or no longer; it may come back."""


@dataclass(frozen=True)
class CameraFrame:
    """One frame and the camera's metadata of it.

    ``stamp_s``: when the colour image was taken, seconds of this machine's clock.
    ``host_stamp``: True where the camera gave no global time and the time of arrival is used.
    ``numbers``: stream -> the camera's frame number.
    """

    frame: RgbdFrame
    distortion: Distortion
    stamp_s: float
    host_stamp: bool
    numbers: dict[str, int]


def find_device(serial: str, devices: Iterable[Any]) -> Any:
    """The connected device of this serial number, or the only one."""
    number = realsense().camera_info.serial_number
    with _lost("the RealSense cameras cannot be listed"):
        found = {str(d.get_info(number)): d for d in devices if d.supports(number)}
    if not found:
        raise CameraLost("no RealSense camera is connected; plug one into a USB 3 port")
    if serial and serial not in found:
        raise CameraLost(
            f"no RealSense camera of serial number {serial} is connected, only {', '.join(found)}"
        )
    if not serial and len(found) > 1:
        raise InvalidInput(
            f"several RealSense cameras are connected; set serial to one of {', '.join(found)}"
        )
    return found[serial] if serial else next(iter(found.values()))


@contextmanager
def _lost(what: str) -> Iterator[None]:
    """The SDK raises ``RuntimeError`` when the device fails; it counts as lost then."""
    try:
        yield
    except RuntimeError as error:
        raise CameraLost(f"{what} ({error}); check the cable and the USB port") from error


class DepthFilters:
    """Depth filters, then alignment to colour; the temporal filter keeps state between frames.

    The order is the vendor's recommendation: decimate, filter in disparity (where a stereo
    camera's noise is even), fill, align.
    """

    def __init__(self, settings: RealSenseSettings) -> None:
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


class RealSenseCamera:
    """An open camera; no other program can use it until it is closed."""

    def __init__(self, device: Any, settings: RealSenseSettings) -> None:
        """Open both streams of an ``rs.device``, hardware or software, and start them."""
        rs = realsense()
        with _lost("a RealSense camera does not tell its serial number"):
            self.serial = str(device.get_info(rs.camera_info.serial_number))
            self.name = str(device.get_info(rs.camera_info.name))
        self._device = device
        self._running: list[Any] = []
        size = (settings.width, settings.height)
        depth_size = (settings.depth_width, settings.depth_height)
        try:
            self._filters = DepthFilters(settings)
            self._syncer = rs.syncer(QUEUED_FRAMESETS)
            color = self._profile(rs.stream.color, rs.format.rgb8, size, settings.rate_hz)
            depth = self._profile(rs.stream.depth, rs.format.z16, depth_size, settings.rate_hz)
            self._depth_sensor = depth[0]
            self._prepare(settings.preset)
            for sensor, profile in (color, depth):
                sensor.open(profile)
                self._running.append(sensor)
                sensor.start(self._syncer)
            stream = color[1].as_video_stream_profile().get_intrinsics()
        except RuntimeError as error:
            self.close()
            raise CameraLost(
                f"camera {self.serial} cannot be opened ({error}); is another program using it?"
            ) from error
        self._intrinsics, self._distortion = intrinsics_of(stream), distortion_of(stream)

    def next(self, timeout_s: float) -> CameraFrame:
        """Wait for the next colour image with its depth."""
        deadline, alone = monotonic() + timeout_s, set()
        with _lost(f"camera {self.serial} stopped streaming"):
            while (left_s := deadline - monotonic()) > 0:
                came, frames = self._syncer.try_wait_for_frames(int(left_s * 1000) + 1)
                if came and frames.get_color_frame() and frames.get_depth_frame():
                    return self._converted(self._filters(frames))
                if came:
                    alone |= {str(frame.get_profile().stream_name()) for frame in frames}
        what = f"only {', '.join(sorted(alone))}" if alone else "nothing"
        raise CameraLost(
            f"camera {self.serial} sent {what} for {timeout_s:g} s; check its cable and USB port"
        )

    def temperature_c(self) -> float | None:
        """Temperature of the depth processor [C], where the camera reports it."""
        option = realsense().option.asic_temperature
        try:
            known = self._depth_sensor.supports(option)
            return float(self._depth_sensor.get_option(option)) if known else None
        except RuntimeError:  # being unplugged; the next frame will report it
            return None

    def close(self) -> None:
        """Stop both streams, also of a camera that is lost."""
        for sensor in self._running:
            for stop in (sensor.stop, sensor.close):
                try:
                    stop()
                except RuntimeError:  # the device is gone, and the stream with it
                    continue
        self._running.clear()

    def _profile(
        self, stream: Any, pixel_format: Any, size: tuple[int, int], rate_hz: int
    ) -> tuple[Any, Any]:
        """The sensor and its profile for a stream."""
        offered = []
        for sensor in self._device.query_sensors():
            for profile in sensor.get_stream_profiles():
                if profile.stream_type() != stream or profile.format() != pixel_format:
                    continue
                video = profile.as_video_stream_profile()
                if (video.width(), video.height(), profile.fps()) == (*size, rate_hz):
                    return sensor, profile
                offered.append(f"{video.width()}x{video.height()} at {profile.fps()} Hz")
        raise InvalidInput(
            f"camera {self.serial} has no {stream.name} stream of {size[0]}x{size[1]} at "
            f"{rate_hz} Hz on this port; it offers {', '.join(dict.fromkeys(offered)) or 'none'}"
        )

    def _prepare(self, preset: str) -> None:
        """Set the preset, and synchronise every sensor's clock with this machine's."""
        option = realsense().option
        if preset:
            if not self._depth_sensor.supports(option.visual_preset):
                raise InvalidInput(
                    f"camera {self.serial} has no stereo presets; leave preset empty"
                )
            self._depth_sensor.set_option(option.visual_preset, float(PRESETS.index(preset)))
        for sensor in self._device.query_sensors():
            if sensor.supports(option.global_time_enabled):
                sensor.set_option(option.global_time_enabled, 1.0)

    def _converted(self, frames: Any) -> CameraFrame:
        color, depth = frames.get_color_frame(), frames.get_depth_frame()
        scale_m = float(depth.get_units())
        if not DEPTH_SCALES_M[0] <= scale_m <= DEPTH_SCALES_M[1]:
            raise InvalidInput(
                f"camera {self.serial} counts depth in units of {scale_m:g} m; expected "
                f"{DEPTH_SCALES_M[0]:g} to {DEPTH_SCALES_M[1]:g} m, such as 0.001"
            )
        depth_m = np.asanyarray(depth.get_data()).astype(np.float32) * np.float32(scale_m)
        # The SDK reuses its frame, so the pixels are copied.
        pixels = np.array(np.asanyarray(color.get_data()), np.uint8)
        host_stamp = color.get_frame_timestamp_domain() == (
            realsense().timestamp_domain.hardware_clock
        )
        return CameraFrame(
            frame=RgbdFrame(pixels, depth_m, self._intrinsics),
            distortion=self._distortion,
            stamp_s=time() if host_stamp else color.get_timestamp() / 1000,
            host_stamp=host_stamp,
            numbers={"color": color.get_frame_number(), "depth": depth.get_frame_number()},
        )
