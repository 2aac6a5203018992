"""The camera through the maker's own library, fed with frames of known depth."""

import resource
import weakref
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event, Thread
from time import time

import numpy as np
import pytest

pytest.importorskip("pyrealsense2", reason="no pyrealsense2 (or no libusb-1.0) here")

import pyrealsense2 as rs
from software_camera import BASELINE_M, COLOR_FOCAL, EPOCH_MS, SETTINGS, SoftwareCamera, Streaming

from affordance_grasp.camera import sdk
from affordance_grasp.camera.realsense import CameraLost, RealSenseCamera, find_device
from affordance_grasp.errors import InvalidInput

PATIENCE_S = 10.0


@pytest.fixture
def opened():
    """Opens cameras and closes them again."""
    cameras = []

    def open_camera(software, **changes):
        cameras.append(RealSenseCamera(software.device, replace(SETTINGS, **changes)))
        return cameras[-1]

    yield open_camera
    for camera in cameras:
        camera.close()


def first_frame(opened, software, streamed=None, **changes):
    camera = opened(software, **changes)
    with Streaming(software, **(streamed or {})):
        return camera.next(PATIENCE_S)


@pytest.mark.parametrize("scale_m", [0.001, 0.0001, 0.00025])
def test_depth_is_in_metres_whatever_the_camera_counts_in(opened, scale_m):
    taken = first_frame(opened, SoftwareCamera(scale_m=scale_m), {"depth_m": 0.5})
    assert taken.frame.depth_m.shape == (240, 320)
    seen = taken.frame.depth_m[taken.frame.depth_m > 0]
    assert seen.size > 0.9 * 320 * 240
    np.testing.assert_allclose(seen, 0.5, atol=1e-6)
    assert (taken.frame.color == [200, 100, 50]).all()


def test_the_scale_of_the_frame_counts_when_the_sensor_tells_another(opened):
    software = SoftwareCamera(scale_m=0.001, frame_scale_m=0.0005)
    taken = first_frame(opened, software, {"depth_m": 0.4})
    np.testing.assert_allclose(taken.frame.depth_m[taken.frame.depth_m > 0], 0.4, atol=1e-6)


def test_an_absurd_depth_scale_is_refused(opened):
    with pytest.raises(InvalidInput, match="counts depth in units of 0.5 m; expected"):
        first_frame(opened, SoftwareCamera(frame_scale_m=0.5))


def test_a_near_square_is_seen_where_the_colour_camera_sees_it(opened):
    depth_m = np.full((240, 424), 0.8)
    depth_m[100:140, 192:232] = 0.4
    taken = first_frame(opened, SoftwareCamera(), {"depth_m": depth_m})
    near = taken.frame.depth_m == np.float32(0.4)
    columns = np.flatnonzero(near.any(axis=0))
    center_u = (columns[0] + columns[-1]) / 2
    assert center_u == pytest.approx(160 + COLOR_FOCAL * BASELINE_M / 0.4, abs=1.5)
    assert columns.size == pytest.approx(40 * COLOR_FOCAL / 210, abs=3)


def test_stamps_are_this_machines_clock_when_the_camera_gives_it(opened):
    taken = first_frame(opened, SoftwareCamera())
    assert not taken.host_stamp
    period_s = 1 / SETTINGS.rate_hz
    number = taken.numbers["color"]
    assert taken.stamp_s == pytest.approx(EPOCH_MS / 1000 + number * period_s, abs=1e-3)


def test_a_camera_with_a_clock_of_its_own_is_stamped_on_arrival(opened):
    taken = first_frame(opened, SoftwareCamera(domain=rs.timestamp_domain.hardware_clock))
    assert taken.host_stamp
    assert abs(taken.stamp_s - time()) < PATIENCE_S


def test_intrinsics_are_those_of_the_colour_stream(opened):
    taken = first_frame(opened, SoftwareCamera())
    intrinsics = taken.frame.intrinsics
    assert (intrinsics.fx, intrinsics.cx, intrinsics.width) == (COLOR_FOCAL, 160.0, 320)
    assert taken.distortion.coefficients == ()


@pytest.mark.parametrize(
    "filters",
    [
        {"decimation": 2},
        {"spatial": True, "temporal": True},
        {"hole_filling": "farthest"},
        {"decimation": 3, "spatial": True, "temporal": True, "hole_filling": "nearest"},
    ],
    ids=str,
)
def test_filters_leave_a_flat_wall_where_it_is(opened, filters):
    taken = first_frame(opened, SoftwareCamera(), {"depth_m": 0.6}, **filters)
    seen = taken.frame.depth_m[taken.frame.depth_m > 0]
    assert seen.size > 0.9 * 320 * 240
    np.testing.assert_allclose(seen, 0.6, atol=2e-3)


def test_only_hole_filling_gives_depth_to_what_has_none(opened):
    depth_m = np.full((240, 424), 0.6)
    depth_m[110:130, 200:220] = 0.0
    bare = first_frame(opened, SoftwareCamera(), {"depth_m": depth_m})
    filled = first_frame(opened, SoftwareCamera(), {"depth_m": depth_m}, hole_filling="nearest")
    hole = bare.frame.depth_m[115:125, 155:165]
    assert hole.max() == 0
    np.testing.assert_allclose(filled.frame.depth_m[115:125, 155:165], 0.6, atol=2e-3)


def test_the_preset_is_set_on_the_camera(opened):
    software = SoftwareCamera()
    opened(software, preset="high_accuracy")
    assert software.depth.get_option(rs.option.visual_preset) == float(
        rs.rs400_visual_preset.high_accuracy
    )


def test_presets_are_numbered_as_the_library_does():
    from affordance_grasp.camera.settings import PRESETS

    assert {name: int(value) for name, value in rs.rs400_visual_preset.__members__.items()} == {
        name: number for number, name in enumerate(PRESETS)
    }


def test_the_temperature_is_told(opened):
    assert opened(SoftwareCamera()).temperature_c() == pytest.approx(36.5)


def test_a_size_that_the_camera_has_not_lists_those_it_has(opened):
    with pytest.raises(InvalidInput, match=r"no color stream of 641x480.*offers 320x240 at 30 Hz"):
        opened(SoftwareCamera(), width=641, height=480)


def test_a_camera_that_falls_silent_is_lost(opened):
    software = SoftwareCamera()
    camera = opened(software)
    with Streaming(software):
        camera.next(PATIENCE_S)
    with pytest.raises(CameraLost, match="sent nothing for 0.3 s; check its cable"):
        while True:
            camera.next(0.3)


def test_colour_without_depth_is_named(opened):
    software = SoftwareCamera()
    camera = opened(software)
    with (
        Streaming(software, streams=("color",)),
        pytest.raises(CameraLost, match="sent only Color for"),
    ):
        camera.next(0.5)


def test_closing_lets_another_open_the_camera(opened):
    software = SoftwareCamera()
    opened(software).close()
    assert first_frame(opened, software).frame.depth_m.any()


def test_the_camera_is_found_by_its_serial_number():
    first, second = SoftwareCamera("111"), SoftwareCamera("222")
    devices = [first.device, second.device]
    number = rs.camera_info.serial_number
    assert find_device("222", devices).get_info(number) == "222"
    assert find_device("", devices[:1]).get_info(number) == "111"
    with pytest.raises(InvalidInput, match="set serial to one of 111, 222"):
        find_device("", devices)
    with pytest.raises(CameraLost, match="serial number 333 is connected, only 111, 222"):
        find_device("333", devices)
    with pytest.raises(CameraLost, match="no RealSense camera is connected"):
        find_device("", [])


UNPLUGGED = "xioctl(VIDIOC_QBUF) failed"


def broken(*_):
    """What the library does when the cable is pulled out during a call."""
    raise RuntimeError(UNPLUGGED)


class Unplugged:
    """A device that is still listed, or was until a moment ago."""

    def __init__(self, **calls):
        self._calls = calls

    def __getattr__(self, name):
        return self._calls.get(name, broken)


def test_a_camera_that_goes_while_it_is_looked_for_is_lost():
    answers = {"supports": lambda _: True}
    for device in (Unplugged(), Unplugged(**answers)):
        with pytest.raises(CameraLost, match="cannot be listed .*VIDIOC_QBUF.*check the cable"):
            find_device("", [device])


def test_cameras_that_cannot_be_listed_are_lost(monkeypatch):
    monkeypatch.setattr(sdk, "_context", Unplugged)
    with pytest.raises(CameraLost, match="cannot be listed .*VIDIOC_QBUF"):
        find_device("", sdk.connected_devices())


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "does not tell its serial number .*VIDIOC_QBUF"),
        ({"get_info": lambda _: "012345"}, "camera 012345 cannot be opened .*VIDIOC_QBUF"),
    ],
)
def test_a_camera_that_goes_while_it_is_opened_is_lost(answers, words):
    with pytest.raises(CameraLost, match=words):
        RealSenseCamera(Unplugged(**answers), SETTINGS)


@pytest.mark.parametrize("part", ["_syncer", "_filters", "_converted"])
def test_a_camera_that_goes_while_it_streams_is_lost(opened, monkeypatch, part):
    """Waiting, filtering and aligning, and reading a frame can all fail."""
    software = SoftwareCamera()
    camera = opened(software)
    gone = Unplugged() if part == "_syncer" else broken
    monkeypatch.setattr(camera, part, gone)
    with (
        Streaming(software),
        pytest.raises(CameraLost, match="camera 012345 stopped streaming .*VIDIOC_QBUF"),
    ):
        camera.next(PATIENCE_S)


def test_memory_does_not_grow_with_the_frames(opened):
    """A frame that is not let go, here or in the library, costs 0.4 MB and more."""
    software = SoftwareCamera()
    camera, sizes_mb, seen = opened(software), [], []
    with fed(software) as taken:
        for number in range(400):
            seen.append(weakref.ref(camera.next(PATIENCE_S).frame.depth_m))
            taken.set()
            if number % 100 == 99:
                sizes_mb.append(resident_mb())
    assert sum(frame() is not None for frame in seen) <= 1
    assert sizes_mb[-1] - sizes_mb[0] < 20


@contextmanager
def fed(software):
    """The camera sends a frame whenever the last was taken, or did not find its partner."""
    taken, stop = Event(), Event()

    def run():
        for number in count(1):
            software.send(number)
            taken.wait(0.1)
            taken.clear()
            if stop.is_set():
                return

    thread = Thread(target=run)
    thread.start()
    yield taken
    stop.set()
    thread.join()


def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
