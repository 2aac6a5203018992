"""The camera is unplugged and comes back."""

from threading import Event

import pytest

pytest.importorskip("pyrealsense2", reason="no pyrealsense2 (or no libusb-1.0) here")

from software_camera import SETTINGS, SoftwareCamera, Streaming

from affordance_grasp.camera.connection import LONGEST_WAIT_S, CameraConnection, State, wait_s
from affordance_grasp.camera.realsense import RealSenseCamera, find_device
from affordance_grasp.errors import InvalidInput

FRAMES = 5
PATIENCE = 400


@pytest.fixture
def plugged():
    """The devices that are plugged in; tests change the list."""
    return []


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def said():
    return []


@pytest.fixture
def connection(plugged, pauses, said):
    def connect():
        return RealSenseCamera(find_device("", [camera.device for camera in plugged]), SETTINGS)

    connection = CameraConnection(connect, pauses.append, said.append, 0.4)
    yield connection
    connection.close()


def take(connection, count=FRAMES):
    """Frames until there are enough."""
    taken = []
    for _ in range(PATIENCE):
        frame = connection.next()
        if frame is not None:
            taken.append(frame)
        if len(taken) == count:
            return taken
    raise AssertionError(f"only {len(taken)} frames came")


def test_frames_come_and_are_counted(connection, plugged):
    plugged.append(SoftwareCamera())
    with Streaming(plugged[0]):
        numbers = [frame.numbers["color"] for frame in take(connection)]
    status = connection.status()
    assert status.state is State.STREAMING and status.serial == "012345"
    assert status.statistics.frames == FRAMES
    assert status.statistics.dropped == numbers[-1] - numbers[0] + 1 - FRAMES
    assert status.temperature_c == pytest.approx(36.5)
    assert status.fault == "" and status.reconnections == 0


def test_frames_that_the_camera_left_out_are_dropped_ones(connection, plugged):
    plugged.append(SoftwareCamera())
    with Streaming(plugged[0], skipped=range(20, 23)):
        while take(connection, 1)[0].numbers["color"] < 25:
            continue
    assert connection.status().statistics.dropped >= 3


def test_without_a_camera_the_waits_grow_to_a_limit_and_it_is_said_once(connection, pauses, said):
    assert [connection.next() for _ in range(6)] == [None] * 6
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert said == ["no RealSense camera is connected; plug one into a USB 3 port"]
    status = connection.status()
    assert status.state is State.SEARCHING and "plug one" in status.fault


def test_a_camera_that_was_unplugged_is_found_again(connection, plugged, pauses, said):
    first = SoftwareCamera()
    plugged.append(first)
    with Streaming(first):
        take(connection)
    plugged.clear()
    while connection.next() is not None:
        continue
    assert connection.status().state is State.SEARCHING
    assert "check its cable and USB port; looking for it again" in said[-1]
    assert connection.next() is None  # no camera at all now
    again = SoftwareCamera()
    plugged.append(again)
    with Streaming(again):
        assert take(connection)[0].frame.depth_m.any()
    status = connection.status()
    assert (status.state, status.reconnections, status.fault) == (State.STREAMING, 1, "")
    assert status.statistics.frames >= 2 * FRAMES
    assert said[-1] == "Software D435 012345 is streaming again"


def test_a_camera_at_which_the_library_throws_is_opened_again(connection, plugged, said):
    def broken(*_):
        raise RuntimeError("xioctl(VIDIOC_QBUF) failed")

    plugged.append(SoftwareCamera())
    with Streaming(plugged[0]):
        take(connection)
        connection._camera._filters = broken
        while connection.next() is not None:
            continue
        assert connection.status().state is State.SEARCHING
        assert "VIDIOC_QBUF" in said[-1] and "looking for it again" in said[-1]
        take(connection)
    assert connection.status().reconnections == 1


def test_what_patience_does_not_heal_is_not_tried_again(connection, plugged, pauses):
    plugged += [SoftwareCamera("1"), SoftwareCamera("2")]
    with pytest.raises(InvalidInput, match="set serial"):
        connection.next()
    assert not pauses


def test_a_long_night_without_a_camera_does_not_overflow():
    assert wait_s(10**6) == LONGEST_WAIT_S


def test_a_pause_may_be_cut_short_by_the_end():
    stop = Event()
    stop.set()
    connection = CameraConnection(lambda: find_device("", []), stop.wait, lambda _: None, 0.2)
    assert connection.next() is None
