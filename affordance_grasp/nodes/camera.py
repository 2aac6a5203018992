"""A RealSense camera on the topics of the vendor's driver: colour, and depth aligned to it.

Where ``realsense2_camera`` is installed it does the same, and this node is not needed.
"""

from collections.abc import Callable, Iterable
from threading import Event, Thread
from traceback import format_exc
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from std_msgs.msg import Header

from affordance_grasp.camera.connection import CameraConnection, CameraStatus, State
from affordance_grasp.camera.realsense import CameraFrame, RealSenseCamera, find_device
from affordance_grasp.camera.sdk import connected_devices
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.nodes.inputs.frames import FramePublisher
from affordance_grasp.nodes.parameters import CameraParameters
from affordance_grasp.nodes.ros.diagnostics import Diagnostics, Health
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import run

STOP_S = 5.0
SLOW = 0.7
"""Share of its rate below which a camera gets a warning."""


class CameraNode(Node):
    """Publishes frames and diagnostics, and reconnects after the camera was unplugged."""

    def __init__(self, devices: Callable[[], Iterable[Any]] = connected_devices) -> None:
        """Open the camera; one that is not there yet is waited for."""
        super().__init__("camera")
        self._settings = p = declare(self, CameraParameters)
        self._frames = FramePublisher(self, qos_profile_sensor_data)
        self._stop = Event()
        self._fault: AffordanceGraspError | None = None
        self._connection = CameraConnection(
            lambda: RealSenseCamera(find_device(p.serial, devices()), p),
            self._stop.wait,
            self.get_logger().warning,
            p.frame_timeout_s,
        )
        self._connection.next()  # settings that cannot work are refused at the start
        self._thread = Thread(target=self._stream, name="camera")
        self._thread.start()
        Diagnostics(self, "frames", self._health)

    def close(self) -> None:
        """Stop streaming and let go of the camera."""
        self._stop.set()
        self._thread.join(STOP_S)
        self._connection.close()

    def _stream(self) -> None:
        while not self._stop.is_set():
            try:
                taken = self._connection.next()
                if taken is not None and not self._stop.is_set():
                    self._publish(taken)
            except AffordanceGraspError as error:
                self._fault = error
                return
            except Exception as error:  # a node that looks alive and sends nothing is worse
                self.get_logger().error(format_exc())
                kind = type(error).__name__
                self._fault = AffordanceGraspError(
                    f"the camera's thread has ended on {kind}: {error}; start the node again"
                )
                return

    def _publish(self, taken: CameraFrame) -> None:
        header = Header(stamp=_stamp(taken.stamp_s), frame_id=self._settings.frame_id)
        self._frames.publish(taken.frame, header, taken.distortion)

    def _health(self) -> Health:
        if self._fault is not None:
            raise self._fault
        return camera_health(self._connection.status(), float(self._settings.rate_hz))


def _stamp(seconds: float) -> Time:
    whole = int(seconds)
    return Time(sec=whole, nanosec=int((seconds - whole) * 1e9))


def camera_health(status: CameraStatus, wanted_hz: float) -> Health:
    """Level, sentence and the figures behind them."""
    level, sentence = _judged(status, wanted_hz)
    temperature = status.temperature_c
    figures = {
        "state": status.state,
        "camera": status.name,
        "serial number": status.serial,
        "frames": status.statistics.frames,
        "rate [Hz]": f"{status.statistics.rate_hz:.1f}",
        "frames dropped": status.statistics.dropped,
        "reconnections": status.reconnections,
        "temperature [C]": "unknown" if temperature is None else f"{temperature:.1f}",
        "stamped by": "this machine, on arrival" if status.host_stamp else "the camera",
    }
    return Health(sentence, level, figures, status.serial)


def _judged(status: CameraStatus, wanted_hz: float) -> tuple[bytes, str]:
    if status.state is State.SEARCHING:
        return DiagnosticStatus.ERROR, status.fault or "looking for the camera"
    rate_hz = status.statistics.rate_hz
    if rate_hz < SLOW * wanted_hz:
        return DiagnosticStatus.WARN, (
            f"{rate_hz:.1f} frames per second instead of {wanted_hz:g}; use a USB 3 "
            "port, or a lower rate_hz"
        )
    if status.host_stamp:
        return DiagnosticStatus.WARN, (
            "the camera has no global time, so images are stamped on arrival; hold the arm "
            "still while frames are taken"
        )
    return DiagnosticStatus.OK, f"{rate_hz:.1f} frames per second"


def main() -> None:
    """Run the node."""
    run(CameraNode, threads=2)


if __name__ == "__main__":
    main()
