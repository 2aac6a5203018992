"""A D435 of real pyrealsense2 objects, without hardware: two software sensors fed by hand."""

from threading import Event, Thread
from time import monotonic

import numpy as np
import pyrealsense2 as rs

from affordance_grasp.camera.settings import RealSenseSettings

SETTINGS = RealSenseSettings(width=320, height=240, depth_width=424, depth_height=240, rate_hz=30)
COLOR_FOCAL, DEPTH_FOCAL = 308.0, 210.0
BASELINE_M = 0.015
EPOCH_MS = 1_700_000_000_000.0
PERIOD_S = 1 / SETTINGS.rate_hz


def _intrinsics(width, height, focal, model=rs.distortion.none, coefficients=(0.0,) * 5):
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = width, height
    intrinsics.fx = intrinsics.fy = focal
    intrinsics.ppx, intrinsics.ppy = width / 2, height / 2
    intrinsics.model, intrinsics.coeffs = model, list(coefficients)
    return intrinsics


def _stream(kind, uid, pixel_format, bytes_per_pixel, intrinsics):
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid = kind, 0, uid
    stream.width, stream.height = intrinsics.width, intrinsics.height
    stream.fps, stream.bpp, stream.fmt = SETTINGS.rate_hz, bytes_per_pixel, pixel_format
    stream.intrinsics = intrinsics
    return stream


class SoftwareCamera:
    """Looks like a D435 to the library; shows what it is told to."""

    def __init__(
        self,
        serial="012345",
        *,
        scale_m=0.001,
        model=rs.distortion.none,
        coefficients=(0.0,) * 5,
        domain=rs.timestamp_domain.global_time,
        frame_scale_m=None,
    ):
        self.scale_m, self.domain = scale_m, domain
        self.frame_scale_m = frame_scale_m or scale_m
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.name, "Software D435")
        self.device.register_info(rs.camera_info.serial_number, serial)
        self.depth = self.device.add_sensor("Stereo Module")
        self.color = self.device.add_sensor("RGB Camera")
        s = SETTINGS
        depth = _intrinsics(s.depth_width, s.depth_height, DEPTH_FOCAL)
        color = _intrinsics(s.width, s.height, COLOR_FOCAL, model, coefficients)
        self.depth_profile = self.depth.add_video_stream(
            _stream(rs.stream.depth, 0, rs.format.z16, 2, depth), True
        )
        self.color_profile = self.color.add_video_stream(
            _stream(rs.stream.color, 1, rs.format.rgb8, 3, color), True
        )
        self._options()
        place = rs.extrinsics()
        place.rotation, place.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [BASELINE_M, 0, 0]
        self.depth_profile.register_extrinsics_to(self.color_profile, place)
        self.device.create_matcher(rs.matchers.dlr_c)
        self._kept = {}

    def _options(self):
        self.depth.add_read_only_option(rs.option.depth_units, self.scale_m)
        self.depth.add_read_only_option(rs.option.stereo_baseline, 50.0)
        self.depth.add_read_only_option(rs.option.asic_temperature, 36.5)
        presets = rs.option_range()
        presets.min, presets.max, presets.default, presets.step = 0, 7, 0, 1
        self.depth.add_option(rs.option.visual_preset, presets, True)

    def send(self, number, depth_m=0.5, color=(200, 100, 50), streams=("depth", "color")):
        """One frame of each stream; ``depth_m`` a number or an (H, W) image."""
        if "depth" in streams:
            shape = (SETTINGS.depth_height, SETTINGS.depth_width)
            raw = np.rint(np.broadcast_to(depth_m, shape) / self.frame_scale_m).astype(np.uint16)
            self._pass(self.depth, self.depth_profile, number, raw, 2)
        if "color" in streams:
            shape = (SETTINGS.height, SETTINGS.width, 3)
            pixels = np.ascontiguousarray(np.broadcast_to(np.uint8(color), shape))
            self._pass(self.color, self.color_profile, number, pixels, 3)

    def _pass(self, sensor, profile, number, pixels, bytes_per_pixel):
        frame = rs.software_video_frame()
        frame.pixels, frame.bpp = pixels, bytes_per_pixel
        frame.stride = pixels.shape[1] * bytes_per_pixel
        frame.timestamp = EPOCH_MS + 1000 * number * PERIOD_S
        frame.domain, frame.frame_number = self.domain, number
        frame.profile = profile.as_video_stream_profile()
        frame.depth_units = self.frame_scale_m
        self._kept[sensor] = pixels  # the library reads them after this call
        sensor.on_video_frame(frame)


class Streaming:
    """Sends frames at the camera's rate until told otherwise; use it in a ``with`` block."""

    def __init__(self, camera, first=1, skipped=(), **frame):
        self._camera, self._first, self._skipped, self._frame = camera, first, skipped, frame
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        number, due = self._first, monotonic()
        while not self._stop.wait(max(0.0, due - monotonic())):
            if number not in self._skipped:
                self._camera.send(number, **self._frame)
            number, due = number + 1, due + PERIOD_S
