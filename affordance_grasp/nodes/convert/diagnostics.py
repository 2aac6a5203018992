"""The camera's status as ``diagnostic_msgs``, for rqt, Foxglove and aggregators."""

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from affordance_grasp.camera.connection import CameraStatus, State

DIAGNOSTICS = "/diagnostics"
SLOW = 0.7
"""Share of its rate below which a camera gets a warning."""


def from_camera_status(
    status: CameraStatus, node: str, wanted_hz: float, stamp: Time
) -> DiagnosticArray:
    """One status: level, sentence and the figures behind them."""
    level, sentence = _judged(status, wanted_hz)
    temperature = status.temperature_c
    figures = {
        "state": str(status.state),
        "camera": status.name,
        "serial number": status.serial,
        "frames": str(status.statistics.frames),
        "rate [Hz]": f"{status.statistics.rate_hz:.1f}",
        "frames dropped": str(status.statistics.dropped),
        "reconnections": str(status.reconnections),
        "temperature [C]": "unknown" if temperature is None else f"{temperature:.1f}",
        "stamped by": "this machine, on arrival" if status.host_stamp else "the camera",
    }
    entry = DiagnosticStatus(
        level=level,
        name=f"{node}: frames",
        message=sentence,
        hardware_id=status.serial,
        values=[KeyValue(key=key, value=value) for key, value in figures.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[entry])


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
