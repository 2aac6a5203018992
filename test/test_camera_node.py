"""The camera node over DDS, fed by a software camera."""

from queue import Queue
from threading import Event, Thread
from time import monotonic

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")
pytest.importorskip("pyrealsense2", reason="no pyrealsense2 (or no libusb-1.0) here")

import pyrealsense2 as rs
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from software_camera import COLOR_FOCAL, EPOCH_MS, SETTINGS, SoftwareCamera, Streaming

from affordance_grasp.camera.connection import CameraStatus, State, StreamStatistics
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.nodes.camera import CameraNode, camera_health
from affordance_grasp.nodes.graph.processes import isolate
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, DEPTH_INFO, INFO
from affordance_grasp.streams.camera_info import to_distortion, to_intrinsics
from affordance_grasp.streams.messages import seconds, to_color, to_depth_m

WAIT_S = 60.0
PARAMETERS = {
    **{name: getattr(SETTINGS, name) for name in ("width", "height", "rate_hz")},
    **{name: getattr(SETTINGS, name) for name in ("depth_width", "depth_height")},
    "frame_timeout_s": 0.5,
    "frame_id": "the_camera",
}


class Listener:
    """Keeps what arrives on each topic, and the fault that ended the spinning."""

    def __init__(self, node):
        self.faults = Queue()
        self._arrived = {}
        self._events = {}
        for kind, topic in (
            (Image, COLOR),
            (Image, DEPTH),
            (CameraInfo, INFO),
            (CameraInfo, DEPTH_INFO),
            (DiagnosticArray, "/diagnostics"),
        ):
            self._arrived[topic], self._events[topic] = [], Event()
            node.create_subscription(kind, topic, self._keep(topic), qos_profile_sensor_data)

    def _keep(self, topic):
        def keep(message):
            self._arrived[topic].append(message)
            self._events[topic].set()

        return keep

    def next(self, topic, wanted=lambda message: True):
        """The next message of a topic that is as wanted."""
        deadline = monotonic() + WAIT_S
        while monotonic() < deadline:
            self._events[topic].clear()
            self._arrived[topic].clear()
            assert self._events[topic].wait(WAIT_S), f"nothing arrives on {topic}"
            if wanted(message := self._arrived[topic][-1]):
                return message
        raise AssertionError(f"nothing as wanted arrives on {topic}")


@pytest.fixture
def started():
    """Starts a camera node with parameters beside a listener."""
    isolate()
    stops = []

    def start(devices, **changes):
        arguments = ["--ros-args"]
        for name, value in (PARAMETERS | changes).items():
            arguments += ["-p", f"{name}:={value}"]
        rclpy.init(args=arguments)
        stops.append(rclpy.try_shutdown)
        camera, other = CameraNode(devices), Node("listener")
        executor = MultiThreadedExecutor(2)
        executor.add_node(camera)
        executor.add_node(other)
        listener = Listener(other)
        thread = Thread(target=_spin, args=(executor, listener.faults))
        thread.start()
        stops.extend([thread.join, executor.shutdown, camera.close])
        return listener

    yield start
    for stop in reversed(stops):
        stop()


def _spin(executor, faults):
    try:
        executor.spin()
    except rclpy.executors.ExternalShutdownException:
        return
    except AffordanceGraspError as error:
        faults.put(error)


def test_frames_arrive_as_the_makers_driver_sends_them(started):
    bent = (0.05, -0.1, 0.001, 0.0, 0.02)
    software = SoftwareCamera(model=rs.distortion.brown_conrady, coefficients=bent)
    with Streaming(software, depth_m=0.6):
        listener = started(lambda: [software.device])
        color, depth = listener.next(COLOR), listener.next(DEPTH)
        info, depth_info = listener.next(INFO), listener.next(DEPTH_INFO)
    assert (color.encoding, depth.encoding) == ("rgb8", "16UC1")
    assert {m.header.frame_id for m in (color, depth, info, depth_info)} == {"the_camera"}
    assert (to_color(color) == [200, 100, 50]).all()
    np.testing.assert_allclose(np.unique(to_depth_m(depth)[60:180, 80:240]), [0.6], atol=1e-6)
    intrinsics = to_intrinsics(info)
    assert (intrinsics.fx, intrinsics.width, intrinsics.height) == (COLOR_FOCAL, 320, 240)
    np.testing.assert_allclose(to_distortion(info).coefficients, bent, atol=1e-3)
    assert list(depth_info.k) == list(info.k)
    assert EPOCH_MS / 1000 < seconds(color.header.stamp) < EPOCH_MS / 1000 + WAIT_S


def test_the_node_outlives_the_cable(started):
    plugged = []
    listener = started(lambda: [camera.device for camera in plugged])
    alone = listener.next("/diagnostics").status[0]
    assert alone.level == DiagnosticStatus.ERROR and "plug one into" in alone.message
    for _ in range(2):
        software = SoftwareCamera()
        plugged[:] = [software]
        with Streaming(software):
            assert to_depth_m(listener.next(DEPTH)).any()
            fine = listener.next(
                "/diagnostics", lambda m: m.status[0].level != DiagnosticStatus.ERROR
            )
            assert fine.status[0].hardware_id == "012345"
        plugged.clear()
        lost = listener.next("/diagnostics", lambda m: m.status[0].level == DiagnosticStatus.ERROR)
        assert "camera" in lost.status[0].message
    figures = {v.key: v.value for v in lost.status[0].values}
    assert int(figures["reconnections"]) >= 1  # more where this process was slow to listen
    assert int(figures["frames"]) > 0


def test_what_can_never_work_is_said_at_once(started):
    software = SoftwareCamera()
    with pytest.raises(InvalidInput, match="offers 320x240 at 30 Hz"):
        started(lambda: [software.device], width=333)


def test_a_fault_that_nobody_foresaw_ends_the_node(started, monkeypatch, capfd):
    """A camera thread that died alone would leave a node that says it streams."""
    software = SoftwareCamera()

    def broken(self, taken):
        raise ValueError("no such thing as a frame")

    monkeypatch.setattr(CameraNode, "_publish", broken)
    with Streaming(software):
        fault = started(lambda: [software.device]).faults.get(timeout=WAIT_S)
    assert str(fault) == (
        "the camera's thread has ended on ValueError: no such thing as a frame; "
        "start the node again"
    )
    assert "in broken" in capfd.readouterr().err  # where it was, for whoever mends it


def status(**changes):
    values = {
        "state": State.STREAMING,
        "name": "D435",
        "serial": "1",
        "statistics": StreamStatistics(100, 2, 29.8),
        "reconnections": 0,
        "temperature_c": 40.0,
        "host_stamp": False,
        "fault": "",
    }
    return camera_health(CameraStatus(**(values | changes)), 30.0)


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, DiagnosticStatus.OK, "29.8 frames per second"),
        (
            {"statistics": StreamStatistics(100, 2, 12.0)},
            DiagnosticStatus.WARN,
            "use a USB 3 port, or a lower rate_hz",
        ),
        ({"host_stamp": True}, DiagnosticStatus.WARN, "stamped on arrival"),
        (
            {"state": State.SEARCHING, "fault": "it is gone"},
            DiagnosticStatus.ERROR,
            "it is gone",
        ),
    ],
)
def test_the_diagnosis_is_one_sentence(changes, level, words):
    entry = status(**changes)
    assert entry.level == level and words in entry.sentence
    figures = entry.figures
    assert figures["frames dropped"] == 2 and figures["temperature [C]"] == "40.0"


def test_a_camera_that_tells_no_temperature_is_no_fault():
    entry = status(temperature_c=None)
    assert entry.figures["temperature [C]"] == "unknown"
