"""Answers of a generator's service: for how long they are waited for, and which are taken."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.srv import GenerateGrasps
from builtin_interfaces.msg import Time
from grasp_answers import scene
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from affordance_grasp.candidates.target import Target
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import ExternalFault
from affordance_grasp.nodes.inputs import remote
from affordance_grasp.nodes.inputs.frames import StampedFrame
from affordance_grasp.nodes.inputs.remote import RemoteServices, ServedFrame
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused

PUBLISHED = []
OPTICAL = "camera_color_optical_frame"
NODE = SimpleNamespace(
    create_publisher=lambda *_, **__: SimpleNamespace(publish=PUBLISHED.append),
    create_client=lambda kind, name, **options: SimpleNamespace(
        srv_name=name, service_is_ready=lambda: name == "ground"
    ),
)
REQUEST = GenerateGrasps.Request(color=Image(width=640))


def header(frame=OPTICAL, sec=100):
    return Header(frame_id=frame, stamp=Time(sec=sec))


def answered(monkeypatch, answer_header):
    response = GenerateGrasps.Response(success=True)
    response.candidates.header = answer_header
    response.candidates.generator = "another"
    monkeypatch.setattr(remote, "call", lambda *_, **__: response)
    services = RemoteServices(NODE, 1.0)
    stamped = StampedFrame(Image(header=header()), Image(header=header()), CameraInfo())
    return ServedFrame(services, stamped, load_robot()).generate(None)


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
    with pytest.raises(ExternalFault, match=words):
        answered(monkeypatch, wrong)


def test_the_service_is_told_of_the_scene_and_the_topic_shows_it(monkeypatch):
    asked = []

    def call(client, request, *_, **__):
        asked.append(request)
        response = GenerateGrasps.Response(success=True)
        response.candidates.header = header()
        return response

    monkeypatch.setattr(remote, "call", call)
    PUBLISHED.clear()
    frame, understood, _ = scene()
    stamped = StampedFrame(Image(header=header()), Image(header=header()), CameraInfo())
    served = ServedFrame(RemoteServices(NODE, 1.0), stamped, load_robot())
    served.generate(frame, 3, understood, Target("hold", label=1, T_base_cam=np.eye(4)))
    told = asked[-1].target
    assert (told.query, told.label, told.gripper) == ("hold", 1, "robotiq_2f85")
    assert (told.camera.header.frame_id, told.gravity.z) == ("base_link", -1.0)
    assert [told.points] == PUBLISHED
    assert told.points.header == header()


@pytest.mark.parametrize(
    ("told_s", "limit_s"), [(60.0, 80.0), (0.0, 20.0), (1e9, 620.0), (None, 20.0)]
)
def test_grasps_are_asked_for_once_and_may_take_what_their_generator_says(
    monkeypatch, told_s, limit_s
):
    asked = []

    def call(client, request, timeout_s, attempts=2, check=None):
        asked.append((request.color.width, timeout_s, attempts))
        if told_s is None and not request.color.width:
            raise Refused("an image without pixels")
        return GenerateGrasps.Response(timeout_s=told_s or 0.0)

    monkeypatch.setattr(remote, "call", call)
    RemoteServices(NODE, 20.0).generate_grasps(REQUEST)
    assert asked == [(0, 20.0, 2), (640, limit_s, 1)]


def test_a_generator_that_has_gone_is_not_waited_for(monkeypatch):
    def call(client, request, timeout_s, attempts=2, check=lambda: None):
        check()
        return GenerateGrasps.Response()

    monkeypatch.setattr(remote, "call", call)
    with pytest.raises(NoAnswer, match="generate_grasps is gone"):
        RemoteServices(NODE, 20.0).generate_grasps(REQUEST)
    with pytest.raises(Refused, match="cancelled"):
        RemoteServices(NODE, 20.0, _cancelled).generate_grasps(REQUEST)


def _cancelled():
    raise Refused("cancelled")
