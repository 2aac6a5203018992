"""Answers of a generator's service: taken only for the image that was asked about."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.srv import GenerateGrasps
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from affordance_grasp.candidates.external.external_grasps import GeneratorFault
from affordance_grasp.nodes.inputs import remote
from affordance_grasp.nodes.inputs.frames import StampedFrame
from affordance_grasp.nodes.inputs.remote import ServedFrame

OPTICAL = "camera_color_optical_frame"


def header(frame=OPTICAL, sec=100):
    return Header(frame_id=frame, stamp=Time(sec=sec))


def answered(monkeypatch, answer_header):
    response = GenerateGrasps.Response(success=True)
    response.candidates.header = answer_header
    response.candidates.generator = "another"
    monkeypatch.setattr(remote, "call", lambda client, request, timeout_s: response)
    services = SimpleNamespace(generate=None, timeout_s=1.0)
    stamped = StampedFrame(Image(header=header()), Image(header=header()), CameraInfo())
    return ServedFrame(services, stamped, 0.085).generate(None)


def test_grasps_of_the_image_are_taken(monkeypatch):
    assert answered(monkeypatch, header()).generator == "another"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (header("base_link"), "answered in frame 'base_link'; grasps must be in the image's"),
        (header(sec=99), "answered with stamp 99.000 s; it must be that of the image, 100.000"),
    ],
)
def test_grasps_in_another_frame_or_of_another_image_are_refused(monkeypatch, wrong, words):
    with pytest.raises(GeneratorFault, match=words):
        answered(monkeypatch, wrong)
